//! Messages to systemd from a service of `Type=notify`: ready, status, watchdog, stopping. Without `NOTIFY_SOCKET` none is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::health::Health;
use crate::shutdown::Shutdown;

/// The longest time between two signs of life of a job.
const PULSE_MAX: Duration = Duration::from_secs(10);
/// How often the jobs are looked at until they work.
const STARTING_POLL: Duration = Duration::from_millis(100);
/// How much longer a start may take once a job has moved.
const START_EXTENSION: Duration = Duration::from_secs(120);

/// How often, at least, a job should show a sign of life: four times within the watchdog's deadline, and every 10 s.
#[must_use]
pub fn pulse() -> Duration {
    sd_notify::watchdog_enabled().map_or(PULSE_MAX, |deadline| (deadline / 4).min(PULSE_MAX))
}

/// Whether systemd has been sent that the service is ready; all clones share it.
#[derive(Clone, Default)]
pub(crate) struct Notifier {
    is_ready: Arc<AtomicBool>,
}

impl Notifier {
    /// The configuration is being read again. During the start it is not sent, because its end would count as the start's.
    pub fn reloading(&self) {
        if self.is_ready.load(Ordering::Relaxed) {
            // Without the time systemd only does not wait for the end of it.
            match NotifyState::monotonic_usec_now() {
                Ok(now) => send(&[NotifyState::Reloading, now]),
                Err(_) => send(&[NotifyState::Reloading]),
            }
        }
    }

    /// The configuration has been read again.
    pub fn reloaded(&self) {
        if self.is_ready.load(Ordering::Relaxed) {
            send(&[NotifyState::Ready]);
        }
    }

    /// Sends how the jobs are from now on, until the request to stop.
    pub fn start(self, health: Arc<Health>, shutdown: Shutdown) -> Reporting {
        Reporting { task: tokio::spawn(self.report(health, shutdown.clone())), shutdown }
    }

    /// The watchdog is fed only when every job has moved since the last time.
    async fn report(self, health: Arc<Health>, shutdown: Shutdown) {
        let pulse = pulse();
        let (mut fed_at, mut status): (Vec<u64>, _) = (Vec::new(), String::new());
        while !shutdown.is_requested() {
            let mut news = Vec::new();
            let was_ready = self.is_ready.load(Ordering::Relaxed);
            let is_ready = was_ready || health.is_working();
            if is_ready && !was_ready {
                self.is_ready.store(true, Ordering::Relaxed);
                news.push(NotifyState::Ready);
            }
            let moves = health.moves();
            if have_moved(&fed_at, &moves) {
                fed_at = moves;
                news.push(match is_ready {
                    true => NotifyState::Watchdog,
                    false => NotifyState::ExtendTimeoutUsec(START_EXTENSION.as_micros().try_into().unwrap_or(u32::MAX)),
                });
            }
            let summary = health.summary();
            if summary != status {
                news.push(NotifyState::Status(&summary));
            }
            send(&news);
            status = summary;
            tokio::select! {
                () = tokio::time::sleep(if is_ready { pulse } else { STARTING_POLL.min(pulse) }) => {}
                () = shutdown.requested() => {}
            }
        }
        send(&[NotifyState::Stopping, NotifyState::Status("stopping after the current unit of work")]);
    }
}

/// Whether every job has moved, or a job has been added.
fn have_moved(before: &[u64], now: &[u64]) -> bool {
    before.len() < now.len() || (!now.is_empty() && before.iter().zip(now).all(|(before, now)| before < now))
}

/// The task that reports to systemd.
pub(crate) struct Reporting {
    task: JoinHandle<()>,
    shutdown: Shutdown,
}

impl Reporting {
    /// Sends that the program stops, before it does.
    pub async fn end(self) {
        self.shutdown.request();
        if let Err(error) = self.task.await {
            warn!("cannot notify systemd: {error}");
        }
    }
}

fn send(news: &[NotifyState<'_>]) {
    if !news.is_empty()
        && let Err(error) = sd_notify::notify(news)
    {
        warn!("cannot notify systemd: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_fed_when_all_jobs_have_moved() {
        assert!(!have_moved(&[], &[]), "no job is no movement");
        assert!(have_moved(&[], &[0]), "the first look");
        assert!(!have_moved(&[3, 4], &[4, 4]), "one stands still");
        assert!(have_moved(&[3, 4], &[4, 5]));
        assert!(have_moved(&[3], &[3, 0]), "a job was added");
    }
}
