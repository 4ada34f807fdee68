//! `klined-export`: reads its command line and runs.

use std::process::ExitCode;

use klined_service::args::RuntimeArgs;

fn main() -> ExitCode {
    let runtime = |_: &klined_export::args::ExportArgs| RuntimeArgs::default();
    klined_service::run_program(&klined::config::variables(), runtime, klined_export::run::run)
}
