//! The hub: sends the market's events to many subscribers as they happen.
//!
//! One thread, the pump, reads what is committed, foresees the open minute of the symbols with subscribers, and sends its trades
//! and quotes when the market's clock reaches them. Its updates go through one ring, which every subscriber reads at its own
//! pace. The pump gives way to a subscriber that the server itself keeps from reading. A subscriber that falls behind by the whole
//! ring all the same, because its client does not read, receives an error.

mod backlog;
mod builder;
mod closing;
mod interest;
mod pump;
mod stock;
mod subscription;
mod update;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{broadcast, watch};

pub use pump::{Pump, WAIT_MAX};
pub use subscription::{Missed, Subscription};
pub use update::{Closed, ENCODINGS, Event, EventKind, FeedUpdate, MarketEvent, StockEvents};

use self::backlog::Backlog;
use self::interest::Interest;
use crate::jobs::Market;
use klined_market::bars::ticks::{BestQuote, MinuteTicks, Trade};
use klined_market::base::{Clock, Symbol, UnixNanos};

/// How many updates a subscriber may be behind.
const RING: usize = 256;

/// The last ticks of a symbol.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Last {
    pub trade: Option<Trade>,
    /// The quote at which the trade was made.
    pub traded_on: Option<BestQuote>,
    /// The quote that is valid now.
    pub quote: Option<BestQuote>,
}

impl Last {
    /// The last at an instant of a minute, or after it.
    fn at(ticks: &MinuteTicks, instant: UnixNanos) -> Self {
        let trade = ticks.trades_until(instant).last().copied();
        let traded_on = trade.and_then(|trade| ticks.quotes().get(usize::from(trade.place)).copied());
        Self { trade, traded_on, quote: ticks.quote_at(instant) }
    }
}

/// Counts of the hub's work since its start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Open minutes of symbols that were computed ahead.
    pub foreseen: AtomicU64,
    /// Updates, and the stock events in them.
    pub updates: AtomicU64,
    pub events: AtomicU64,
    /// Committed bars that differ from the foreseen ones.
    pub corrected: AtomicU64,
    /// Minutes that were left out because they were too far behind.
    pub skipped: AtomicU64,
    /// Subscribers that fell behind by the whole ring.
    pub lagged: AtomicU64,
    /// Failed reads of the database.
    pub failures: AtomicU64,
}

/// The state that pump, hub and subscriptions share.
struct Shared {
    state: Mutex<FeedState>,
    /// The version of [`Interest`] that the pump has included.
    served: watch::Sender<u64>,
    /// Whether the pump follows the database at present.
    is_following: AtomicBool,
    counts: Counts,
    /// The number of possible changes of the database. It increases before an event of the change is sent.
    generation: Arc<AtomicU64>,
}

/// The part of the shared state that the lock protects: the subscribed symbols and their last ticks.
struct FeedState {
    /// None when the pump has stopped. The ring is closed then, although subscriptions still hold the rest.
    updates: Option<broadcast::Sender<Arc<FeedUpdate>>>,
    interest: Interest,
    /// The number of the newest update.
    number: u64,
    lasts: BTreeMap<Symbol, Last>,
    /// The position of each subscriber.
    backlogs: Vec<Arc<Backlog>>,
    /// The market under another calendar, until the pump takes it.
    market: Option<Market>,
}

impl Shared {
    fn new() -> Arc<Self> {
        let updates = Some(broadcast::Sender::new(RING));
        let (interest, lasts) = (Interest::default(), BTreeMap::new());
        let state = FeedState { updates, interest, number: 0, lasts, backlogs: Vec::new(), market: None };
        Arc::new(Self {
            state: Mutex::new(state),
            served: watch::Sender::new(0),
            is_following: AtomicBool::new(false),
            counts: Counts::default(),
            generation: Arc::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, FeedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self, symbol: &Symbol) -> Option<Last> {
        self.state().lasts.get(symbol).copied()
    }
}

/// Sends the market's events to many subscribers. The pump stops when the hub is dropped.
pub struct Hub {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    pump: Option<JoinHandle<()>>,
}

impl Hub {
    /// Starts to follow a market. Its model need not have the events of scenarios.
    ///
    /// # Errors
    /// The thread of the pump cannot be started.
    pub fn begin(market: Market, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let mut pump = Pump::new(market);
        let (shared, stop) = (pump.shared().clone(), Arc::new(AtomicBool::new(false)));
        let is_over = stop.clone();
        let run = move || pump.run(&*clock, &|| is_over.load(Ordering::Relaxed));
        let pump = std::thread::Builder::new().name("feed".to_owned()).spawn(run)?;
        Ok(Self { shared, stop, pump: Some(pump) })
    }

    /// A subscription without symbols.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(&self.shared)
    }

    /// The last ticks that were sent of a symbol; none while no client subscribes to it.
    #[must_use]
    pub fn last(&self, symbol: &Symbol) -> Option<Last> {
        self.shared.last(symbol)
    }

    /// Uses the market under another calendar from the next read of the database on.
    pub fn change_market(&self, market: Market) {
        self.shared.state().market = Some(market);
    }

    /// A count that increases whenever the database may have changed, before an event of the change is sent.
    #[must_use]
    pub fn generation(&self) -> Arc<AtomicU64> {
        self.shared.generation.clone()
    }

    /// Whether the pump follows the database: it has read the market and waits for the next change. While it does not, no new
    /// minute is sent.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.shared.is_following.load(Ordering::Relaxed) && self.shared.state().updates.is_some()
    }

    /// Counts of the hub's work.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(pump) = self.pump.take() {
            // The pump's thread reports its own panic.
            let _ = pump.join();
        }
    }
}
