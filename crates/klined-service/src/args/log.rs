//! Logs: `KLINED_LOG`, `KLINED_VERBOSE`, `KLINED_LOG_FORMAT`, `KLINED_LOG_DIR`, `KLINED_NO_LOG_FILES`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::text;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Log each unit of work too, in addition to the messages for operators
    #[arg(short, long, env = "KLINED_VERBOSE")]
    pub verbose: bool,

    /// Log filter, such as "info" or "klined=debug,warn"; with @FILE the filter is read from a file, and again on SIGHUP. The
    /// filter replaces --verbose
    #[arg(long, env = "KLINED_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// Write each event as one line of text or as one JSON object
    #[arg(long, env = "KLINED_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// Directory of the daily log files
    #[arg(long, env = "KLINED_LOG_DIR", value_name = "DIR", default_value = "logs")]
    pub log_dir: PathBuf,

    /// Log only to standard error, and write no log files
    #[arg(long, env = "KLINED_NO_LOG_FILES")]
    pub no_log_files: bool,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl LogArgs {
    /// The filter's directives as they stand now: from the command line, from the file that it names, or from `--verbose`
    /// for a program whose log has this name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn directives(&self, name: &str) -> anyhow::Result<String> {
        match self.log.as_deref().map(str::trim) {
            None | Some("") => {
                let level = if self.verbose { "debug" } else { "info" };
                Ok(format!("warn,klined={level},{name}={level}"))
            }
            Some(filter) => match filter.strip_prefix('@') {
                None => Ok(filter.to_owned()),
                Some(path) => {
                    let text = text::read(Path::new(path)).with_context(|| format!("cannot read --log @{path}"))?;
                    Ok(text.trim().to_owned())
                }
            },
        }
    }
}
