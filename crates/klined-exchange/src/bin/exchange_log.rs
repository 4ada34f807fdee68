//! `exchange-log`: reads its command line and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_exchange::programs::main(klined_exchange::programs::log)
}
