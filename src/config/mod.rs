//! Flags and variables: the one place where the environment is read.
//!
//! One block a concern, each flag with its variable; a `.env` file in the working directory or above it fills in variables
//! that are not set. Below this module everything takes parameter types of its own.

mod calendar;
mod commands;
mod database;
mod health;
mod log;
mod model;
mod realism;
mod server;
mod shard;
mod universe;

pub use calendar::CalendarArgs;
pub use commands::{
    AggregatorArgs, ApiArgs, BackfillArgs, CalendarCommand, CheckArgs, GeneratorArgs, KeyCommand, KlinedArgs,
    KlinedCommand, PaceArgs, RetentionArgs, UpArgs, VerifyArgs,
};
pub use database::DatabaseArgs;
pub use health::HealthArgs;
pub use log::{LogArgs, LogFormat, journal_stream};
pub use model::{ModelArgs, ParameterArgs};
pub use realism::{RealismArgs, SYMBOL_DAYS_MAX};
pub use server::{KeysFrom, ServerArgs};
pub use shard::ShardArgs;
pub use universe::{UniverseArgs, UniverseCommand};

use std::io::IsTerminal;

use anyhow::{Context, bail};
use clap::Parser;
use clap::error::{ContextKind, ContextValue};

use crate::store::without_passwords_of;

/// Reads `.env` and the command line. Ends the process with status 2 and a message when the command line is wrong.
///
/// # Errors
/// `.env` is there and cannot be read.
pub fn read<Args: Parser>() -> anyhow::Result<Args> {
    let context = "cannot read the .env file; correct or remove it";
    match dotenvy::dotenv() {
        Ok(_) => {}
        Err(error) if error.not_found() => {}
        // The line's own text stays out of sight, as it may hold a password.
        Err(dotenvy::Error::LineParse(line, _)) => match line.split_once('=') {
            Some((name, _)) => bail!("{context}: the value of {} is malformed", name.trim()),
            None => bail!("{context}: it has a line that is not NAME=VALUE"),
        },
        Err(error) => return Err(error).context(context),
    }
    Ok(Args::try_parse().unwrap_or_else(|error| refuse(error)))
}

/// Reads the variable behind a switch. Set to nothing is off.
fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "" | "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("it must be true or false".to_owned()),
    }
}

/// clap repeats wrong words as they stand, wherever on the command line they are, and so do the messages of our own types.
/// Every URL among arguments and variables loses its password. That of a wrong URL is left to the URL's own message.
fn refuse(mut error: clap::Error) -> ! {
    let is_url = matches!(error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(flag)) if flag.starts_with("--db-url"));
    if is_url && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("***".to_owned()));
    }
    if !error.use_stderr() {
        error.exit();
    }
    let rendered = error.render();
    let text = if std::io::stderr().is_terminal() { rendered.ansi().to_string() } else { rendered.to_string() };
    eprint!("{}", urls_given().iter().fold(text, |text, url| without_passwords_of(url, &text)));
    std::process::exit(error.exit_code());
}

/// What was said on the command line and in `DATABASE_URL` that may be a URL.
#[allow(clippy::disallowed_methods, reason = "this module reads the environment")]
fn urls_given() -> Vec<String> {
    let words = std::env::args_os().chain(std::env::var_os("DATABASE_URL"));
    words.map(|word| word.to_string_lossy().into_owned()).filter(|word| word.contains("://")).collect()
}
