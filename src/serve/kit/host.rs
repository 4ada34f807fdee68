//! What the kit needs of the server that its clients are connected to. Each server has its own market and feed behind these traits.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::metrics::SocketMetrics;
use crate::access::guard::RequestGuard;
use crate::feed::Missed;

/// A server whose clients speak a dialect.
pub trait Host: Send + Sync + 'static {
    type Feed: Feed;

    fn guard(&self) -> &RequestGuard;

    fn socket_metrics(&self) -> &SocketMetrics;

    /// Cancelled when WebSockets have to close.
    fn draining(&self) -> &CancellationToken;

    /// The events of the market from now on, for one client.
    fn subscribe(&self) -> Self::Feed;

    /// Where clients reach the server, such as `https://market.example.org`; none for the host that a request names.
    fn external_url(&self) -> Option<&str>;
}

/// The events that one client receives.
pub trait Feed: Send + Sync + 'static {
    type Update: Send + Sync + 'static;

    /// Waits for the next update. The future can be dropped without losing one.
    ///
    /// # Errors
    /// The client missed updates, or the feed has ended.
    fn next(&mut self) -> impl Future<Output = Result<Arc<Self::Update>, Missed>> + Send;

    /// Waits for something that the client has to do. A feed that waits for slow clients does not wait for this one meanwhile.
    fn wait_for_client<T: Send>(&self, work: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
        work
    }
}
