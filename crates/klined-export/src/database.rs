//! A market in a database as a source of rows: its stored bars, and the trades and quotes that follow from them.

use std::sync::Arc;

use anyhow::bail;
use chrono::NaiveDate;
use thiserror::Error;

use klined::daemon::clock::SystemClock;
use klined::jobs::{self, Market, ModelChoice};
use klined::query::Ticks;
use klined::query::errors::Failure;
use klined::store::{self, BarRange, BarStore, InvalidBar, StoreError, StoredBar};
use klined_data::market::{shortened, trading_days};
use klined_data::source::{Flow, Source};
use klined_market::bars::Bar;
use klined_market::bars::ticks::MinuteTicks;
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, CalendarError};

use crate::args::SourceArgs;

/// Bars of one read.
const PAGE_BARS: usize = 8_192;

/// Why rows could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The trades and quotes of a minute could not be made.
    #[error(transparent)]
    Ticks(#[from] Failure),
    /// The days are not those of the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// A row that somebody has changed.
    #[error(
        "the {interval} bar of {symbol} at {time} in the database is not valid: {reason}; `klined repair` makes it again"
    )]
    Row {
        /// The symbol.
        symbol: Symbol,
        /// The interval.
        interval: Interval,
        /// The bar's label in local time.
        time: String,
        /// What is wrong with it.
        reason: InvalidBar,
    },
    /// A stock without the rows that its trades follow from.
    #[error("the database does not have what the trades of {0} follow from; `klined verify` lists what is missing")]
    NoFacts(Symbol),
}

/// The market of a database, of some symbols and days.
pub struct StoredMarket {
    store: Arc<dyn BarStore>,
    calendar: Arc<Calendar>,
    ticks: Ticks,
    provenance: Vec<(&'static str, String)>,
    symbols: Vec<Symbol>,
    days: Vec<NaiveDate>,
    /// No bar with this label or a later one is read, so that a market that goes on meanwhile is exported as it was.
    end: UnixSeconds,
}

/// The market of a database.
///
/// # Errors
/// The database cannot be read, or has no market.
pub fn open(args: &SourceArgs) -> anyhow::Result<Market> {
    let url = &args.database.db_url;
    let parameters = args.parameters.parameters()?;
    args.changes.provisional(None)?;
    if url.missing_file().is_some() {
        bail!("there is no database {url}; name another one with --db-url, or make the rows from a seed with --seed");
    }
    let store = store::open_read_only(&args.database.options())?;
    store.check_schema()?;
    if store.identity()?.is_none() {
        bail!("there is no market in {url}; fill it with market-backfill, or make the rows from a seed with --seed");
    }
    let calendar = Arc::new(args.changes.calendar(jobs::hours(&*store, None)?)?);
    Ok(Market::inspect(store, calendar, ModelChoice { parameters, ..ModelChoice::default() }, None)?)
}

impl StoredMarket {
    /// Some symbols of a market, all that ever had bars when none is named, on the trading days from one date to another, both included;
    /// without dates from the first to the last of the market.
    ///
    /// # Errors
    /// A symbol is unknown, the range cannot be used, or the database cannot be read.
    pub fn new(
        market: Market,
        symbols: &[Symbol],
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
    ) -> anyhow::Result<Self> {
        let (store, calendar) = (market.store.clone(), market.calendar.clone());
        let listings = store.listings()?;
        let mut known: Vec<Symbol> = listings.iter().map(|listing| listing.symbol).collect();
        known.sort_unstable();
        known.dedup();
        if let Some(missing) = symbols.iter().find(|symbol| !known.contains(symbol)) {
            bail!(
                "there is no stock {missing} with bars in the database; it has {}",
                shortened(known.iter().map(Symbol::as_str))
            );
        }
        let (Some(begun), Some(newest)) = (listings.iter().map(|listing| listing.first_day).min(), market.newest()?)
        else {
            bail!("the market in the database has no bar yet");
        };
        let (from, to) = (from.unwrap_or(begun), to.unwrap_or_else(|| calendar.day_of(newest)));
        let days = trading_days(&calendar, from, to)?.to_vec();
        let chosen = known.iter().filter(|symbol| symbols.is_empty() || symbols.contains(symbol)).copied();
        let provenance = vec![
            ("klined:seed", market.source.seed().0.to_string()),
            ("klined:model", market.source.version()),
            ("klined:calendar", calendar.hours().to_string()),
        ];
        let symbols = chosen.collect();
        let ticks = Ticks::new(market, Arc::new(SystemClock));
        Ok(Self { store, calendar, ticks, provenance, symbols, days, end: newest.end() })
    }

    /// The trading days of the range.
    #[must_use]
    pub fn days(&self) -> &[NaiveDate] {
        &self.days
    }

    /// What the numbers follow from, as names and values for the metadata of a file.
    #[must_use]
    pub fn provenance(&self) -> Vec<(&'static str, String)> {
        self.provenance.clone()
    }

    /// Reads the bars of some days, page after page.
    fn pages(
        &self,
        symbol: Symbol,
        interval: Interval,
        days: &[NaiveDate],
        mut take: impl FnMut(&[StoredBar]) -> Result<Flow, ReadError>,
    ) -> Result<(), ReadError> {
        let (Some(&first), Some(&last)) = (days.first(), days.last()) else { return Ok(()) };
        let to = last.succ_opt().map_or(Ok(UnixSeconds::MAX), |next| self.calendar.midnight(next))?.min(self.end);
        let mut range = BarRange { symbol, interval, from: self.calendar.midnight(first)?, to };
        loop {
            let page = self.store.bars(&[range], PAGE_BARS)?;
            let flow = take(&page)?;
            let Some(last) = page.last().filter(|_| page.len() == PAGE_BARS && flow == Flow::Continue) else {
                return Ok(());
            };
            range.from = last.time.next();
        }
    }

    fn parsed(&self, symbol: Symbol, interval: Interval, row: &StoredBar) -> Result<Bar, ReadError> {
        row.parse(&self.calendar).map_err(|reason| {
            let time = self.calendar.local_time(row.time);
            ReadError::Row { symbol, interval, time, reason }
        })
    }
}

impl Source for StoredMarket {
    type Walk = Symbol;
    type Error = ReadError;

    fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    fn begin(&self, place: usize) -> Result<Symbol, ReadError> {
        Ok(self.symbols[place])
    }

    fn bars(
        &self,
        symbol: &mut Symbol,
        interval: Interval,
        days: &[NaiveDate],
        take: &mut dyn FnMut(&[Bar]) -> Flow,
    ) -> Result<(), ReadError> {
        self.pages(*symbol, interval, days, |page| {
            let bars = page.iter().map(|row| self.parsed(*symbol, interval, row)).collect::<Result<Vec<_>, _>>()?;
            Ok(take(&bars))
        })
    }

    fn ticks(
        &self,
        symbol: &mut Symbol,
        days: &[NaiveDate],
        take: &mut dyn FnMut(&MinuteTicks) -> Flow,
    ) -> Result<(), ReadError> {
        self.pages(*symbol, Interval::Minute1, days, |page| {
            for row in page {
                self.parsed(*symbol, Interval::Minute1, row)?;
                let minute = self.ticks.past(*symbol, row)?.ok_or(ReadError::NoFacts(*symbol))?;
                if take(&minute) == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            Ok(Flow::Continue)
        })
    }
}
