//! What wakes a daemon.
//!
//! An alarm only says that it may be time: what is due is for the daemon to work out from what it has already done. So an alarm
//! that comes twice, late or not at all costs nothing but time.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

/// A source of wake-ups.
pub struct Alarm(Source);

enum Source {
    Interval(Interval),
    #[cfg(feature = "cron")]
    Schedule(schedule::Schedule),
}

impl Alarm {
    /// Rings at once and then every so often. Rings that were missed are left out.
    #[must_use]
    pub fn every(period: Duration) -> Self {
        Self(Source::Interval(interval(Duration::ZERO, period)))
    }

    /// Rings on a schedule, six fields of cron with the seconds first, in a time zone; and after `longest_sleep` at the latest,
    /// should the schedule fail. The scheduler reads the zone's offset once, at the start: in a zone with daylight saving time the
    /// rings move by an hour when it changes.
    ///
    /// # Errors
    /// The pattern is not valid, or the scheduler cannot be started.
    #[cfg(feature = "cron")]
    pub async fn on_schedule(
        pattern: &str,
        zone: impl chrono::TimeZone + Send + Sync + 'static,
        longest_sleep: Duration,
    ) -> anyhow::Result<Self> {
        schedule::Schedule::start(pattern, zone, longest_sleep).await.map(Source::Schedule).map(Self)
    }

    /// Waits for the next ring. A caller that stops waiting misses none.
    pub async fn ring(&mut self) {
        match &mut self.0 {
            Source::Interval(interval) => drop(interval.tick().await),
            #[cfg(feature = "cron")]
            Source::Schedule(schedule) => schedule.ring().await,
        }
    }
}

fn interval(first: Duration, period: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(tokio::time::Instant::now() + first, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

#[cfg(feature = "cron")]
mod schedule {
    use std::sync::Arc;
    use std::time::Duration;

    use anyhow::Context;
    use tokio::sync::Notify;
    use tokio::time::Interval;
    use tokio_cron_scheduler::{Job, JobScheduler};

    /// A cron schedule and the interval that stands in for it.
    pub struct Schedule {
        rung: Arc<Notify>,
        fallback: Interval,
        _scheduler: JobScheduler,
    }

    impl Schedule {
        pub async fn start(
            pattern: &str,
            zone: impl chrono::TimeZone + Send + Sync + 'static,
            longest_sleep: Duration,
        ) -> anyhow::Result<Self> {
            let context = "cannot start the scheduler";
            let rung = Arc::new(Notify::new());
            let ring = rung.clone();
            let job = Job::new_async_tz(pattern, zone, move |_, _| {
                let ring = ring.clone();
                Box::pin(async move { ring.notify_one() })
            })
            .with_context(|| format!("{context}: \"{pattern}\""))?;
            let scheduler = JobScheduler::new().await.context(context)?;
            scheduler.add(job).await.context(context)?;
            scheduler.start().await.context(context)?;
            Ok(Self { rung, fallback: super::interval(longest_sleep, longest_sleep), _scheduler: scheduler })
        }

        pub async fn ring(&mut self) {
            tokio::select! {
                () = self.rung.notified() => {}
                _ = self.fallback.tick() => {}
            }
        }
    }
}
