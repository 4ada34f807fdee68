//! What the guard measures of requests and of injected faults.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::chaos::{MessageFault, RequestFault};

/// A route's pattern.
type RouteLabel = [(&'static str, String); 1];
/// A route's pattern and a status, or the kind of traffic and a fault's name.
type LabelPair = [(&'static str, String); 2];

/// Requests by route, and faults by kind of traffic.
#[derive(Debug)]
pub struct GuardMetrics {
    requests: Family<LabelPair, Counter>,
    durations: Family<RouteLabel, Histogram>,
    faults: Family<LabelPair, Counter>,
    answers: AtomicU64,
}

impl Default for GuardMetrics {
    fn default() -> Self {
        // 0.1 ms to 3 s.
        let durations: Family<RouteLabel, Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0001, 2.0, 16)));
        let faults: Family<LabelPair, Counter> = Family::default();
        // There from the first on: a counter that begins with its first fault hides it.
        for (traffic, names) in [("request", RequestFault::NAMES), ("message", MessageFault::NAMES)] {
            for fault in names {
                drop(faults.get_or_create(&[("what", traffic.to_owned()), ("fault", fault.to_owned())]));
            }
        }
        Self { requests: Family::default(), durations, faults, answers: AtomicU64::new(0) }
    }
}

impl GuardMetrics {
    /// Adds the metrics to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Number of answered requests by route and status", self.requests.clone());
        registry.register(
            "request_duration_seconds",
            "Time in seconds from a request's head to its answer's head, by route",
            self.durations.clone(),
        );
        registry.register(
            "injected_faults",
            "Number of faults injected as keys' chaos profiles ask, into requests and into WebSocket messages",
            self.faults.clone(),
        );
    }

    /// Number of requests that were answered so far.
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// One request was answered after so many seconds.
    pub fn answered(&self, route: &str, status: u16, seconds: f64) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.requests.get_or_create(&[("route", route.to_owned()), ("status", status.to_string())]).inc();
        self.durations.get_or_create(&[("route", route.to_owned())]).observe(seconds);
    }

    /// A fault was injected into a `request` or a `message`.
    pub fn injected(&self, traffic: &'static str, fault: &str) {
        self.faults.get_or_create(&[("what", traffic.to_owned()), ("fault", fault.to_owned())]).inc();
    }
}
