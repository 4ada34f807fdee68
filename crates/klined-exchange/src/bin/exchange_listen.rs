//! `exchange-listen`: receives a feed.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_exchange::programs::listen()
}
