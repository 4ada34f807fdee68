//! What a market's daemons count and measure.

use std::sync::atomic::AtomicU64;

use klined_service::prometheus_client::metrics::counter::Counter;
use klined_service::prometheus_client::metrics::family::Family;
use klined_service::prometheus_client::metrics::gauge::Gauge;
use klined_service::prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use klined_service::prometheus_client::registry::{Metric, Registry};

use crate::store::PoolUse;
use klined_market::base::{Interval, Seconds, Shard, UnixSeconds};

/// One label and its value.
type OneLabel = [(&'static str, &'static str); 1];

/// The metrics of one process.
pub struct MarketMetrics {
    bars: Family<OneLabel, Counter>,
    transactions: Family<OneLabel, Histogram>,
    last_minute: Gauge,
    minute_lag: Gauge,
    backlog: Gauge<u64, AtomicU64>,
    aggregation_lag: Family<OneLabel, Gauge<f64, AtomicU64>>,
    known_days: Gauge,
    pool: Family<OneLabel, Gauge<f64, AtomicU64>>,
    shards: Family<[(&'static str, String); 2], Gauge>,
}

/// A metric that the registry shows and that is set by what is returned.
fn registered<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

impl MarketMetrics {
    /// Registers all of them. The registry ends each help text with a full stop.
    pub fn register(registry: &mut Registry) -> Self {
        // 1 ms to 33 s.
        let constructor = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let transactions: Family<OneLabel, Histogram> = Family::new_with_constructor(constructor);
        let help = "Duration of database transactions in seconds, failed ones included";
        registry.register("transaction_duration_seconds", help, transactions.clone());
        Self {
            transactions,
            bars: registered(registry, "bars_written", "Bars committed to the database, by interval"),
            last_minute: registered(
                registry,
                "last_minute_timestamp_seconds",
                "Start of the newest 1-minute bar in the database, in Unix seconds",
            ),
            minute_lag: registered(
                registry,
                "minute_lag_seconds",
                "Age in seconds of the oldest finished minute that is not yet in the database; 0 if there is none, and in test mode",
            ),
            backlog: registered(
                registry,
                "catch_up_backlog_minutes",
                "Finished trading minutes that are not yet in the database; 0 in test mode",
            ),
            aggregation_lag: registered(
                registry,
                "aggregation_lag_minutes",
                "Trading minutes between the newest 1-minute bar and the roll-ups of the symbol that is furthest behind",
            ),
            known_days: registered(
                registry,
                "calendar_known_days_remaining",
                "Days until the last day whose holidays are published; negative afterwards",
            ),
            pool: registered(
                registry,
                "pool_connections",
                "Database connections that are busy, that are idle, and that are allowed (max)",
            ),
            shards: registered(registry, "job_shard", "1 for the part of the market that the job works on"),
        }
    }

    pub fn count_bars(&self, interval: Interval, bars: usize) {
        self.bars.get_or_create(&[("interval", interval.as_str())]).inc_by(bars as u64);
    }

    pub fn observe_transaction(&self, name: &'static str, seconds: f64) {
        self.transactions.get_or_create(&[("transaction", name)]).observe(seconds);
    }

    /// Shows which part of the market a job works on.
    pub fn announce(&self, job: &'static str, shard: Shard) {
        self.shards.get_or_create(&[("job", job.to_owned()), ("shard", shard.to_string())]).set(1);
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
}
