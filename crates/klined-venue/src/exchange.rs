//! What a run of the exchange is as a market: its identity, calendar and stocks.

use std::path::Path;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use klined::jobs::Venue;
use klined_exchange::run::{RunError, RunFolder, TradingDays, UNNAMED};
use klined_market::base::instrument::{DEFAULT_BETA, DEFAULT_DAILY_TURNOVER};
use klined_market::base::{Price, Symbol};
use klined_market::calendar::{Calendar, Minute};
use klined_market::universe::UniverseRow;
use thiserror::Error;

/// Ten-thousandths of a dollar, in which tick sizes are given, in a tick of the market.
const UNITS_PER_TICK: u32 = 100;
/// Shown for each stock: no run states one.
const DAILY_VOLATILITY: f64 = 0.02;
/// When sessions open in runs of another producer, in seconds since midnight.
pub const DEFAULT_OPEN_S: u32 = 34_200;
/// Shown as the sector of each stock.
const SECTOR: &str = "Exchange";

/// A run whose trades cannot be the bars of a market.
#[derive(Debug, Error)]
pub enum NoMarket {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(
        "the run's sessions are on weekdays, and bars need the trading days of a calendar: make the run with --trading-days nyse, \
         24x7 or another calendar"
    )]
    Weekdays,
    #[error(
        "the sessions open at {open} for {seconds} seconds, and {trading_days} trades at other times on {day}: its minutes do not have \
         them all"
    )]
    Hours { open: NaiveTime, seconds: u32, trading_days: &'static str, day: NaiveDate },
    #[error(
        "the tick size {tick_size} of {symbol} is not a multiple of {UNITS_PER_TICK}: prices of bars are in hundredths"
    )]
    TickSize { symbol: String, tick_size: u32 },
    #[error(
        "{price_ticks} ticks of {symbol} are not a price of a bar: it must be from 0.01 to 99999999.99; --price-floor keeps prices up"
    )]
    Price { symbol: String, price_ticks: i32 },
    #[error("{0} cannot be the symbol of a stock")]
    Symbol(String),
}

/// A security and how its prices are those of a market.
#[derive(Debug, Clone, Copy)]
pub struct Stock {
    pub symbol: Symbol,
    /// Hundredths of a dollar in a tick of the exchange.
    hundredths: i64,
}

impl Stock {
    /// A price of the exchange, exactly.
    ///
    /// # Errors
    /// The market has no such price.
    pub fn price(&self, price_ticks: i32) -> Result<Price, NoMarket> {
        let price = Price::from_ticks(i64::from(price_ticks) * self.hundredths);
        price.map_err(|_| NoMarket::Price { symbol: self.symbol.to_string(), price_ticks })
    }
}

/// A run as a market.
#[derive(Debug)]
pub struct Exchange {
    pub folder: RunFolder,
    pub venue: Venue,
    pub calendar: Arc<Calendar>,
    pub stocks: Vec<Stock>,
    /// Each stock as the market's universe has it.
    pub rows: Vec<UniverseRow>,
    pub first_day: NaiveDate,
}

impl Exchange {
    /// Reads the manifest of a run.
    ///
    /// # Errors
    /// There is none, or its trades cannot be the bars of a market.
    pub fn open(input: &Path) -> Result<Self, NoMarket> {
        let folder = RunFolder::open(input)?;
        let manifest = folder.manifest();
        let TradingDays::Calendar(calendar) = folder.trading_days() else { return Err(NoMarket::Weekdays) };
        let calendar = calendar.clone();
        let first_day = folder.date(0)?;
        let (mut stocks, mut rows) = (Vec::new(), Vec::new());
        for entry in manifest.entries() {
            let name = if entry.symbol.is_empty() { UNNAMED } else { &entry.symbol };
            let symbol: Symbol = name.parse().map_err(|_| NoMarket::Symbol(name.to_owned()))?;
            let tick_size = entry.tick_size;
            if tick_size == 0 || tick_size % UNITS_PER_TICK != 0 {
                return Err(NoMarket::TickSize { symbol: name.to_owned(), tick_size });
            }
            let stock = Stock { symbol, hundredths: i64::from(tick_size / UNITS_PER_TICK) };
            rows.push(UniverseRow {
                symbol: name.to_owned(),
                name: format!("{name} of the exchange"),
                sector: SECTOR.to_owned(),
                base_price: stock.price(entry.p0_ticks)?.units(),
                base_volatility: DAILY_VOLATILITY,
                board: "free".to_owned(),
                is_st: false,
                beta: DEFAULT_BETA,
                daily_turnover: DEFAULT_DAILY_TURNOVER,
                is_active: true,
                drift: 0.0,
                min_price: None,
                max_price: None,
            });
            stocks.push(stock);
        }
        let open_s = manifest.market_open_seconds.unwrap_or(DEFAULT_OPEN_S);
        require_hours(&calendar, first_day, open_s, manifest.session_seconds)?;
        let venue = Venue { seed: manifest.base_seed, run: folder.code().to_owned() };
        Ok(Self { folder, venue, calendar, stocks, rows, first_day })
    }

    /// The number of a date's session, counted from 0.
    ///
    /// # Errors
    /// The run has no session on that date.
    pub fn session_of(&self, day: NaiveDate) -> Result<u32, RunError> {
        let before = self.calendar.days(self.first_day, day).len().saturating_sub(1);
        let session = u32::try_from(before).unwrap_or(u32::MAX);
        self.folder.date(session).map(|_| session)
    }
}

/// The starts of a day's minutes, in seconds after midnight of its date by the exchange's clocks. Below zero is the evening before.
#[must_use]
pub fn starts_of(calendar: &Calendar, day: NaiveDate) -> Vec<i64> {
    let midnight = day.and_time(NaiveTime::MIN);
    let start = |minute: Minute| {
        let local = calendar.hours().local(minute.start()).ok()?;
        Some(local.naive_local().signed_duration_since(midnight).num_seconds())
    };
    calendar.minutes_of(day).filter_map(start).collect()
}

/// Refuses sessions that a regular day of the calendar does not have in full. On days that close early, trades after the close are
/// no part of the bars, as in real markets.
fn require_hours(calendar: &Calendar, first_day: NaiveDate, open_s: u32, seconds: u32) -> Result<(), NoMarket> {
    let regular = calendar.hours().minutes_per_day();
    let from = calendar.days(first_day, calendar.last_day()).iter().copied();
    let day = from.clone().find(|day| calendar.minutes_on(*day) == regular).unwrap_or(first_day);
    let starts: Vec<i64> = starts_of(calendar, day);
    let open = i64::from(open_s);
    let is_traded = |second: i64| starts.iter().any(|start| (*start..start + 60).contains(&second));
    let last = open + i64::from(seconds) - 1;
    let is_whole = (open..=last).step_by(60).chain([last]).all(is_traded);
    let open = NaiveTime::from_num_seconds_from_midnight_opt(open_s, 0).unwrap_or_default();
    let trading_days = calendar.hours().as_str();
    if is_whole { Ok(()) } else { Err(NoMarket::Hours { open, seconds, trading_days, day }) }
}
