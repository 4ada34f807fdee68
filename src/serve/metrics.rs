//! What the server counts and measures of itself, under names that begin with `klined_api_`.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::access::chaos::{MessageFault, RequestFault};
use crate::feed::Counts;

/// A route's pattern.
type Route = [(&'static str, String); 1];
/// A route's pattern and a status.
type Outcome = [(&'static str, String); 2];

/// What was befallen and the fault's name.
type Fault = [(&'static str, String); 2];

/// The metrics of one server.
pub struct Metrics {
    registry: Registry,
    requests: Family<Outcome, Counter>,
    durations: Family<Route, Histogram>,
    faults: Family<Fault, Counter>,
    clients: Gauge,
    slow_clients: Counter,
    pages_ready: Gauge,
    pages_made: Gauge,
    feed: Feed,
}

/// What the hub counts, as it was when it was last asked for.
struct Feed {
    foreseen: Counter,
    rounds: Counter,
    events: Counter,
    corrected: Counter,
    skipped: Counter,
    lagged: Counter,
    failures: Counter,
}

impl Feed {
    fn register(registry: &mut Registry) -> Self {
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        Self {
            foreseen: counter("feed_foreseen_minutes", "Minutes of stocks that were worked out ahead"),
            rounds: counter("feed_rounds", "Rounds of events"),
            events: counter("feed_events", "Events of stocks in all rounds"),
            corrected: counter("feed_corrected_bars", "Bars that were not as foreseen, or never came"),
            skipped: counter("feed_skipped_minutes", "Minutes that came too fast to be told"),
            lagged: counter("feed_lagged", "Times that a subscriber had fallen behind by the whole ring"),
            failures: counter("feed_failures", "Looks of the feed at the database that failed"),
        }
    }

    fn show(&self, counts: &Counts) {
        for (shown, count) in [
            (&self.foreseen, &counts.foreseen),
            (&self.rounds, &counts.rounds),
            (&self.events, &counts.events),
            (&self.corrected, &counts.corrected),
            (&self.skipped, &counts.skipped),
            (&self.lagged, &counts.lagged),
            (&self.failures, &counts.failures),
        ] {
            shown.inner().store(count.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
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
        let faults: Family<Fault, Counter> = Family::default();
        // Known from the first on: a counter that begins with its first fault hides it.
        for (what, names) in [("request", RequestFault::NAMES), ("message", MessageFault::NAMES)] {
            for fault in names {
                drop(faults.get_or_create(&[("what", what.to_owned()), ("fault", fault.to_owned())]));
            }
        }
        registry.register("injected_faults", "Faults that keys asked for, by what they befell", Family::clone(&faults));
        let (clients, slow_clients) = (Gauge::default(), Counter::default());
        registry.register("clients", "WebSocket connections", clients.clone());
        registry.register("slow_clients", "WebSocket clients dropped for being too slow", slow_clients.clone());
        registry.register("pages_ready", "Pages of latest bars that were found ready", pages_ready.clone());
        registry.register("pages_made", "Pages of latest bars that had to be made", pages_made.clone());
        let feed = Feed::register(&mut registry);
        Self { registry, requests, durations, faults, clients, slow_clients, pages_ready, pages_made, feed }
    }
}

impl Metrics {
    /// One request has been answered.
    pub fn answered(&self, route: &str, status: u16, seconds: f64) {
        self.requests.get_or_create(&[("route", route.to_owned()), ("status", status.to_string())]).inc();
        self.durations.get_or_create(&[("route", route.to_owned())]).observe(seconds);
    }

    /// A fault that a key asks for has befallen a `request` or a `message`.
    pub fn befell(&self, what: &'static str, fault: &str) {
        self.faults.get_or_create(&[("what", what.to_owned()), ("fault", fault.to_owned())]).inc();
    }

    /// A WebSocket has been opened.
    pub fn opened(&self) {
        self.clients.inc();
    }

    /// A WebSocket is over.
    pub fn closed(&self) {
        self.clients.dec();
    }

    /// A WebSocket client was too slow.
    pub fn dropped(&self) {
        self.slow_clients.inc();
    }

    /// All of them as OpenMetrics text, with these counts of pages and of the hub.
    ///
    /// # Errors
    /// Formatting fails, which it does not.
    pub fn text(&self, (ready, made): (u64, u64), counts: &Counts) -> Result<String, std::fmt::Error> {
        self.pages_ready.set(ready.cast_signed());
        self.pages_made.set(made.cast_signed());
        self.feed.show(counts);
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
