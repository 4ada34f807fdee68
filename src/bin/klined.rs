//! `klined`: reads its command line and runs.

use std::process::ExitCode;

use klined::config::{KlinedArgs, variables};

fn main() -> ExitCode {
    klined_service::run_program(&variables(), KlinedArgs::runtime, klined::daemon::run_klined)
}
