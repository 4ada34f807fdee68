//! `market-generator`: reads its command line and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_service::run_daemon::<klined::config::GeneratorArgs>(&klined::config::variables())
}
