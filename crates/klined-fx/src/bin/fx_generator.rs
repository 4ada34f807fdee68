//! `fx-generator`: reads its command line and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_fx::cli::run::main()
}
