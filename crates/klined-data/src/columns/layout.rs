//! Bars with the columns, names and units of libraries that people load: akshare, tushare, qlib, yfinance and vnpy.
//!
//! | layout | day and longer | minutes |
//! |---|---|---|
//! | akshare | `stock_zh_a_hist` | `stock_zh_a_hist_min_em` |
//! | tushare | `daily`, `weekly`, `monthly` | `stk_mins` |
//! | qlib | the texts that its `dump_bin` reads | the same |
//! | yfinance | `Ticker.history`, with the ticker as a column | the same |
//! | vnpy | the table `dbbardata` | the same |
//!
//! Changes are against the bar before of the same symbol, and null in its first row. What a synthetic market does not have, such as the
//! turnover rate, is null.

use std::fmt;
use std::str::FromStr;

use arrow_schema::{DataType, Field, TimeUnit};
use klined_market::base::Interval;
use klined_market::calendar::Calendar;
use thiserror::Error;

use super::parts::timestamps;

/// Whose columns bars have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Those of akshare.
    Akshare,
    /// Those of tushare.
    Tushare,
    /// Those of qlib.
    Qlib,
    /// Those of yfinance.
    Yfinance,
    /// Those of vnpy.
    Vnpy,
}

/// A text that is no layout.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a layout: use akshare, tushare, qlib, yfinance or vnpy")]
pub struct UnknownLayout(String);

/// An interval that a library does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{layout} has no bars of {interval}; it has {known}")]
pub struct NoSuchBars {
    /// The library.
    pub layout: Layout,
    /// The interval.
    pub interval: Interval,
    /// The intervals that it has.
    pub known: String,
}

/// A column's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    Symbol,
    /// `600519.SH`.
    SymbolWithVenue,
    /// `SH600519`.
    VenueWithSymbol,
    /// The name that vnpy has for the exchange.
    Exchange,
    /// The name that vnpy has for the interval.
    VnpyInterval,
    /// The trading day, as a date or as text.
    Day,
    DayText,
    DayDigits,
    /// The instant, as a timestamp with the market's zone or in local time, or as text in local time.
    Instant,
    Midnight,
    LocalInstant,
    LocalText,
    /// The same at the end of the bar.
    LocalEndText,
    Open,
    High,
    Low,
    Close,
    CloseBefore,
    Change,
    /// In per cent, rounded to so many decimals.
    ChangePercent(i32),
    /// High less low in per cent of the close before.
    Amplitude,
    /// Turnover by volume since the day's open.
    MeanPrice,
    Shares,
    Lots,
    WholeLots,
    Turnover,
    TurnoverThousands,
    Zero,
    One,
    Unknown,
}

pub(super) type Columned = &'static [(&'static str, Figure)];

static AKSHARE_DAYS: Columned = &[
    ("日期", Figure::Day),
    ("股票代码", Figure::Symbol),
    ("开盘", Figure::Open),
    ("收盘", Figure::Close),
    ("最高", Figure::High),
    ("最低", Figure::Low),
    ("成交量", Figure::WholeLots),
    ("成交额", Figure::Turnover),
    ("振幅", Figure::Amplitude),
    ("涨跌幅", Figure::ChangePercent(2)),
    ("涨跌额", Figure::Change),
    ("换手率", Figure::Unknown),
];
static AKSHARE_MINUTE: Columned = &[
    ("时间", Figure::LocalEndText),
    ("开盘", Figure::Open),
    ("收盘", Figure::Close),
    ("最高", Figure::High),
    ("最低", Figure::Low),
    ("成交量", Figure::WholeLots),
    ("成交额", Figure::Turnover),
    ("均价", Figure::MeanPrice),
];
static AKSHARE_MINUTES: Columned = &[
    ("时间", Figure::LocalEndText),
    ("开盘", Figure::Open),
    ("收盘", Figure::Close),
    ("最高", Figure::High),
    ("最低", Figure::Low),
    ("涨跌幅", Figure::ChangePercent(2)),
    ("涨跌额", Figure::Change),
    ("成交量", Figure::WholeLots),
    ("成交额", Figure::Turnover),
    ("振幅", Figure::Amplitude),
    ("换手率", Figure::Unknown),
];
static TUSHARE_DAYS: Columned = &[
    ("ts_code", Figure::SymbolWithVenue),
    ("trade_date", Figure::DayDigits),
    ("open", Figure::Open),
    ("high", Figure::High),
    ("low", Figure::Low),
    ("close", Figure::Close),
    ("pre_close", Figure::CloseBefore),
    ("change", Figure::Change),
    ("pct_chg", Figure::ChangePercent(4)),
    ("vol", Figure::Lots),
    ("amount", Figure::TurnoverThousands),
];
static TUSHARE_MINUTES: Columned = &[
    ("ts_code", Figure::SymbolWithVenue),
    ("trade_time", Figure::LocalEndText),
    ("open", Figure::Open),
    ("close", Figure::Close),
    ("high", Figure::High),
    ("low", Figure::Low),
    ("vol", Figure::Shares),
    ("amount", Figure::Turnover),
];
static QLIB_DAYS: Columned = &[
    ("date", Figure::DayText),
    ("symbol", Figure::VenueWithSymbol),
    ("open", Figure::Open),
    ("close", Figure::Close),
    ("high", Figure::High),
    ("low", Figure::Low),
    ("volume", Figure::Shares),
    ("factor", Figure::One),
];
static QLIB_MINUTES: Columned = &[
    ("date", Figure::LocalText),
    ("symbol", Figure::VenueWithSymbol),
    ("open", Figure::Open),
    ("close", Figure::Close),
    ("high", Figure::High),
    ("low", Figure::Low),
    ("volume", Figure::Shares),
    ("factor", Figure::One),
];
static YFINANCE_DAYS: Columned = &[
    ("Date", Figure::Midnight),
    ("Ticker", Figure::Symbol),
    ("Open", Figure::Open),
    ("High", Figure::High),
    ("Low", Figure::Low),
    ("Close", Figure::Close),
    ("Volume", Figure::Shares),
    ("Dividends", Figure::Zero),
    ("Stock Splits", Figure::Zero),
];
static YFINANCE_MINUTES: Columned = &[
    ("Datetime", Figure::Instant),
    ("Ticker", Figure::Symbol),
    ("Open", Figure::Open),
    ("High", Figure::High),
    ("Low", Figure::Low),
    ("Close", Figure::Close),
    ("Volume", Figure::Shares),
    ("Dividends", Figure::Zero),
    ("Stock Splits", Figure::Zero),
];
static VNPY: Columned = &[
    ("symbol", Figure::Symbol),
    ("exchange", Figure::Exchange),
    ("datetime", Figure::LocalInstant),
    ("interval", Figure::VnpyInterval),
    ("volume", Figure::Shares),
    ("turnover", Figure::Turnover),
    ("open_interest", Figure::Zero),
    ("open_price", Figure::Open),
    ("high_price", Figure::High),
    ("low_price", Figure::Low),
    ("close_price", Figure::Close),
];

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 5] = [Self::Akshare, Self::Tushare, Self::Qlib, Self::Yfinance, Self::Vnpy];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Akshare => "akshare",
            Self::Tushare => "tushare",
            Self::Qlib => "qlib",
            Self::Yfinance => "yfinance",
            Self::Vnpy => "vnpy",
        }
    }

    /// Fails unless the library has bars of an interval.
    ///
    /// # Errors
    /// It has none.
    pub fn require(self, interval: Interval) -> Result<(), NoSuchBars> {
        let has = |interval: &Interval| match self {
            Self::Vnpy => vnpy_interval(*interval).is_some(),
            Self::Akshare | Self::Tushare | Self::Yfinance => *interval != Interval::Minute120,
            Self::Qlib => matches!(interval, Interval::Minute1 | Interval::Day),
        };
        if has(&interval) {
            return Ok(());
        }
        let known = Interval::ALL.iter().filter(|interval| has(interval)).map(Interval::to_string);
        Err(NoSuchBars { layout: self, interval, known: known.collect::<Vec<_>>().join(", ") })
    }

    /// Whether rows have figures of the bar before, so that a symbol's rows have to be made one after another.
    #[must_use]
    pub fn looks_back(self, interval: Interval) -> bool {
        let back = [Figure::CloseBefore, Figure::Change, Figure::Amplitude];
        self.columns(interval).iter().any(|(_, figure)| back.contains(figure))
    }

    pub(super) fn columns(self, interval: Interval) -> Columned {
        let is_of_minutes = interval.trading_minutes().is_some();
        match self {
            Self::Akshare if interval == Interval::Minute1 => AKSHARE_MINUTE,
            Self::Akshare if is_of_minutes => AKSHARE_MINUTES,
            Self::Akshare => AKSHARE_DAYS,
            Self::Tushare if is_of_minutes => TUSHARE_MINUTES,
            Self::Tushare => TUSHARE_DAYS,
            Self::Qlib if is_of_minutes => QLIB_MINUTES,
            Self::Qlib => QLIB_DAYS,
            Self::Yfinance if is_of_minutes => YFINANCE_MINUTES,
            Self::Yfinance => YFINANCE_DAYS,
            Self::Vnpy => VNPY,
        }
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|layout| layout.name() == text).ok_or_else(|| UnknownLayout(text.to_owned()))
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name that vnpy has for an interval; none if it has none.
pub(super) fn vnpy_interval(interval: Interval) -> Option<&'static str> {
    match interval {
        Interval::Minute1 => Some("1m"),
        Interval::Minute60 => Some("1h"),
        Interval::Day => Some("d"),
        Interval::Week => Some("w"),
        _ => None,
    }
}

/// The columns of a layout in their order.
pub(super) fn fields(layout: Layout, interval: Interval, calendar: &Calendar) -> Vec<Field> {
    let field = |&(name, figure): &(&str, Figure)| match figure {
        Figure::Instant | Figure::Midnight => timestamps(name, TimeUnit::Microsecond, calendar),
        Figure::LocalInstant => Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, None), false),
        Figure::Day => Field::new(name, DataType::Date32, false),
        Figure::Shares | Figure::WholeLots => Field::new(name, DataType::Int64, false),
        figure if figure.is_text() => Field::new(name, DataType::Utf8, false),
        _ => Field::new(name, DataType::Float64, true),
    };
    layout.columns(interval).iter().map(field).collect()
}

impl Figure {
    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Self::Symbol | Self::SymbolWithVenue | Self::VenueWithSymbol | Self::Exchange | Self::VnpyInterval
        ) || matches!(self, Self::DayText | Self::DayDigits | Self::LocalText | Self::LocalEndText)
    }
}
