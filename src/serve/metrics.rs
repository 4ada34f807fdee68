//! What the server counts and measures of itself, under names that begin with `klined_api_`.

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A route's pattern.
type Route = [(&'static str, String); 1];
/// A route's pattern and a status.
type Outcome = [(&'static str, String); 2];

/// The metrics of one server.
pub struct Metrics {
    registry: Registry,
    requests: Family<Outcome, Counter>,
    durations: Family<Route, Histogram>,
    pages_ready: Gauge,
    pages_made: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("klined_api");
        let requests = Family::default();
        // 0.1 ms to 3 s.
        let durations: Family<Route, Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0001, 2.0, 16)));
        let (pages_ready, pages_made) = (Gauge::default(), Gauge::default());
        registry.register("requests", "Requests answered, by route and status", Family::clone(&requests));
        registry.register(
            "request_duration_seconds",
            "From a request's head to its answer's, by route",
            Family::clone(&durations),
        );
        registry.register("pages_ready", "Pages of latest bars that were found ready", pages_ready.clone());
        registry.register("pages_made", "Pages of latest bars that had to be made", pages_made.clone());
        Self { registry, requests, durations, pages_ready, pages_made }
    }
}

impl Metrics {
    /// One request has been answered.
    pub fn answered(&self, route: &str, status: u16, seconds: f64) {
        self.requests.get_or_create(&[("route", route.to_owned()), ("status", status.to_string())]).inc();
        self.durations.get_or_create(&[("route", route.to_owned())]).observe(seconds);
    }

    /// All of them as OpenMetrics text, with these counts of pages.
    ///
    /// # Errors
    /// Formatting fails, which it does not.
    pub fn text(&self, (ready, made): (u64, u64)) -> Result<String, std::fmt::Error> {
        self.pages_ready.set(ready.cast_signed());
        self.pages_made.set(made.cast_signed());
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
