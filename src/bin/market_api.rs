//! `market-api`: reads its command line and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined::daemon::main(klined::daemon::run_api)
}
