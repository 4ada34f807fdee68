//! Logs: `KLINED_LOG`, `KLINED_VERBOSE`, `KLINED_LOG_FORMAT`, `KLINED_LOG_DIR`, `KLINED_NO_LOG_FILES`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Log more: every minute that is written
    #[arg(short, long, env = "KLINED_VERBOSE", value_parser = super::switch)]
    pub verbose: bool,

    /// What to log, such as "info" or "klined=debug,warn", or @FILE for a file that says it and is read again on SIGHUP;
    /// goes before --verbose
    #[arg(long, env = "KLINED_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// One line of text or one JSON object an event
    #[arg(long, env = "KLINED_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Where the daily log files go
    #[arg(long, env = "KLINED_LOG_DIR", value_name = "DIR", default_value = "logs")]
    pub log_dir: PathBuf,

    /// Log to standard error only
    #[arg(long, env = "KLINED_NO_LOG_FILES", value_parser = super::switch)]
    pub no_log_files: bool,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogArgs {
    /// The filter's directives as they stand now: of the command line, of the file that it names, or of --verbose.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn directives(&self) -> anyhow::Result<String> {
        match self.log.as_deref().map(str::trim) {
            None | Some("") => Ok(format!("warn,klined={}", if self.verbose { "debug" } else { "info" })),
            Some(filter) => match filter.strip_prefix('@') {
                None => Ok(filter.to_owned()),
                Some(path) => {
                    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read --log @{path}"))?;
                    Ok(text.trim().to_owned())
                }
            },
        }
    }
}

/// The device and inode of the journal's stream, when systemd says that it reads standard output or error.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "this module reads the environment")]
pub fn journal_stream() -> Option<(u64, u64)> {
    let text = std::env::var("JOURNAL_STREAM").ok()?;
    let (device, inode) = text.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}
