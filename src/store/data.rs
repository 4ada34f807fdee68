//! What goes into a store and what comes out of it.

use chrono::NaiveDate;
use thiserror::Error;

use klined_market::bars::{Bar, Checkpoint, Halt, SymbolRun, SymbolSnapshot};
use klined_market::base::instrument::InstrumentParameters;
use klined_market::base::{
    Interval, InvalidOhlcv, InvalidPrice, MarketClock, Ohlcv, Price, Symbol, Traded, UnixSeconds,
};
use klined_market::calendar::{Calendar, CalendarError, Hours, SessionSpan};
use klined_market::model::ScenarioEvent;

/// What a database's numbers were made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub seed: u64,
    /// Name and version of the model, such as `gbm-1`.
    pub model: String,
    /// The hours that it trades in.
    pub hours: Hours,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, model, hours } = self;
        write!(f, "seed {seed}, model {model} and calendar {hours}")
    }
}

impl Identity {
    /// The identity in words, with the calendar where another identity has a different one.
    pub(super) fn beside(&self, other: &Self) -> String {
        let Self { seed, model, hours } = self;
        if *hours == other.hours { format!("seed {seed} and model {model}") } else { self.to_string() }
    }
}

/// How far a symbol has come.
#[derive(Debug, Clone, PartialEq)]
pub struct SymbolProgress {
    pub checkpoint: Checkpoint,
    /// Start of its last 1-minute bar, in Unix seconds; none before its first.
    pub last_bar: Option<UnixSeconds>,
    /// Whether its listing is open: it trades on the present day.
    pub is_listed: bool,
}

/// A span of trading days in which a symbol has bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    pub symbol: Symbol,
    pub first_day: NaiveDate,
    /// None while it trades.
    pub last_day: Option<NaiveDate>,
}

/// What a stock's bars are made with from a day on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParametersSince {
    pub symbol: Symbol,
    /// The first trading day that opened with them.
    pub first_day: NaiveDate,
    pub parameters: InstrumentParameters,
}

impl ParametersSince {
    /// Those of a run's present day.
    #[must_use]
    pub fn of(run: &SymbolRun) -> Self {
        let instrument = run.instrument();
        let (symbol, first_day) = (instrument.symbol, run.day());
        Self { symbol, first_day, parameters: InstrumentParameters::of(instrument) }
    }
}

/// The row of `market_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketStatus {
    pub span: SessionSpan,
    /// Whether trade in the whole market is halted within a session.
    pub is_halted: bool,
    /// The market time that the status is of, in Unix seconds.
    pub last_update: UnixSeconds,
}

impl MarketStatus {
    /// Whether anything trades.
    #[must_use]
    pub fn is_trading(&self) -> bool {
        self.span.is_trading() && !self.is_halted
    }
}

/// A scenario that was applied to a market.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredScenario {
    pub name: String,
    /// The events as text, which distinguishes it from another scenario of the same name.
    pub definition: String,
    pub events: Vec<ScenarioEvent>,
}

/// What one transaction of the writer makes visible.
#[derive(Debug, Clone, Default)]
pub struct MarketWrite {
    /// 1-minute bars, ascending in time for each symbol.
    pub bars: Vec<(Symbol, Bar)>,
    /// Each written symbol's state after its last bar.
    pub snapshots: Vec<SymbolSnapshot>,
    /// The openings of days that begin with these bars.
    pub checkpoints: Vec<Checkpoint>,
    /// Spans that begin, or end by a `last_day`.
    pub listings: Vec<Listing>,
    /// Parameters of stocks that are new, or that have changed.
    pub parameters: Vec<ParametersSince>,
    /// Halts whose first minute has been reached.
    pub halts: Vec<Halt>,
    pub status: Option<MarketStatus>,
    /// Which minute is open after these bars.
    pub clock: Option<MarketClock>,
}

/// Bars of one symbol and interval from one instant to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarRange {
    pub symbol: Symbol,
    pub interval: Interval,
    /// First label included, in Unix seconds.
    pub from: UnixSeconds,
    /// First label excluded, in Unix seconds.
    pub to: UnixSeconds,
}

/// The bars that a read gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VolumeFilter {
    Any,
    /// Those with a volume.
    Traded,
}

impl VolumeFilter {
    /// The least volume, in shares.
    pub fn least(self) -> i64 {
        match self {
            Self::Any => i64::MIN,
            Self::Traded => 1,
        }
    }
}

/// A bar as it is stored, unchecked: an operator may have written anything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredBar {
    /// The place, in the list asked for, of the range that it belongs to.
    pub range: usize,
    /// Unix seconds.
    pub time: UnixSeconds,
    /// Currency units, as are high, low and close.
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// Shares.
    pub volume: i64,
    /// Currency units. None in a row of an earlier version, as is the number of trades.
    pub turnover: Option<f64>,
    pub trades: Option<i64>,
}

/// Why a stored bar is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidBar {
    #[error(transparent)]
    Price(#[from] InvalidPrice),
    #[error(transparent)]
    Ohlcv(#[from] InvalidOhlcv),
    #[error(transparent)]
    Time(#[from] CalendarError),
}

impl StoredBar {
    /// Whether all of its prices are positive numbers.
    #[must_use]
    pub fn is_priced(&self) -> bool {
        [self.open, self.high, self.low, self.close].iter().all(|price| price.is_finite() && *price > 0.0)
    }

    /// Its prices and volume, with turnover and trades where they are known.
    ///
    /// # Errors
    /// A price is no price, or the extremes do not hold open and close.
    pub fn ohlcv(&self) -> Result<Ohlcv, InvalidBar> {
        let ohlcv = Ohlcv::new(
            Price::from_units(self.open)?,
            Price::from_units(self.high)?,
            Price::from_units(self.low)?,
            Price::from_units(self.close)?,
            self.volume,
        )?;
        Ok(ohlcv.with_traded(self.traded()))
    }

    /// Its turnover and number of trades; none where they are not stored, or are no such numbers.
    #[must_use]
    pub fn traded(&self) -> Option<Traded> {
        let (turnover, trades) = self.turnover.zip(self.trades)?;
        let hundredths = (turnover * 100.0).round();
        // The cast of a number that is too large, or none, gives one that is refused.
        Traded::new(if hundredths.is_nan() { -1 } else { hundredths as i64 }, trades).ok()
    }

    /// Whether it is a row of an earlier version, without turnover and number of trades.
    #[must_use]
    pub fn lacks_turnover(&self) -> bool {
        self.turnover.is_none() && self.trades.is_none()
    }

    /// Whether it has the very numbers of a bar; prices that round to them are others. Turnover and number of trades may be
    /// missing, as in a row of an earlier version.
    #[must_use]
    pub fn is_exactly(&self, bar: Ohlcv) -> bool {
        let prices = [bar.open(), bar.high(), bar.low(), bar.close()].map(|price| price.units());
        let traded = (bar.traded().map(Traded::turnover_units), bar.traded().map(Traded::trades));
        let has_traded = self.lacks_turnover() || (self.turnover, self.trades) == traded;
        [self.open, self.high, self.low, self.close] == prices && self.volume == bar.volume() && has_traded
    }

    /// The bar itself.
    ///
    /// # Errors
    /// Besides those of [`StoredBar::ohlcv`]: its time is no trading minute.
    pub fn parse(&self, calendar: &Calendar) -> Result<Bar, InvalidBar> {
        Ok(Bar { first: calendar.minute_starting(self.time)?, ohlcv: self.ohlcv()? })
    }
}

/// A number rounded to the decimals of a column, given as a power of ten.
#[must_use]
pub fn to_decimals(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale
}

/// A row of `stock_state`.
#[derive(Debug, Clone, PartialEq)]
pub struct StateRow {
    pub symbol: String,
    /// Currency units.
    pub current_price: f64,
    /// Daily standard deviation as a fraction, to four decimals.
    pub volatility: f64,
    /// Annual drift as a fraction, to four decimals.
    pub trend: f64,
    /// Name of the regime.
    pub market_state: String,
    /// Unix seconds.
    pub last_update: UnixSeconds,
    /// Whether trade is halted.
    pub is_halted: bool,
}

/// A stock as a list of prices shows it: from `stock_metadata`, `stock_state` and `stock_realtime_price`.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceRow {
    pub symbol: Symbol,
    pub name: String,
    pub sector: String,
    /// As `stock_metadata` has it, unchecked.
    pub board: String,
    /// Whether it is to be traded.
    pub is_active: bool,
    /// Close of the last 1-minute bar, currency units.
    pub price: f64,
    /// Against the close of the trading day before, in per cent. None, as is the volume, after a crash of the server until the
    /// next minute is written.
    pub change_percent: Option<f64>,
    /// Shares traded since the day's open.
    pub volume: Option<i64>,
    /// Start of the last 1-minute bar, in Unix seconds.
    pub last_update: UnixSeconds,
    /// Whether its trade is halted at present.
    pub is_halted: bool,
}

/// What there is to roll up of one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollupTask {
    pub symbol: Symbol,
    /// Start of the last 1-minute bar that is part of the roll-ups, in Unix seconds; none of a symbol that the
    /// generator does not know.
    pub folded_to: Option<UnixSeconds>,
    /// Start of the last 1-minute bar that the writer wrote.
    pub last_bar: Option<UnixSeconds>,
    /// The earliest bar that was changed behind the watermark.
    pub changed_from: Option<UnixSeconds>,
}

/// How far the roll-ups are behind the 1-minute bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollupBacklog {
    /// Start of the last minute that the least advanced symbol's roll-ups hold, in Unix seconds.
    pub folded_to: UnixSeconds,
    /// Start of the newest 1-minute bar of any symbol, in Unix seconds.
    pub last_bar: UnixSeconds,
}

/// The roll-ups of one symbol and what they settle.
#[derive(Debug, Clone)]
pub struct RollupWrite {
    pub symbol: Symbol,
    /// Every roll-up from this instant on is removed first.
    pub replace_from: Option<UnixSeconds>,
    pub bars: Vec<(Interval, Bar)>,
    /// The new watermark; none leaves it.
    pub folded_to: Option<UnixSeconds>,
    /// Whether the claimed notes of changed bars are settled.
    pub is_repaired: bool,
}

/// Rows that are taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outdated {
    /// The whole market with its identity; the universe stays.
    Market,
    /// Bars of a symbol and interval, by their labels.
    Bars { symbol: Symbol, interval: Interval, times: Vec<UnixSeconds> },
    /// Every row of a text that stands as a symbol, and is none of the market.
    Stranger(String),
    /// A symbol's rows in `stock_listing`.
    Listings(Symbol),
    /// A symbol's rows in `stock_parameters`.
    Parameters(Symbol),
    /// A symbol's rows in `stock_halt`.
    Halts(Symbol),
    /// A row of `stock_realtime_price` without a row of `stock_state`.
    Price(Symbol),
    /// The row of `market_status`.
    Status,
    /// The row of `market_clock`.
    Clock,
}

/// What one transaction of a repair, or of a market that begins again, does: it takes rows away, then writes.
#[derive(Debug, Clone, Default)]
pub struct Mend {
    pub outdated: Vec<Outdated>,
    pub write: MarketWrite,
    /// From which 1-minute bar on a symbol's roll-ups are to be made again. The aggregator finds it as repair work.
    pub changed: Vec<(Symbol, UnixSeconds)>,
    /// The identity that the database gets, whatever it has.
    pub identity: Option<Identity>,
}
