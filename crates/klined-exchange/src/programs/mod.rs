//! The command line programs: what they read, and how they end. Real time enters here and nowhere below.

mod calibrate;
mod logs;
mod performance;
mod producer;
mod stop;

use std::process::ExitCode;

use clap::Parser;

pub use calibrate::{CalibrateArgs, run as calibrate};
pub use logs::{LogArgs, run as log};
pub use producer::{ProducerArgs, run as produce};

/// Reads the command line and runs a program: status 0 for a clean end, 1 for a failure, 2 for a wrong command line.
pub fn main<Args: Parser>(run: impl FnOnce(Args) -> anyhow::Result<()>) -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
