//! What every server measures of its WebSockets.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Open WebSockets, and those that were closed because their client read too slowly.
#[derive(Debug, Default)]
pub struct SocketMetrics {
    clients: Gauge,
    slow_clients: Counter,
}

impl SocketMetrics {
    /// Adds the metrics to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("clients", "Number of open WebSocket connections", self.clients.clone());
        registry.register(
            "slow_clients",
            "Number of WebSocket connections closed because the client read too slowly",
            self.slow_clients.clone(),
        );
    }

    /// A WebSocket was opened.
    pub fn client_connected(&self) {
        self.clients.inc();
    }

    /// A WebSocket has ended.
    pub fn client_disconnected(&self) {
        self.clients.dec();
    }

    /// A WebSocket client has lost events because it read too slowly.
    pub fn slow_client(&self) {
        self.slow_clients.inc();
    }
}
