//! `exchange-playback`: reads its command line and runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_venue::playback::main()
}
