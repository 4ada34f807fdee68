//! The command line and its variables, read by the same rules in every program.
//!
//! - A flag goes before its variable, a variable of the environment before one of `.env`.
//! - A variable that is set and empty counts as unset. In the environment it also hides the one of `.env`.
//! - The variable of a switch takes `1`, `true`, `yes`, `on` and `0`, `false`, `no`, `off`, in any case of letters.
//! - A variable that is misspelt is refused in `.env`, and warned of in the environment.
//! - No message shows a word that may hold a password: a URL, or a part of one.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command, CommandFactory, Parser};

use crate::names::{is_misspelt, nearest};
use crate::secrets::without_secrets;
use crate::{env_file, output, say_error, terminal};

/// The command line of a program with the rules of this module on every flag: the one place where they are applied.
#[must_use]
pub fn command<Args: CommandFactory>() -> Command {
    prepared(Args::command(), &is_empty)
}

/// Reads `.env` and the command line. `others` are variables of other programs that read the same `.env`. A wrong command line
/// ends the process with status 2 and a message.
///
/// # Errors
/// `.env` exists and cannot be used.
pub(crate) fn read<Args: Parser>(others: &BTreeSet<String>) -> anyhow::Result<Args> {
    // A program that names no others cannot judge a file that it shares with them.
    let known: BTreeSet<String> = others.union(&variables_of(&Args::command())).cloned().collect();
    let is_judge = !others.is_empty();
    if is_judge {
        warn_of_misspelt(&known);
    }
    env_file::load(&known)?;
    let mut command = command::<Args>();
    let read = command.try_get_matches_from_mut(std::env::args_os());
    let args = read.and_then(|matches| Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command)));
    Ok(args.unwrap_or_else(|error| refuse(error, &command)))
}

/// Warns of variables in the environment that are misspelt. Programs of other makers put them there too, so they are no failure.
#[allow(clippy::disallowed_methods, reason = "this module reads the environment")]
fn warn_of_misspelt(known: &BTreeSet<String>) {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| is_misspelt(name, known)) {
        say_error!("warning: there is no variable {name}{}", nearest(&name, known));
    }
}

/// The names of a command's variables, and of those of its subcommands.
#[must_use]
pub fn variables_of(command: &Command) -> BTreeSet<String> {
    every_argument(command).filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned())).collect()
}

fn prepared(command: Command, is_empty: &dyn Fn(&OsStr) -> bool) -> Command {
    command.mut_args(|arg| with_rules(arg, is_empty)).mut_subcommands(|subcommand| prepared(subcommand, is_empty))
}

fn with_rules(arg: Arg, is_empty: &dyn Fn(&OsStr) -> bool) -> Arg {
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse);
    let arg = if is_switch { arg.value_parser(switch) } else { arg };
    if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg }
}

/// Reads the variable of a switch.
fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("it must be true or false".to_owned()),
    }
}

#[allow(clippy::disallowed_methods, reason = "this module reads the environment")]
fn is_empty(variable: &OsStr) -> bool {
    std::env::var_os(variable).is_some_and(|value| value.is_empty())
}

/// Ends the process with the message of a wrong command line. clap repeats wrong words as they are written, and so may the
/// messages of a program's own types.
fn refuse(mut error: clap::Error, command: &Command) -> ! {
    let is_secret = matches!(error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(flag)) if secret_flags(command).iter().any(|secret| is_flag(flag, secret)));
    // A value that is no URL at all may still hold a password.
    if is_secret && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("***".to_owned()));
    }
    if !error.use_stderr() {
        error.exit();
    }
    let rendered = error.render();
    let text = if terminal::has_colours() { rendered.ansi().to_string() } else { rendered.to_string() };
    output::ask(format_args!("{}", without_secrets(&words_given(command), &text)));
    std::process::exit(error.exit_code());
}

/// Whether clap's name of an argument, such as `--db-url <URL>`, is that of a flag.
fn is_flag(named: &str, flag: &str) -> bool {
    named.strip_prefix("--").and_then(|named| named.strip_prefix(flag)).is_some_and(|rest| !rest.starts_with('-'))
}

/// The flags whose values are hidden in the help.
fn secret_flags(command: &Command) -> Vec<String> {
    every_argument(command)
        .filter(|arg| arg.is_hide_env_values_set())
        .filter_map(|arg| arg.get_long().map(str::to_owned))
        .collect()
}

/// What was given on the command line and in the program's variables.
#[allow(clippy::disallowed_methods, reason = "this module reads the environment")]
fn words_given(command: &Command) -> Vec<String> {
    let variables = every_argument(command).filter_map(|arg| std::env::var_os(arg.get_env()?));
    std::env::args_os().chain(variables).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The arguments of a command and of its subcommands.
fn every_argument(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().chain(command.get_subcommands().flat_map(Command::get_arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_takes_every_spelling_and_nothing_else() {
        for word in ["1", "true", "yes", "on", "TRUE", "Yes"] {
            assert_eq!(switch(word), Ok(true), "{word}");
        }
        for word in ["0", "false", "no", "off", "Off"] {
            assert_eq!(switch(word), Ok(false), "{word}");
        }
        for word in ["maybe", "2", " ", "", "truee"] {
            assert_eq!(switch(word), Err("it must be true or false".to_owned()), "{word}");
        }
    }

    #[test]
    fn an_empty_variable_is_none_at_every_level() {
        let arg = |name: &'static str| Arg::new(name).long(name).env(name);
        let command = Command::new("program").arg(arg("FULL")).arg(arg("EMPTY"));
        let command = prepared(command.subcommand(Command::new("part").arg(arg("EMPTY"))), &|name| name == "EMPTY");
        let variables: Vec<_> = every_argument(&command).map(|arg| arg.get_env().and_then(OsStr::to_str)).collect();
        assert_eq!(variables, [Some("FULL"), None, None]);
    }

    #[test]
    fn a_flag_is_known_by_its_whole_name() {
        assert!(is_flag("--db-url <URL>", "db-url") && is_flag("--db-url", "db-url"));
        assert!(!is_flag("--db-url-file <FILE>", "db-url") && !is_flag("--db", "db-url"));
    }
}
