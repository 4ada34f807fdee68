//! Words of a command line that may hold a password, which no message may show.

/// A text without the words that may hold a password, each with `***` in its place.
///
/// A word is taken out as a whole or not at all: with its password alone taken out, a short one would leave holes all over the text, and
/// the holes would spell it.
#[must_use]
pub fn without_secrets(words: &[String], text: &str) -> String {
    let mut secrets: Vec<&str> = secret_words(words).flat_map(|word| [Some(word), value_of(word)]).flatten().collect();
    // The longest first, so that nothing of a word remains that holds another.
    secrets.sort_by_key(|word| std::cmp::Reverse(word.len()));
    secrets.iter().fold(text.to_owned(), |text, word| text.replace(word, "***"))
}

/// URLs, and what a shell has cut a URL into at blanks: the words up to the one with the `@`.
fn secret_words(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().enumerate().filter_map(|(at, word)| {
        let is_cut = || {
            let begin = words[..at].iter().rposition(|word| is_url(word))?;
            words[at..].iter().any(|word| has_place(word)).then_some(begin)
        };
        let is_public = || is_site(word) && !words[at..].iter().any(|word| has_place(word));
        let is_secret =
            is_url(word) && !is_public() || has_place(word) || is_cut().is_some_and(|begin| !has_place(&words[begin]));
        is_secret.then_some(word.as_str())
    })
}

fn is_url(word: &str) -> bool {
    word.contains("://")
}

/// Whether a word is an address on the web, which has a password only with a place after it.
fn is_site(word: &str) -> bool {
    let value = value_of(word).unwrap_or(word);
    ["http://", "https://"].iter().any(|scheme| value.starts_with(scheme))
}

/// Whether a word has a place after its `@`. At the beginning of a word an `@` is followed by the name of a file.
fn has_place(word: &str) -> bool {
    value_of(word).unwrap_or(word).char_indices().any(|(at, letter)| letter == '@' && at > 0)
}

/// What follows `--flag=`.
fn value_of(word: &str) -> Option<&str> {
    let (_, value) = word.strip_prefix("--")?.split_once('=')?;
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The text that a message has of a command line, word for word.
    fn shown(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        without_secrets(&words, &words.join(" "))
    }

    #[test]
    fn words_go_as_a_whole() {
        for (words, text) in [
            (vec!["generator", "--sped", "postgresql://u:a@h/db"], "generator --sped ***"),
            (vec!["generator", "--sped=postgresql://u:a@h/db", "--test"], "generator *** --test"),
            (vec!["generator", "u:a@h", "--log", "@filter"], "generator *** --log @filter"),
            (vec!["generator", "--log=@filter"], "generator --log=@filter"),
            (vec!["postgresql://u:my", "pass", "word@h/db", "--test"], "*** *** *** --test"),
            (vec!["postgresql://h/db", "--test", "--log", "@filter"], "*** --test --log @filter"),
            (vec!["--cors", "https://h/path", "--host=http://h"], "--cors https://h/path --host=http://h"),
            (vec!["--cors", "https://u:my", "pass@h"], "--cors *** ***"),
        ] {
            assert_eq!(shown(&words), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_the_same_for_every_password(password in "[!-~]{1,24}") {
            let of = |password: &str| {
                let url = format!("postgresql://market:{password}@h/db");
                let words = ["--sped".to_owned(), url.clone(), format!("--speed={url}")];
                without_secrets(&words, &format!("error: a value '{url}' for '--speed <X>' is no number; see --sped"))
            };
            prop_assert_eq!(of(&password), of("other"));
        }
    }
}
