//! SIGTERM and SIGINT as one wish to stop.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::jobs::Stop;

/// The wish to stop, for code that waits and for code that works.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    pub stop: Stop,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT from now on. A second signal ends the process at once.
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
                } else {
                    // 128 + SIGTERM, as a shell reports a process that was ended by it.
                    std::process::exit(143);
                }
            }
        });
        Ok(shutdown)
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
