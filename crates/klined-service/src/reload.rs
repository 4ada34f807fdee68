//! SIGHUP: the log filter is read again, and then whatever the daemon has registered.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use crate::logging::Logs;
use crate::one_line;
use crate::systemd::Notifier;

/// Reads something again. It reports what it cannot use, and keeps what was there before.
type ReloadHook = Arc<dyn Fn() + Send + Sync>;

/// What is read again, in this order.
#[derive(Clone, Default)]
pub struct ReloadHooks(Arc<Mutex<Vec<ReloadHook>>>);

impl ReloadHooks {
    pub fn add(&self, hook: ReloadHook) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    fn hooks(&self) -> Vec<ReloadHook> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads everything again on every SIGHUP from now on. A process that was started from a terminal is left out: there the
    /// signal means that the terminal is closed.
    ///
    /// # Errors
    /// The system refuses to deliver the signal.
    pub fn listen(self, logs: Logs, notifier: Notifier) -> anyhow::Result<()> {
        if std::io::stdin().is_terminal() {
            return Ok(());
        }
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                notifier.reloading();
                match logs.reload() {
                    Ok(filter) => info!(filter, "the log filter was read again"),
                    Err(error) => error!("the log filter is unchanged: {}", one_line(&error)),
                }
                self.hooks().iter().for_each(|hook| hook());
                notifier.reloaded();
            }
        });
        Ok(())
    }
}
