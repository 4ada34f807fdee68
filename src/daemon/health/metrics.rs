//! What is counted and measured, under names that begin with `klined_`.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::store::PoolUse;
use klined_market::base::{Interval, Seconds, Shard, UnixSeconds};

/// One label and its value.
type Label = [(&'static str, &'static str); 1];
type Numbers = Family<Label, Gauge<f64, AtomicU64>>;

/// The metrics of one process.
pub struct Metrics {
    registry: Registry,
    bars: Family<Label, Counter>,
    transactions: Family<Label, Histogram>,
    retries: Family<Label, Counter>,
    last_minute: Gauge,
    minute_lag: Gauge,
    backlog: Gauge<u64, AtomicU64>,
    aggregation_lag: Numbers,
    known_days: Gauge,
    pool: Numbers,
    ready: Numbers,
    silence: Numbers,
    shards: Family<[(&'static str, String); 2], Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("klined");
        registry.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        // 1 ms to 33 s.
        let constructor = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let transactions: Family<Label, Histogram> = Family::new_with_constructor(constructor);
        let help = "How long transactions took, those that failed included";
        registry.register("transaction_duration_seconds", help, transactions.clone());
        let to = &mut registry;
        Self {
            bars: registered(to, "bars_written", "Bars committed, by interval"),
            transactions,
            retries: registered(to, "retries", "Failures after which a job was tried again"),
            last_minute: registered(to, "last_minute_timestamp_seconds", "Start of the last 1-minute bar committed"),
            minute_lag: registered(
                to,
                "minute_lag_seconds",
                "Since when the oldest minute that is over and not committed is over; 0 when there is none, and in test mode",
            ),
            backlog: registered(
                to,
                "catch_up_backlog_minutes",
                "Trading minutes that are over and not committed; 0 in test mode",
            ),
            aggregation_lag: registered(
                to,
                "aggregation_lag_minutes",
                "Trading minutes from the least advanced symbol's roll-ups to the newest 1-minute bar, by interval",
            ),
            known_days: registered(
                to,
                "calendar_known_days_remaining",
                "Days from today to the last one whose holidays are known",
            ),
            pool: registered(to, "pool_connections", "Database connections: busy, idle and the most"),
            ready: registered(to, "job_ready", "1 when the job is ready, as /readyz tells"),
            silence: registered(to, "job_silence_seconds", "Since when the database has not answered the job"),
            shards: registered(to, "job_shard", "1 for the part of the market that the job is for"),
            registry,
        }
    }
}

/// A metric that the registry shows and that is set by what is returned.
fn registered<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    pub fn count_bars(&self, interval: Interval, bars: usize) {
        self.bars.get_or_create(&[("interval", interval.as_str())]).inc_by(bars as u64);
    }

    pub fn observe_transaction(&self, name: &'static str, seconds: f64) {
        self.transactions.get_or_create(&[("transaction", name)]).observe(seconds);
    }

    /// A job's counters begin with 0, so that the first failure is seen as one.
    pub fn announce(&self, job: &'static str, shard: Shard) {
        self.shards.get_or_create(&[("job", job.to_owned()), ("shard", shard.to_string())]).set(1);
        drop(self.retries.get_or_create(&[("job", job)]));
    }

    pub fn count_retry(&self, job: &'static str) {
        self.retries.get_or_create(&[("job", job)]).inc();
    }

    pub fn set_last_minute(&self, start: UnixSeconds) {
        self.last_minute.set(start.get());
    }

    pub fn set_minute_lag(&self, lag: Seconds, minutes: u64) {
        self.minute_lag.set(lag.get());
        self.backlog.set(minutes);
    }

    /// One watermark moves all intervals of a symbol together, so they lag alike.
    pub fn set_aggregation_lag(&self, minutes: u64) {
        for interval in Interval::ROLLED {
            self.aggregation_lag.get_or_create(&[("interval", interval.as_str())]).set(minutes as f64);
        }
    }

    pub fn set_known_days(&self, days: i64) {
        self.known_days.set(days);
    }

    pub fn set_pool(&self, pool: PoolUse) {
        for (state, count) in [("busy", pool.busy), ("idle", pool.idle), ("max", pool.max)] {
            self.pool.get_or_create(&[("state", state)]).set(f64::from(count));
        }
    }

    pub fn set_job(&self, job: &'static str, is_ready: bool, silence_seconds: f64) {
        self.ready.get_or_create(&[("job", job)]).set(f64::from(u8::from(is_ready)));
        self.silence.get_or_create(&[("job", job)]).set(silence_seconds);
    }

    /// All of them as OpenMetrics text.
    ///
    /// # Errors
    /// Formatting fails, which it does not.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
