//! What the relay measures, under names that begin with `klined_api_relay_`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::router::Routed;
use super::vendor::Vendor;

/// A vendor and its feed.
type LinkLabels = [(&'static str, String); 2];
/// A vendor and what became of a request.
type RequestLabels = [(&'static str, &'static str); 2];

/// The metrics of all connections.
#[derive(Debug, Default)]
pub(super) struct RelayMetrics {
    synthetic: Gauge,
    connected: Family<LinkLabels, Gauge>,
    topics: Family<LinkLabels, Gauge>,
    frames: Family<LinkLabels, Counter>,
    bytes: Family<LinkLabels, Counter>,
    messages: Family<LinkLabels, Counter>,
    shadowed: Family<LinkLabels, Counter>,
    deliveries: Family<LinkLabels, Counter>,
    malformed: Family<LinkLabels, Counter>,
    losses: Family<LinkLabels, Counter>,
    refusals: Family<LinkLabels, Counter>,
    missing_ms: Family<LinkLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
}

/// The metrics of one connection.
#[derive(Debug)]
pub(super) struct LinkMetrics {
    connected: Gauge,
    topics: Gauge,
    frames: Counter,
    bytes: Counter,
    messages: Counter,
    shadowed: Counter,
    deliveries: Counter,
    malformed: Counter,
    losses: Counter,
    refusals: Counter,
    missing_ms: Counter,
    has_seen_malformed: AtomicBool,
}

/// What became of a request that was passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The vendor was asked.
    Sent,
    /// An identical request was on its way, and its answer serves both.
    Shared,
    /// There was no answer.
    Failed,
}

impl RelayMetrics {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "relay_synthetic_symbols",
            "Number of symbols of the synthetic market, which no vendor is asked for",
            self.synthetic.clone(),
        );
        let gauges = [
            ("relay_connected", "1 while the connection to the vendor's feed is open", &self.connected),
            ("relay_topics", "Number of subscriptions at the vendor", &self.topics),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        let counters = [
            ("relay_frames", "Number of frames that the vendor sent", &self.frames),
            ("relay_bytes", "Number of bytes in these frames", &self.bytes),
            ("relay_messages", "Number of messages with data in these frames", &self.messages),
            (
                "relay_shadowed_messages",
                "Number of the vendor's messages about symbols of the synthetic market, which go to no client",
                &self.shadowed,
            ),
            ("relay_deliveries", "Number of frames that clients were handed", &self.deliveries),
            ("relay_malformed_frames", "Number of frames that could not be read", &self.malformed),
            (
                "relay_losses",
                "Number of times that there was no connection to the vendor, or none any more",
                &self.losses,
            ),
            (
                "relay_refusals",
                "Number of times that the vendor refused the connection, as for a wrong key",
                &self.refusals,
            ),
            ("relay_missing_milliseconds", "Time without a connection between two connections", &self.missing_ms),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "relay_requests",
            "Number of requests passed on to the vendor, by outcome",
            self.requests.clone(),
        );
    }

    pub fn synthetic(&self, symbols: usize) {
        self.synthetic.set(i64::try_from(symbols).unwrap_or(i64::MAX));
    }

    /// The metrics of a feed, all there from the first on.
    pub fn of_link(self: &Arc<Self>, vendor: Vendor, feed: &str) -> LinkMetrics {
        let labels = [("vendor", vendor.as_str().to_owned()), ("feed", feed.to_owned())];
        let gauge = |family: &Family<LinkLabels, Gauge>| family.get_or_create(&labels).clone();
        let counter = |family: &Family<LinkLabels, Counter>| family.get_or_create(&labels).clone();
        LinkMetrics {
            connected: gauge(&self.connected),
            topics: gauge(&self.topics),
            frames: counter(&self.frames),
            bytes: counter(&self.bytes),
            messages: counter(&self.messages),
            shadowed: counter(&self.shadowed),
            deliveries: counter(&self.deliveries),
            malformed: counter(&self.malformed),
            losses: counter(&self.losses),
            refusals: counter(&self.refusals),
            missing_ms: counter(&self.missing_ms),
            has_seen_malformed: AtomicBool::new(false),
        }
    }

    pub fn asked(&self, vendor: Vendor, outcome: Asked) {
        let outcome = match outcome {
            Asked::Sent => "sent",
            Asked::Shared => "shared",
            Asked::Failed => "failed",
        };
        self.requests.get_or_create(&[("vendor", vendor.as_str()), ("outcome", outcome)]).inc();
    }
}

impl LinkMetrics {
    pub fn connected(&self, is_connected: bool) {
        self.connected.set(i64::from(is_connected));
    }

    pub fn topics(&self, topics: usize) {
        self.topics.set(i64::try_from(topics).unwrap_or(i64::MAX));
    }

    pub fn received(&self, bytes: usize, routed: &Routed) {
        self.frames.inc();
        self.bytes.inc_by(bytes as u64);
        self.messages.inc_by(routed.messages);
        self.shadowed.inc_by(routed.shadowed);
        self.deliveries.inc_by(routed.deliveries);
    }

    /// Counts a malformed frame. Returns whether it is the first one.
    pub fn malformed(&self) -> bool {
        self.malformed.inc();
        !self.has_seen_malformed.swap(true, Ordering::Relaxed)
    }

    pub fn lost(&self, is_refused: bool) {
        self.losses.inc();
        self.refusals.inc_by(u64::from(is_refused));
    }

    pub fn reconnected(&self, missing: Duration) {
        self.missing_ms.inc_by(u64::try_from(missing.as_millis()).unwrap_or(u64::MAX));
    }
}
