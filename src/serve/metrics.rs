//! What the server measures of itself, under names that begin with `klined_api_`.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::kit::metrics::SocketMetrics;
use crate::access::metrics::GuardMetrics;
use crate::feed::Counts;
use crate::relay::Relay;

/// One of the feed's counts.
type Count = fn(&Counts) -> &AtomicU64;

/// The metrics of one server.
pub struct ServerMetrics {
    registry: Registry,
    pub sockets: SocketMetrics,
    pages_ready: Gauge,
    pages_made: Gauge,
    feed: Vec<(Counter, Count)>,
}

impl ServerMetrics {
    /// The metrics of a server behind a guard and with a relay, which have some of their own.
    #[must_use]
    pub fn new(guard: &GuardMetrics, relay: Option<&Relay>) -> Self {
        let mut registry = Registry::with_prefix("klined_api");
        guard.register(&mut registry);
        relay.inspect(|relay| relay.register(&mut registry));
        let sockets = SocketMetrics::default();
        sockets.register(&mut registry);
        let (pages_ready, pages_made) = (Gauge::default(), Gauge::default());
        registry.register("pages_ready", "Number of latest-bar pages answered from memory", pages_ready.clone());
        registry.register("pages_made", "Number of latest-bar pages read from the database", pages_made.clone());
        let counters: [(&str, &str, Count); 7] = [
            ("foreseen_minutes", "Number of open minutes of stocks that were computed ahead", |counts| {
                &counts.foreseen
            }),
            ("rounds", "Number of event batches sent to subscribers", |counts| &counts.updates),
            ("events", "Number of stock events in all batches", |counts| &counts.events),
            ("corrected_bars", "Number of bars that differed from the computed ones or never came", |counts| {
                &counts.corrected
            }),
            ("skipped_minutes", "Number of minutes left out of the feed because they came too fast", |counts| {
                &counts.skipped
            }),
            ("lagged", "Number of times that a subscriber lost batches because it read too slowly", |counts| {
                &counts.lagged
            }),
            ("failures", "Number of failed reads of the database by the feed", |counts| &counts.failures),
        ];
        let mut register = |(name, help, count)| {
            let counter = Counter::default();
            registry.register(format!("feed_{name}"), help, counter.clone());
            (counter, count)
        };
        let feed = counters.into_iter().map(&mut register).collect();
        Self { registry, sockets, pages_ready, pages_made, feed }
    }

    /// All metrics as OpenMetrics text, with these counts of pages found and made, and the feed's.
    ///
    /// # Errors
    /// Formatting fails, which it does not.
    pub fn text(&self, (ready, made): (u64, u64), counts: &Counts) -> Result<String, std::fmt::Error> {
        self.pages_ready.set(ready.cast_signed());
        self.pages_made.set(made.cast_signed());
        for (shown, count) in &self.feed {
            shown.inner().store(count(counts).load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
