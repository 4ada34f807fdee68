//! SIGTERM and SIGINT as one wish to stop.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::jobs::Stop;

/// How long a transaction may go on after the wish to stop. A database that is left in its middle undoes it.
const GRACE: Duration = Duration::from_secs(4);

/// Signals this close together are one.
const TOGETHER: Duration = Duration::from_millis(500);

/// The wish to stop, for code that waits and for code that works.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    pub stop: Stop,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT from now on. A second signal, unless it comes together with the first as when one is
    /// sent to a process and to its group, ends the process at once.
    ///
    /// # Errors
    /// The system refuses to deliver signals.
    pub fn on_signals() -> anyhow::Result<Self> {
        let shutdown = Self::default();
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let told = shutdown.clone();
        tokio::spawn(async move {
            for is_first in [true, false] {
                let name = tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                };
                if is_first {
                    info!(signal = name, "stopping after the present transaction");
                    told.ask();
                    tokio::time::sleep(TOGETHER).await;
                    let _ = tokio::time::timeout(Duration::ZERO, terminate.recv()).await;
                    let _ = tokio::time::timeout(Duration::ZERO, interrupt.recv()).await;
                } else {
                    // 128 + SIGTERM, as a shell reports a process that was ended by it.
                    std::process::exit(143);
                }
            }
        });
        Ok(shutdown)
    }

    /// Ends the process a few seconds after the wish to stop, with status 0, when it has not ended by itself: a transaction
    /// waits for a lock or for a server that does not answer.
    pub fn end_in_time(&self) {
        let told = self.clone();
        tokio::spawn(async move {
            told.asked().await;
            tokio::time::sleep(GRACE).await;
            warn!("stopped in the middle of a transaction, which the database undoes");
            std::process::exit(0);
        });
    }

    /// The wish itself, for layers that know no signals.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Asks everyone to stop.
    pub fn ask(&self) {
        self.stop.ask();
        self.token.cancel();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.stop.is_asked()
    }

    /// Waits until somebody asks.
    pub async fn asked(&self) {
        self.token.cancelled().await;
    }
}
