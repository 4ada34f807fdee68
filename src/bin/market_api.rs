//! `market-api`: reads its command line and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_service::run_daemon::<klined::config::ApiArgs>(&klined::config::variables())
}
