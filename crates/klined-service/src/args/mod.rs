//! The flags and variables that daemons share, one block a concern. A daemon flattens [`ServiceArgs`] into its
//! command line.

mod health;
mod log;
mod runtime;

pub use health::{HealthArgs, ListenAddress, listen_address};
pub use log::{LogArgs, LogFormat};
pub use runtime::RuntimeArgs;

use clap::Args;

/// What a daemon takes beside its own flags: `--check`, health, logs and threads.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    #[command(flatten)]
    pub check: CheckArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

/// Health, logs and threads.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub health: HealthArgs,
    #[command(flatten)]
    pub log: LogArgs,
    #[command(flatten)]
    pub runtime: RuntimeArgs,
}

impl From<RunArgs> for ServiceArgs {
    /// For a command that has no `--check`.
    fn from(run: RunArgs) -> Self {
        Self { check: CheckArgs::default(), run }
    }
}

/// `--check`, for programs that have it.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct CheckArgs {
    /// Check whether the program could run: print one line for each check, change nothing, and exit
    #[arg(long, env = "KLINED_CHECK", help_heading = None::<&str>)]
    pub check: bool,
}
