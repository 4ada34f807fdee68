//! `exchange-bars`: reads its command line and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_venue::args::main(&klined_venue::variables::variables())
}
