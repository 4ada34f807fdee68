//! `klined`: reads its command line and runs.

use std::process::ExitCode;

use klined::config::KlinedArgs;

fn main() -> ExitCode {
    klined_service::run_program(KlinedArgs::runtime, klined::daemon::run_klined)
}
