//! SIGTERM and SIGINT as one request to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::progress;

/// Signals that come this close together count as one.
const TOGETHER: Duration = Duration::from_millis(500);

/// The request to stop, which all clones share: for code that waits, and for code that works.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    flag: Arc<AtomicBool>,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT from now on. A second signal ends the process at once, unless it comes together with
    /// the first, as when one is sent to a process and to its group.
    ///
    /// # Errors
    /// The system refuses to deliver signals.
    pub fn on_signals() -> anyhow::Result<Self> {
        let shutdown = Self::default();
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let requested = shutdown.clone();
        tokio::spawn(async move {
            for is_first in [true, false] {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if is_first {
                    info!(signal = name, "stopping after the current unit of work");
                    requested.request();
                    tokio::time::sleep(TOGETHER).await;
                    let _ = tokio::time::timeout(Duration::ZERO, terminate.recv()).await;
                    let _ = tokio::time::timeout(Duration::ZERO, interrupt.recv()).await;
                } else {
                    // 128 + SIGTERM, as a shell reports a process that was ended by it.
                    progress::clear();
                    std::process::exit(143);
                }
            }
        });
        Ok(shutdown)
    }

    /// Ends the process with status 0 when it has not ended by itself within this time after the request: the current unit of
    /// work waits for a lock, or for a server that does not answer.
    pub fn end_within(&self, grace: Duration) {
        let requested = self.clone();
        tokio::spawn(async move {
            requested.requested().await;
            tokio::time::sleep(grace).await;
            warn!("the current unit of work did not end within {grace:?}; the process ends without it");
            progress::clear();
            std::process::exit(0);
        });
    }

    /// The request for code that works on threads of its own: true once it has been made.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }

    /// The request for code that knows no signals.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Makes the request.
    pub fn request(&self) {
        self.flag.store(true, Ordering::Relaxed);
        self.token.cancel();
    }

    /// Whether the request has been made.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Waits until the request is made.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }
}
