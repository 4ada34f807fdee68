//! `fx-api`: reads its command line and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_service::run_daemon::<klined_fx_api::program::FxApiArgs>(&klined::config::variables())
}
