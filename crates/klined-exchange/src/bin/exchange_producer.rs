//! `exchange-producer`: reads its command line and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_exchange::programs::produce()
}
