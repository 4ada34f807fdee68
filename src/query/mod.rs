//! The queries that all dialects share, with bounds on the number of concurrent queries and on the time of each.

mod bars;
mod days;
pub mod errors;
mod figures;
mod indicator_pages;
mod indicators;
mod pages;
pub mod parameters;
mod seconds;
mod shown;
mod snapshots;
mod sums;
mod tick_pages;
mod ticks;
pub mod time;
mod truth;

pub use bars::{BarPage, BarQuery, EmptyMinutes, TimeOrder};
pub use days::DayBars;
pub use figures::{DayFigures, Period, PeriodFigures};
pub use indicator_pages::{BarPrice, IndicatorPage, IndicatorQuery};
pub use indicators::{Indicator, IndicatorValue, WINDOW_MOST};
pub use pages::{Epoch, PageKey, Shape};
pub use seconds::{SECONDS_MOST, SecondQuery};
pub use shown::{Label, ShownBar, mean_price};
pub use snapshots::StockSnapshot;
pub use tick_pages::{QuotedTrade, Tick, TickPage, TickQuery};
pub use ticks::{Age, LatestTicks, Present, Ticks};
pub use truth::{DAYS_MAX as TRUTH_DAYS_MAX, truth};

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{error, warn};

use self::errors::{Failure, Refusal};
use self::pages::{EpochCache, PageCache};
use crate::store::{BarStore, MarketStatus, PriceRow};
use klined_market::base::{MarketClock, Symbol, UnixSeconds};
use klined_market::calendar::Calendar;

/// Connections to the database that queries leave to the other parts of this process.
const CONNECTIONS_LEFT: u32 = 4;

/// Every stock with its last price, in order of symbol.
#[derive(Debug, Default)]
pub struct PriceList {
    pub rows: Vec<PriceRow>,
    /// Start of the newest 1-minute bar of any stock, in Unix seconds.
    pub newest: Option<UnixSeconds>,
}

impl PriceList {
    /// The row of a symbol.
    #[must_use]
    pub fn find(&self, symbol: &Symbol) -> Option<&PriceRow> {
        self.rows.binary_search_by_key(symbol, |row| row.symbol).ok().map(|at| &self.rows[at])
    }

    /// The row of a ticker as a client writes it: an exact match, or else a match without regard to case.
    #[must_use]
    pub fn find_any_case(&self, ticker: &str) -> Option<&PriceRow> {
        let exact = |text: &str| self.find(&text.parse().ok()?);
        let is_alike = |row: &&PriceRow| row.symbol.as_str().eq_ignore_ascii_case(ticker);
        exact(ticker).or_else(|| exact(&ticker.to_ascii_uppercase())).or_else(|| self.rows.iter().find(is_alike))
    }
}

/// The session and the clock of a market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// None before the first bar.
    pub status: Option<MarketStatus>,
    /// None before the generator's first minute.
    pub clock: Option<MarketClock>,
}

/// Answers queries about a market.
pub struct Reader {
    store: Arc<dyn BarStore>,
    calendar: RwLock<Arc<Calendar>>,
    /// One permit for each concurrent query.
    places: Arc<Semaphore>,
    deadline: Duration,
    pages: PageCache,
    prices: EpochCache<(), Arc<PriceList>>,
    standing: EpochCache<(), Standing>,
    /// The number of possible changes of the database that the hub has seen.
    generation: Arc<AtomicU64>,
    incidents: AtomicU64,
}

impl Reader {
    /// A reader that abandons a query after `deadline`, and drops its cached answers when `generation` increases.
    #[must_use]
    pub fn new(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        deadline: Duration,
        generation: Arc<AtomicU64>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(store.pool().max.saturating_sub(CONNECTIONS_LEFT).max(1) as usize));
        Self {
            store,
            calendar: RwLock::new(calendar),
            places,
            deadline,
            pages: PageCache::by_bytes(),
            prices: EpochCache::one(),
            standing: EpochCache::one(),
            generation,
            incidents: AtomicU64::new(0),
        }
    }

    /// The calendar in use.
    #[must_use]
    pub fn calendar(&self) -> Arc<Calendar> {
        self.calendar.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses another calendar from now on.
    pub fn change_calendar(&self, calendar: Arc<Calendar>) {
        *self.calendar.write().unwrap_or_else(PoisonError::into_inner) = calendar;
    }

    /// The epoch of what is read now: a cached answer is reused until the hub sees the next commit, and for two seconds at most.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        Epoch { generation: self.generation.load(Ordering::Acquire), at: Instant::now() }
    }

    /// The number of pages that came from the cache, and of those that had to be made.
    #[must_use]
    pub fn hits_and_misses(&self) -> (u64, u64) {
        self.pages.hits_and_misses()
    }

    /// Runs a query of the store on a worker thread.
    ///
    /// # Errors
    /// The query's own errors; or the deadline passes before a permit is free or before the answer is there.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn BarStore, &Calendar) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Refusal> {
        let until = Instant::now() + self.deadline;
        let place = match timeout_at(until, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => place,
            _ => return Err(Refusal::Busy),
        };
        let (store, calendar) = (self.store.clone(), self.calendar());
        let answer = tokio::task::spawn_blocking(move || {
            // Held until the database has answered, even when the client no longer waits for it.
            let _place = place;
            question(&*store, &calendar)
        });
        match timeout_at(until, answer).await {
            Ok(Ok(answer)) => answer.map_err(|failure| self.refusal(failure)),
            Ok(Err(_)) => Err(self.refusal(Failure::Panicked)),
            Err(_) => Err(Refusal::TooSlow),
        }
    }

    /// The part of a failure that a client may see. The log has the rest.
    pub fn refusal(&self, failure: Failure) -> Refusal {
        match failure {
            Failure::Refused(refusal) => refusal,
            Failure::Store(error) if error.is_retriable() => self.unavailable(&error),
            Failure::Job(error) if error.is_retriable() => self.unavailable(&error),
            // The client has done nothing wrong, and an operator can grant what is missing while the server runs.
            Failure::Store(error) | Failure::Job(crate::jobs::JobError::Store(error)) if error.is_refusal() => {
                self.unavailable(&error)
            }
            failure => {
                let number = 1 + self.incidents.fetch_add(1, Ordering::Relaxed);
                error!(number, "a request has failed: {failure}");
                Refusal::Internal(number)
            }
        }
    }

    fn unavailable(&self, error: &impl std::fmt::Display) -> Refusal {
        warn!("a request has failed: {error}");
        Refusal::Unavailable
    }

    /// A page from the cache. One of the requests that ask for it at the same time makes it.
    ///
    /// # Errors
    /// The errors of `make`.
    pub async fn page(
        &self,
        key: PageKey,
        make: impl Future<Output = Result<Bytes, Refusal>>,
    ) -> Result<Bytes, Refusal> {
        let ready = timeout(self.deadline, self.pages.get_or_make(self.epoch(), key, make));
        ready.await.unwrap_or(Err(Refusal::Busy))
    }

    /// Every stock with its last price.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn price_list(&self) -> Result<Arc<PriceList>, Refusal> {
        let read = self.ask(|store, _| {
            // What an operator may have written that is no price goes to no client.
            let mut rows = store.prices()?;
            rows.retain(|row| row.price.is_finite() && row.price > 0.0);
            rows.iter_mut()
                .for_each(|row| row.change_percent = row.change_percent.filter(|percent| percent.is_finite()));
            let newest = rows.iter().map(|row| row.last_update).max();
            Ok(Arc::new(PriceList { rows, newest }))
        });
        self.prices.get_or_make(self.epoch(), (), read).await
    }

    /// A stock's last price.
    ///
    /// # Errors
    /// There is no such stock, or it has no bar.
    pub async fn price(&self, symbol: Symbol) -> Result<PriceRow, Refusal> {
        self.price_list().await?.find(&symbol).cloned().ok_or_else(|| Refusal::UnknownTicker(symbol.to_string()))
    }

    /// The session and the clock of the market.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn standing(&self) -> Result<Standing, Refusal> {
        let read = self.ask(|store, _| Ok(Standing { status: store.status()?, clock: store.clock()? }));
        self.standing.get_or_make(self.epoch(), (), read).await
    }
}
