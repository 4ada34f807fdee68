//! The `.env` file: one variable a line.
//!
//! - `NAME=VALUE`, with or without `export` in front. Blanks around name and value do not count. A line that begins with `#` is a
//!   comment, and so is what follows a blank and `#` after a value.
//! - A value in single quotes is what stands between them. In double quotes `\"`, `\\`, `\$` and `\n` stand for a quote, a backslash, a
//!   dollar sign and a line break.
//! - A dollar sign is a dollar sign: no variable is put in its place, as systemd does not either in an `EnvironmentFile`.
//!
//! No message shows a value, as it may be a password.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::names::{is_misspelt, nearest};
use crate::text;

/// A variable and its value.
type Pair = (String, String);

/// Reads the `.env` file of the working directory, or of the nearest directory above it that has one, and sets its variables
/// where the environment does not. `known` are the variables of the program.
///
/// # Errors
/// The file cannot be read, has a damaged line, or names a variable of klined's that does not exist; the message names the line.
pub fn load(known: &BTreeSet<String>) -> anyhow::Result<()> {
    let Some(path) = find() else { return Ok(()) };
    let context = || format!("cannot read the .env file {}; correct or remove it", path.display());
    let pairs =
        parse(&text::read(&path).with_context(context)?, known).map_err(anyhow::Error::msg).with_context(context)?;
    // dotenvy is handed a file in which nothing has a meaning but quotes; it leaves alone what the environment has.
    let quoted: String = pairs.iter().map(|(name, value)| format!("{name}={}\n", quote(value))).collect();
    dotenvy::from_read(quoted.as_bytes()).with_context(context)
}

fn find() -> Option<PathBuf> {
    let directory = std::env::current_dir().ok()?;
    directory.ancestors().map(|directory| directory.join(".env")).find(|path| is_file(path))
}

/// Whether there is a file. One that the user may not look at counts too, so that reading it gives an error.
fn is_file(path: &Path) -> bool {
    path.try_exists().unwrap_or(true) && !path.is_dir()
}

/// A value in double quotes, as dotenvy reads them.
fn quote(value: &str) -> String {
    let escaped: String = value
        .chars()
        .flat_map(|letter| match letter {
            '\n' => vec!['\\', 'n'],
            '"' | '\\' | '$' => vec!['\\', letter],
            letter => vec![letter],
        })
        .collect();
    format!("\"{escaped}\"")
}

fn parse(text: &str, known: &BTreeSet<String>) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let in_line = |problem: String| format!("line {number}: {problem}");
        if let Some((name, value)) = parse_line(line).map_err(in_line)? {
            if is_misspelt(&name, known) {
                return Err(in_line(format!("there is no variable {name}{}", nearest(&name, known))));
            }
            pairs.push((name, value));
        }
    }
    Ok(pairs)
}

fn parse_line(line: &str) -> Result<Option<Pair>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("it is not NAME=VALUE")?;
    let name = name.trim();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.is_empty() || !name.chars().all(is_part) || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err("it is not NAME=VALUE".to_owned());
    }
    let malformed = |what: &str| format!("the value of {name} {what}");
    let value = value.trim();
    let (value, rest) = match value.chars().next() {
        Some('\'') => value[1..].split_once('\'').map(|(value, rest)| (value.to_owned(), rest)),
        Some('"') => unquote(&value[1..]).map_err(malformed)?,
        _ => Some((without_comment(value).to_owned(), "")),
    }
    .ok_or_else(|| malformed("has no closing quote"))?;
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(Some((name.to_owned(), value)))
    } else {
        Err(malformed("goes on after its closing quote"))
    }
}

/// A value without quotes, up to a comment.
fn without_comment(value: &str) -> &str {
    let is_comment = |(at, _): &(usize, &str)| *at == 0 || value[..*at].ends_with([' ', '\t']);
    let end = value.match_indices('#').find(is_comment).map_or(value.len(), |(at, _)| at);
    value[..end].trim_end()
}

/// A value after its double quote, and what follows the closing one; none where there is none.
fn unquote(text: &str) -> Result<Option<(String, &str)>, &'static str> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok(Some((value, &text[at + 1..]))),
            '\\' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, letter @ ('"' | '\\' | '$'))) => value.push(letter),
                _ => return Err("has a backslash before another character than \" \\ $ n; use single quotes"),
            },
            letter => value.push(letter),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<Pair>, String> {
        parse(line, &BTreeSet::from(["KLINED_SPEED".to_owned(), "DB_POOL_SIZE".to_owned()]))
    }

    #[test]
    fn a_value_is_what_its_writer_meant() {
        for (line, value) in [
            ("A=1", "1"),
            ("  A = 1  ", "1"),
            ("export A=1", "1"),
            ("A=", ""),
            ("A= # none", ""),
            ("A=pa$$word$", "pa$$word$"),
            ("A=${B}", "${B}"),
            ("A=\"pa$\\$w\\\"o\\\\rd\"", "pa$$w\"o\\rd"),
            ("A='pa$\\w\"ord' # comment", "pa$\\w\"ord"),
            ("A=two words # comment", "two words"),
            ("A=a#b", "a#b"),
            ("A=it's", "it's"),
            ("A=back\\slash", "back\\slash"),
            ("A=sqlite:///m.db?x=1", "sqlite:///m.db?x=1"),
        ] {
            assert_eq!(read(line), Ok(vec![("A".to_owned(), value.to_owned())]), "{line}");
        }
        for line in ["", "   ", "# A=1", "\t# x"] {
            assert_eq!(read(line), Ok(vec![]), "{line}");
        }
    }

    #[test]
    fn a_damaged_line_is_named_without_its_value() {
        for (line, words) in [
            ("s3cret and more", "it is not NAME=VALUE"),
            ("1A=s3cret", "it is not NAME=VALUE"),
            ("A B=s3cret", "it is not NAME=VALUE"),
            ("=s3cret", "it is not NAME=VALUE"),
            ("A='s3cret", "the value of A has no closing quote"),
            ("A=\"s3cret", "the value of A has no closing quote"),
            ("A=\"s3\\cret\"", "use single quotes"),
            ("A='s3cret'x", "goes on after its closing quote"),
            ("KLINED_SPED=7", "there is no variable KLINED_SPED; the nearest one is KLINED_SPEED"),
            ("DB_POOLSIZE=7", "there is no variable DB_POOLSIZE; the nearest one is DB_POOL_SIZE"),
        ] {
            let error = read(&format!("# first\n{line}\n")).unwrap_err();
            assert!(error.starts_with("line 2: ") && error.contains(words), "{line}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn every_value_passes_through_quotes() {
        for value in ["", "a b", "pa$$wo${A}rd", "\"'\\", "#x", "line\nline", "名"] {
            let read: Vec<Pair> =
                dotenvy::from_read_iter(format!("A={}\n", quote(value)).as_bytes()).map(Result::unwrap).collect();
            assert_eq!(read, [("A".to_owned(), value.to_owned())]);
        }
    }
}
