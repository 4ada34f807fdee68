//! What wakes the generator.
//!
//! An alarm only says that it may be time: which minutes are due is calendar minus watermark, so an alarm that comes
//! twice, late or not at all costs nothing but time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_cron_scheduler::{Job, JobScheduler};

use klined_market::calendar::Calendar;

/// On each full minute of the hours in which sessions lie, by the exchange's clocks, on every day: the calendar knows the holidays.
const SESSION_MINUTES: &str = "0 * 9-15 * * *";
/// How long the generator sleeps at most, should the alarm fail.
const LONGEST_SLEEP: Duration = Duration::from_secs(300);

/// A source of wake-ups.
pub enum Alarm {
    /// On the minute in real time.
    OnTheMinute { rung: Arc<Notify>, fallback: Interval, _scheduler: JobScheduler },
    /// Every so often, for test mode.
    Every(Interval),
}

impl Alarm {
    /// Rings on each full minute of the trading hours.
    ///
    /// # Errors
    /// The scheduler cannot be started.
    pub async fn on_the_minute() -> anyhow::Result<Self> {
        let context = "cannot start the scheduler";
        let rung = Arc::new(Notify::new());
        let ring = rung.clone();
        let job = Job::new_async_tz(SESSION_MINUTES, Calendar::zone(), move |_, _| {
            let ring = ring.clone();
            Box::pin(async move { ring.notify_one() })
        })
        .context(context)?;
        let scheduler = JobScheduler::new().await.context(context)?;
        scheduler.add(job).await.context(context)?;
        scheduler.start().await.context(context)?;
        let mut fallback = tokio::time::interval_at(tokio::time::Instant::now() + LONGEST_SLEEP, LONGEST_SLEEP);
        fallback.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Ok(Self::OnTheMinute { rung, fallback, _scheduler: scheduler })
    }

    /// Rings every 60/`speed` seconds, and at once.
    #[must_use]
    pub fn at_speed(speed: f64) -> Self {
        let mut interval = tokio::time::interval(Duration::from_secs_f64(60.0 / speed));
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self::Every(interval)
    }

    /// Waits for the next ring. Whoever stops waiting misses none.
    pub async fn ring(&mut self) {
        match self {
            Self::OnTheMinute { rung, fallback, .. } => tokio::select! {
                () = rung.notified() => {}
                _ = fallback.tick() => {}
            },
            Self::Every(interval) => {
                interval.tick().await;
            }
        }
    }
}
