//! The state that all routes share, and bounded work for their questions.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use klined::access::guard::{KeyPlaces, RequestGuard, Rules};
use klined::access::keys::Keys;
use klined::query::errors::Refusal;
use klined::serve::ServerOptions;
use klined::serve::kit::host::Host;
use klined::serve::kit::metrics::SocketMetrics;
use klined::serve::polygon::answers;
use klined_fx::base::Pair;
use klined_fx::market::Market;
use klined_market::base::Clock;
use klined_service::blocking;
use klined_service::prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::feed::{FxFeed, FxSubscription};
use crate::present::Present;
use crate::prices::{Prices, Question, micros_of};

/// The most questions that are worked on at once.
const WORKERS_MAX: usize = 4;

/// The vendor's rules: every path here is its.
static RULES: Rules = Rules { owns: |_| true, refused: answers::refused, keys: KeyPlaces::Shared(&[]) };

/// A server of the foreign exchange market.
pub struct FxServer {
    pub prices: Arc<Prices>,
    pub feed: FxFeed,
    pub clock: Arc<dyn Clock>,
    guard: Arc<RequestGuard>,
    sockets: SocketMetrics,
    draining: CancellationToken,
    workers: Arc<Semaphore>,
    options: ServerOptions,
}

impl FxServer {
    /// A server of a market. Without `keys` no client needs a key.
    #[must_use]
    pub fn new(market: Market, clock: Arc<dyn Clock>, keys: Option<Keys>, options: ServerOptions) -> Arc<Self> {
        let guard = RequestGuard::new(keys, options.visitors.clone(), options.of_address, &RULES, &[]);
        let prices = Arc::new(Prices::new(market));
        let workers = available_parallelism().map_or(1, |found| found.get().min(WORKERS_MAX));
        Arc::new(Self {
            feed: FxFeed::new(prices.clone()),
            prices,
            clock,
            guard: Arc::new(guard),
            sockets: SocketMetrics::default(),
            draining: CancellationToken::new(),
            workers: Arc::new(Semaphore::new(workers)),
            options,
        })
    }

    /// Takes other keys from now on. Connections that are open stay open.
    pub fn change_keys(&self, new: Keys) {
        self.guard.change_keys(new);
    }

    /// Adds the server's metrics to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("fx_api");
        self.guard.metrics.register(registry);
        self.sockets.register(registry);
    }

    /// The guard, the options, and what is cancelled when WebSockets have to close.
    #[must_use]
    pub fn front(&self) -> (&Arc<RequestGuard>, &ServerOptions, &CancellationToken) {
        (&self.guard, &self.options, &self.draining)
    }

    /// The present instant, in Unix microseconds.
    #[must_use]
    pub fn now_micros(&self) -> i64 {
        micros_of(self.clock.now_nanos().get())
    }

    /// The second that is not over yet, in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now_micros().div_euclid(1_000_000)
    }

    /// What is newest.
    ///
    /// # Errors
    /// The server has only just begun.
    pub fn present(&self) -> Result<Present, Refusal> {
        self.feed.present().ok_or(Refusal::Overloaded)
    }

    /// Asks the market on a worker thread. Quotes are those of `quoted`; bars are of any pair.
    ///
    /// # Errors
    /// The question takes too long, with the time that it waits for a worker.
    pub async fn ask<T: Send + 'static>(
        &self,
        quoted: Vec<Pair>,
        work: impl FnOnce(&mut Question<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (began, patience) = (Instant::now(), self.options.deadline);
        let worker = timeout(patience, self.workers.clone().acquire_owned()).await;
        // The semaphore is never closed.
        let Ok(Ok(worker)) = worker else { return Err(Refusal::Overloaded) };
        let left: Duration = patience.saturating_sub(began.elapsed());
        let prices = self.prices.clone();
        let asked = blocking(move || {
            let _worker = worker;
            work(&mut prices.question(&quoted, left))
        });
        asked.await.map_err(|_| Refusal::Internal(0))?
    }
}

impl Host for FxServer {
    type Feed = FxSubscription;

    fn guard(&self) -> &RequestGuard {
        &self.guard
    }

    fn socket_metrics(&self) -> &SocketMetrics {
        &self.sockets
    }

    fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    fn subscribe(&self) -> FxSubscription {
        self.feed.subscribe()
    }

    fn external_url(&self) -> Option<&str> {
        self.options.external_url.as_deref()
    }
}
