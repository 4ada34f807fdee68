//! The health of a market's daemons: their metrics, and the vital signs of their jobs.

mod metrics;
mod observed;
mod vitals;

pub use vitals::{Duty, MarketVitals};

use std::sync::{Arc, OnceLock};

use klined_service::Service;

use self::metrics::MarketMetrics;
use super::clock::SystemClock;
use super::reload::Calendars;
use crate::store::BarStore;
use klined_market::base::{Clock, Shard};

/// The database that the jobs of a process share, once it is open.
type Place = Arc<OnceLock<Arc<dyn BarStore>>>;

/// The metrics that the jobs of a process share.
pub struct MarketHealth {
    service: Service,
    metrics: Arc<MarketMetrics>,
    calendars: Calendars,
    place: Place,
}

impl MarketHealth {
    /// Registers the metrics of a market.
    pub fn of(service: &Service, calendars: Calendars) -> Self {
        let metrics = Arc::new(service.metrics(MarketMetrics::register));
        let (shown, calendar) = (metrics.clone(), calendars.clone());
        service.before_metrics(move || {
            let calendar = calendar.borrow();
            if let Ok(today) = calendar.date_of(SystemClock.now()) {
                shown.set_known_days((calendar.known_until() - today).num_days());
            }
        });
        Self { service: service.clone(), metrics, calendars, place: Place::default() }
    }

    /// Adds a job on a part of the market. All jobs are added before one of them works.
    pub fn job(&self, job: &'static str, shard: Shard, duty: Duty) -> Arc<MarketVitals> {
        self.metrics.announce(job, shard);
        let name = if shard.is_whole() { job.to_owned() } else { format!("{job} {shard}") };
        let vitals = self.service.vitals(job, name, Default::default());
        let vitals =
            Arc::new(MarketVitals::new(vitals, duty, self.metrics.clone(), self.calendars.clone(), self.place.clone()));
        self.service.add_job(vitals.clone());
        vitals
    }

    /// Shows the connections of a database from now on, and whether its file is still there.
    pub fn has_opened(&self, store: Arc<dyn BarStore>) {
        self.place.get_or_init(|| store.clone());
        let metrics = self.metrics.clone();
        self.service.before_metrics(move || metrics.set_pool(store.pool()));
    }
}
