//! `exchange-feed`: sends a run's orders over the network.

use std::process::ExitCode;

fn main() -> ExitCode {
    klined_exchange::programs::feed()
}
