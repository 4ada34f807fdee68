//! The writer of a market whose bars are an exchange's trades. It is given the bars of each day from the day's first minute on, and
//! writes those that the database does not have yet, with all that belongs to them. Where the last writer ended is read back at
//! the start: so after a kill at any instant the same bars give the same rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use tracing::warn;

use super::advance::{WRITE_BARS_MAX, ensure_partitions, status_after};
use super::{JobError, Market, Venue, agreement};
use crate::store::{BarRange, BarStore, Lease, Listing, MarketWrite, ParametersSince, Role, StoreError, StoredBar};
use klined_market::bars::{Bar, Checkpoint, Opening, SymbolSnapshot};
use klined_market::base::instrument::InstrumentParameters;
use klined_market::base::{
    AnnualDrift, Instrument, Interval, MarketClock, Ohlcv, Pace, Price, Symbol, UnixNanos, UnixSeconds,
};
use klined_market::calendar::{Calendar, Minute};
use klined_market::model::{Regime, SymbolState};
use klined_market::universe::UniverseRow;

/// The writer of an exchange's market. After an error a caller must drop it and start another one.
pub struct VenueWriter {
    market: Market,
    lease: Lease,
    stocks: Vec<Standing>,
    /// The first trading day of the exchange.
    first_day: NaiveDate,
    /// The last minute that is written.
    at: Option<Minute>,
    speed: f64,
    pending: MarketWrite,
    pending_to: Option<Minute>,
}

/// Where a stock stands at the minute that was given last.
struct Standing {
    instrument: Instrument,
    /// Close of the trading day before, or the base price on the first day.
    previous_close: Price,
    close: Price,
    /// Shares since the open.
    day_volume: i64,
}

impl VenueWriter {
    /// Makes a database the market of an exchange, or recognises it as that, and takes the writer's role. `speed` is how many times
    /// faster than the clock the exchange's time runs, which clients are shown.
    ///
    /// # Errors
    /// The database holds another market or other stocks, a stock's row is not valid, another writer lives, the tables contradict
    /// one another, or the database fails.
    pub fn start(
        store: Arc<dyn BarStore>,
        calendar: Arc<Calendar>,
        venue: Venue,
        rows: &[UniverseRow],
        first_day: NaiveDate,
        speed: f64,
    ) -> Result<Self, JobError> {
        let instruments = rows.iter().map(UniverseRow::instrument).collect::<Result<Vec<_>, _>>()?;
        let market = Market::of_venue(store, calendar, venue);
        let store = &*market.store;
        match store.identity()? {
            None => agreement::require_identity(store)?,
            Some(found) if found == market.identity() => {}
            Some(found) => {
                return Err(JobError::OtherVenue { found: found.to_string(), wanted: market.identity().to_string() });
            }
        }
        require_stocks(store, &instruments)?;
        store.claim(&market.identity(), rows)?;
        let lease = store.acquire(Role::Writer)?;
        market.require_agreement()?;
        let at = market.newest()?;
        let standing = |instrument: Instrument| {
            let (previous_close, day_volume) = (instrument.base_price, 0);
            Standing { instrument, previous_close, close: previous_close, day_volume }
        };
        let stocks = instruments.into_iter().map(standing).collect();
        let (pending, pending_to) = (MarketWrite::default(), None);
        let mut writer = Self { market, lease, stocks, first_day, at, speed, pending, pending_to };
        writer.load_closes()?;
        Ok(writer)
    }

    /// The day that the next call of [`VenueWriter::push`] begins with: that of the first minute that is not written.
    ///
    /// # Errors
    /// The calendar ends.
    pub fn day(&self) -> Result<NaiveDate, JobError> {
        let calendar = &self.market.calendar;
        Ok(match self.at {
            Some(at) => calendar.day_of(calendar.next_minute(at)?),
            None => self.first_day,
        })
    }

    /// The last minute that is written.
    #[must_use]
    pub fn at(&self) -> Option<Minute> {
        self.at
    }

    /// The close of each stock in the minute that was given last, or before the day that comes first.
    pub fn closes(&self) -> impl Iterator<Item = Price> + '_ {
        self.stocks.iter().map(|stock| stock.close)
    }

    /// Asks the database whether this is still the market's writer.
    ///
    /// # Errors
    /// Another process has the role, or the database fails.
    pub fn confirm(&self) -> Result<(), JobError> {
        Ok(self.market.store.confirm(&self.lease)?)
    }

    /// Takes the next minute, with a bar of each stock in the order in which they were named. The first one is the first of
    /// [`VenueWriter::day`]. What is written already is only counted; what is not waits for [`VenueWriter::flush`], at most to the end
    /// of the day.
    ///
    /// # Errors
    /// The database fails.
    pub fn push(&mut self, minute: Minute, bars: &[Ohlcv], now: UnixNanos) -> Result<(), JobError> {
        let calendar = self.market.calendar.clone();
        let day = calendar.day_of(minute);
        let is_new = self.at.is_none_or(|at| minute > at);
        if calendar.index_in_day(minute) == 0 {
            self.flush(now)?;
            for stock in &mut self.stocks {
                (stock.previous_close, stock.day_volume) = (stock.close, 0);
            }
            if is_new {
                self.open_day(day)?;
            }
        }
        for (stock, ohlcv) in self.stocks.iter_mut().zip(bars) {
            stock.close = ohlcv.close();
            stock.day_volume = stock.day_volume.saturating_add(ohlcv.volume());
            if is_new {
                self.pending.bars.push((stock.instrument.symbol, Bar { first: minute, ohlcv: *ohlcv }));
            }
        }
        if is_new {
            self.pending_to = Some(minute);
            if self.pending.bars.len() >= WRITE_BARS_MAX {
                self.flush(now)?;
            }
        }
        Ok(())
    }

    /// Writes the minutes that wait, in one transaction.
    ///
    /// # Errors
    /// The database fails.
    pub fn flush(&mut self, now: UnixNanos) -> Result<(), JobError> {
        let Some(last) = self.pending_to.take() else { return Ok(()) };
        let mut write = std::mem::take(&mut self.pending);
        write.snapshots = self.stocks.iter().map(|stock| stock.snapshot(last)).collect();
        write.status = Some(status_after(&self.market, last));
        let open_minute = self.market.calendar.next_minute(last).map_or(last.end(), Minute::start);
        write.clock = Some(MarketClock { pace: Pace::Test { speed: self.speed }, open_minute, opened_at: now });
        self.market.store.write(&self.lease, &write)?;
        self.at = Some(last);
        Ok(())
    }

    /// What a day begins with; the exchange's first day lists the stocks too.
    fn open_day(&mut self, day: NaiveDate) -> Result<(), JobError> {
        ensure_partitions(&self.market, day, day)?;
        if self.market.calendar.is_projected(day) {
            warn!(%day, "trading on a projected day: the exchange's holidays of this year are not in the calendar yet");
        }
        let is_first = self.at.is_none();
        for Standing { instrument, .. } in &self.stocks {
            let (symbol, parameters) = (instrument.symbol, InstrumentParameters::of(instrument));
            let opening = Opening { parameters, state: SymbolState::Venue };
            self.pending.checkpoints.push(Checkpoint { symbol, day, opening });
            if is_first {
                self.pending.listings.push(Listing { symbol, first_day: day, last_day: None });
                self.pending.parameters.push(ParametersSince { symbol, first_day: day, parameters });
            }
        }
        Ok(())
    }

    /// Reads the closes before the day that comes first.
    fn load_closes(&mut self) -> Result<(), JobError> {
        if self.at.is_none() {
            return Ok(());
        }
        let to = self.market.calendar.open_of(self.day()?)?.start();
        let range = |stock: &Standing| {
            let (symbol, interval) = (stock.instrument.symbol, Interval::Minute1);
            BarRange { symbol, interval, from: UnixSeconds::EPOCH, to }
        };
        let ranges: Vec<BarRange> = self.stocks.iter().map(range).collect();
        for row in self.market.store.last_bars(&ranges, 1)? {
            let stock = &mut self.stocks[row.range];
            stock.close = parse(&row, stock.instrument.symbol)?.close();
        }
        Ok(())
    }
}

impl Standing {
    fn snapshot(&self, last: Minute) -> SymbolSnapshot {
        let change = (self.close.ticks() - self.previous_close.ticks()) as f64 / self.previous_close.ticks() as f64;
        SymbolSnapshot {
            symbol: self.instrument.symbol,
            price: self.close,
            volatility: self.instrument.base_volatility.per_day(),
            // No regime is known of trades.
            trend: AnnualDrift(0.0),
            regime: Regime::Sideways,
            last_bar: last.start(),
            change_percent: change * 100.0,
            day_volume: self.day_volume,
            is_halted: false,
        }
    }
}

fn parse(row: &StoredBar, symbol: Symbol) -> Result<Ohlcv, StoreError> {
    row.ohlcv().map_err(|error| StoreError::Corrupt {
        what: format!("the bar of {symbol} at {}", row.time),
        reason: error.to_string(),
    })
}

/// Refuses a database that an operator has filled with other stocks.
fn require_stocks(store: &dyn BarStore, stocks: &[Instrument]) -> Result<(), JobError> {
    let found: Vec<String> = store.universe()?.into_iter().map(|row| row.symbol).collect();
    let missing = stocks.iter().find(|stock| !found.iter().any(|name| name == stock.symbol.as_str()));
    match missing.filter(|_| !found.is_empty()) {
        Some(stock) => Err(JobError::UnknownSymbol { symbol: stock.symbol, known: found.join(", ") }),
        None => Ok(()),
    }
}

/// The 1-minute bars of a day that the market of an exchange has, by stock and minute.
///
/// # Errors
/// The database holds another market, or cannot be read.
pub fn venue_bars_of(
    store: &Arc<dyn BarStore>,
    calendar: &Arc<Calendar>,
    venue: &Venue,
    stocks: &[Symbol],
    day: NaiveDate,
) -> Result<BTreeMap<(Symbol, UnixSeconds), StoredBar>, JobError> {
    let market = Market::of_venue(store.clone(), calendar.clone(), venue.clone());
    market.check_identity()?;
    let minutes: Vec<Minute> = calendar.minutes_of(day).collect();
    let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else { return Ok(BTreeMap::new()) };
    let range =
        |&symbol: &Symbol| BarRange { symbol, interval: Interval::Minute1, from: first.start(), to: last.end() };
    let ranges: Vec<BarRange> = stocks.iter().map(range).collect();
    let rows = market.store.bars(&ranges, usize::MAX)?;
    Ok(rows.into_iter().map(|row| ((stocks[row.range], row.time), row)).collect())
}
