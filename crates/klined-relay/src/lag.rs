//! How far the topics are behind the database, in trading minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use klined::store::BarStore;
use klined_exchange::kafka::Progress;
use klined_market::base::UnixSeconds;
use klined_market::calendar::Calendar;
use klined_service::prometheus_client::metrics::family::Family;
use klined_service::prometheus_client::metrics::gauge::Gauge;
use klined_service::{Service, blocking, one_line};

use crate::reader::newest_end;

/// Between two looks at how far the market is.
const LOOK: Duration = Duration::from_secs(2);
/// No instant is known.
const UNKNOWN: i64 = i64::MIN;

/// An instant up to which something is complete. Clones share it.
#[derive(Debug, Clone)]
pub struct Position(Arc<AtomicI64>);

impl Default for Position {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(UNKNOWN)))
    }
}

impl Position {
    /// It is complete up to this instant.
    pub fn is_at(&self, instant: UnixSeconds) {
        self.0.store(instant.get(), Ordering::Relaxed);
    }

    /// The instant; none while it is not known.
    #[must_use]
    pub fn get(&self) -> Option<UnixSeconds> {
        Some(self.0.load(Ordering::Relaxed)).filter(|at| *at != UNKNOWN).map(UnixSeconds::new)
    }
}

/// A topic whose lag is measured.
#[derive(Debug, Clone)]
pub struct Followed {
    pub topic: String,
    pub position: Position,
    pub progress: Progress,
}

type ByTopic = Family<Vec<(&'static str, String)>, Gauge>;

/// Adds the metrics of some topics. A topic is behind by all minutes of the market while no connection has shown where it ends.
pub fn measure(
    service: &Service,
    calendar: Arc<Calendar>,
    market: &Position,
    begins: UnixSeconds,
    topics: Vec<Followed>,
) {
    let (lag, delivered) = (ByTopic::default(), ByTopic::default());
    service.metrics(|registry| {
        let help = "Trading minutes that the database has and the topic does not have yet";
        registry.register("relay_lag_minutes", help, lag.clone());
        registry.register(
            "relay_delivered_records",
            "Records in the topic's partitions of this market",
            delivered.clone(),
        );
    });
    let market = market.clone();
    service.before_metrics(move || {
        for Followed { topic, position, progress } in &topics {
            let label = vec![("topic", topic.clone())];
            let at = position.get().unwrap_or(begins);
            let minutes = market.get().map_or(0, |newest| calendar.minutes_between(at, newest));
            lag.get_or_create(&label).set(i64::try_from(minutes).unwrap_or(i64::MAX));
            delivered.get_or_create(&label).set(i64::try_from(progress.delivered_count()).unwrap_or(i64::MAX));
        }
    });
}

/// Looks how far the market is, until the request to stop.
pub async fn watch(store: Arc<dyn BarStore>, market: Position, service: Service) {
    loop {
        let asked = store.clone();
        match blocking(move || asked.progress()).await {
            Ok(Ok(progress)) => {
                if let Some(end) = newest_end(&progress) {
                    market.is_at(end);
                }
            }
            Ok(Err(error)) => tracing::warn!("the database does not say how far the market is: {error}"),
            Err(error) => tracing::warn!("{}", one_line(&error)),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = service.shutdown().requested() => return,
        }
    }
}
