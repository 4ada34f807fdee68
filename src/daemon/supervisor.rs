//! What systemd hears of a service of `Type=notify`: ready, status, watchdog, stopping. Silent without `NOTIFY_SOCKET`.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tracing::warn;

use super::health::Health;
use super::shutdown::Shutdown;

/// How often, at least, a job has the database answer it.
const PULSE_MAX: Duration = Duration::from_secs(10);
/// How often the jobs are looked at until they hold their roles.
const LOOK: Duration = Duration::from_millis(100);
/// How much longer a start may take once a job has moved.
const START_EXTENSION: Duration = Duration::from_secs(120);

/// How often, at least, a job has the database answer it: often enough for the watchdog.
pub fn pulse() -> Duration {
    sd_notify::watchdog_enabled().map_or(PULSE_MAX, |deadline| (deadline / 4).min(PULSE_MAX))
}

/// What tells systemd how the jobs fare, until told to stop.
pub struct Report {
    task: JoinHandle<()>,
    shutdown: Shutdown,
}

impl Report {
    /// Begins to tell.
    pub fn begin(health: Arc<Health>, shutdown: Shutdown) -> Self {
        Self { task: tokio::spawn(report(health, shutdown.clone())), shutdown }
    }

    /// Tells that the program stops, before it does.
    pub async fn end(self) {
        self.shutdown.ask();
        if let Err(error) = self.task.await {
            warn!("cannot notify systemd: {error}");
        }
    }
}

/// The watchdog is fed only when every job has moved since the last time.
async fn report(health: Arc<Health>, shutdown: Shutdown) {
    let pulse = pulse();
    let (mut is_ready, mut fed_at, mut told) = (false, Vec::new(), String::new());
    while !shutdown.is_asked() {
        let mut news = Vec::new();
        if !is_ready && health.is_holding() {
            is_ready = true;
            news.push(NotifyState::Ready);
        }
        let moves = health.moves();
        if fed_at.is_empty() || fed_at.iter().zip(&moves).all(|(before, now)| before < now) {
            fed_at = moves;
            news.push(match is_ready {
                true => NotifyState::Watchdog,
                false => NotifyState::ExtendTimeoutUsec(START_EXTENSION.as_micros().try_into().unwrap_or(u32::MAX)),
            });
        }
        let summary = health.summary();
        if summary != told {
            news.push(NotifyState::Status(&summary));
        }
        tell(&news);
        told = summary;
        tokio::select! {
            () = tokio::time::sleep(if is_ready { pulse } else { LOOK.min(pulse) }) => {}
            () = shutdown.asked() => {}
        }
    }
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping after the present transaction")]);
}

/// The configuration is being read again.
pub fn reloading() {
    // Without the time systemd only does not wait for the end of it.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// It has been read.
pub fn reloaded() {
    tell(&[NotifyState::Ready]);
}

fn tell(news: &[NotifyState<'_>]) {
    if !news.is_empty()
        && let Err(error) = sd_notify::notify(news)
    {
        warn!("cannot notify systemd: {error}");
    }
}
