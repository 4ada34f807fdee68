//! `market-relay`: reads its command line and runs.

use std::process::ExitCode;

/// Kafka's client allocates memory several times for each record.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    klined_relay::run::main()
}
