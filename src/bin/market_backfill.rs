//! `market-backfill`: reads its command line and runs.

use std::process::ExitCode;

use klined_service::args::RuntimeArgs;

fn main() -> ExitCode {
    klined_service::run_program(&klined::config::variables(), |_| RuntimeArgs::default(), klined::daemon::run_backfill)
}
