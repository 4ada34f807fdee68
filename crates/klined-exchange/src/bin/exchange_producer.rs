//! `exchange-producer`: reads its command line and runs.

use std::process::ExitCode;

/// Kafka's client allocates memory several times for each record.
#[cfg(feature = "platform")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    klined_exchange::programs::produce()
}
