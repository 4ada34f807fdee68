//! Logs: `KLINED_LOG`, `KLINED_LOG_DIR`, `KLINED_NO_LOG_FILES`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// Log more: every minute that is written
    #[arg(short, long, env = "KLINED_VERBOSE", value_parser = super::switch)]
    pub verbose: bool,

    /// What to log, such as "info" or "klined=debug,warn"; goes before --verbose
    #[arg(long, env = "KLINED_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// Where the daily log files go
    #[arg(long, env = "KLINED_LOG_DIR", value_name = "DIR", default_value = "logs")]
    pub log_dir: PathBuf,

    /// Log to standard error only
    #[arg(long, env = "KLINED_NO_LOG_FILES", value_parser = super::switch)]
    pub no_log_files: bool,
}
