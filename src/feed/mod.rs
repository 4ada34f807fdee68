//! The hub: what happens in the market, told to many as it happens.
//!
//! One thread, the pump, looks at what is committed, foresees the open minute of the symbols that somebody wants, and tells
//! its trades and quotes when the market's clock reaches them. What it tells goes in rounds through one ring that every
//! subscriber reads at its own pace; whoever falls behind by the whole ring is told so.

mod closing;
mod interest;
mod making;
mod pump;
mod round;
mod stock;
mod subscription;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{broadcast, watch};

pub use pump::{Pump, WAIT_MAX};
pub use round::{Closed, ENCODINGS, Event, MarketEvent, Round, Told};
pub use subscription::{Missed, Subscription};

use self::interest::Interest;
use crate::jobs::Market;
use klined_market::bars::ticks::{BestQuote, MinuteTicks, Trade};
use klined_market::base::{Clock, Symbol, UnixNanos};

/// How many rounds a subscriber may be behind.
const RING: usize = 256;

/// The last that is known of a symbol's ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Last {
    pub trade: Option<Trade>,
    /// The quote that the trade was made on.
    pub traded_on: Option<BestQuote>,
    /// The quote that stands.
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

/// What the hub has done since it began.
#[derive(Debug, Default)]
pub struct Counts {
    /// Minutes of symbols that were worked out ahead.
    pub foreseen: AtomicU64,
    /// Rounds and the events in them.
    pub rounds: AtomicU64,
    pub events: AtomicU64,
    /// Bars that were not as foreseen.
    pub corrected: AtomicU64,
    /// Minutes that were too far behind to be told.
    pub skipped: AtomicU64,
    /// Subscribers that fell behind.
    pub lagged: AtomicU64,
    /// Looks at the database that failed.
    pub failures: AtomicU64,
}

/// What pump, hub and subscriptions share.
struct Shared {
    book: Mutex<Book>,
    /// The number of the newest wish that the pump has seen to.
    served: watch::Sender<u64>,
    counts: Counts,
    /// How often the database may have changed. It grows before anything of the change is told.
    generation: Arc<AtomicU64>,
}

/// Who wants what, and what was told last.
struct Book {
    /// None when the pump has ended: then the ring is closed, whoever still holds the rest.
    rounds: Option<broadcast::Sender<Arc<Round>>>,
    interest: Interest,
    /// The number of the newest round.
    number: u64,
    lasts: BTreeMap<Symbol, Last>,
    /// The market under another calendar, which the pump has not taken yet.
    market: Option<Market>,
}

impl Shared {
    fn new() -> Arc<Self> {
        let rounds = Some(broadcast::Sender::new(RING));
        let book = Book { rounds, interest: Interest::default(), number: 0, lasts: BTreeMap::new(), market: None };
        Arc::new(Self {
            book: Mutex::new(book),
            served: watch::Sender::new(0),
            counts: Counts::default(),
            generation: Arc::default(),
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self, symbol: &Symbol) -> Option<Last> {
        self.book().lasts.get(symbol).copied()
    }
}

/// The market's events for many subscribers. The pump ends when the hub is dropped.
pub struct Hub {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    pump: Option<JoinHandle<()>>,
}

impl Hub {
    /// Begins to follow a market, whose model need not have any events yet.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn begin(market: Market, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let mut pump = Pump::new(market);
        let (shared, stop) = (pump.shared().clone(), Arc::new(AtomicBool::new(false)));
        let is_over = stop.clone();
        let run = move || pump.run(&*clock, &|| is_over.load(Ordering::Relaxed));
        let pump = std::thread::Builder::new().name("feed".to_owned()).spawn(run)?;
        Ok(Self { shared, stop, pump: Some(pump) })
    }

    /// A subscription that wants nothing yet.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(&self.shared)
    }

    /// The last ticks told of a symbol; none of one that nobody wants.
    #[must_use]
    pub fn last(&self, symbol: &Symbol) -> Option<Last> {
        self.shared.last(symbol)
    }

    /// Follows the market as it is under another calendar from its next look on.
    pub fn change_market(&self, market: Market) {
        self.shared.book().market = Some(market);
    }

    /// A count that grows whenever the database may have changed, before anything of the change is told.
    #[must_use]
    pub fn generation(&self) -> Arc<AtomicU64> {
        self.shared.generation.clone()
    }

    /// What has been done.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(pump) = self.pump.take() {
            // A panic of the pump has been reported by its thread.
            let _ = pump.join();
        }
    }
}
