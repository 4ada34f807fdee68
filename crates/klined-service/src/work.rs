//! Blocking work beside the runtime.

use anyhow::Context;

/// Does blocking work on a thread of its own, so that connections and timers go on.
///
/// # Errors
/// The work ended in a panic.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a worker thread ended in a panic; this is a bug, please report it")
}
