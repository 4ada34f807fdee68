//! A bar, a trade or a quote as the value of a record. Its key is the symbol.
//!
//! JSON has a name for each value; times are Unix seconds or, of ticks, nanoseconds, and prices and turnover are in currency units. The binary form is
//! the values of the same record in order, as ClickHouse's format RowBinary has them: integers little-endian, a text as its length in one byte
//! and its bytes, prices and turnover as i64 in hundredths.
//!
//! | record | values in the binary form |
//! |---|---|
//! | bar | text symbol; i64 time; i64 open, high, low, close; i64 volume; turnover, trades: each u8 1 where it is not known, else u8 0 and i64; i64 start_5m, start_15m, start_30m, start_60m, start_120m, start_1d, start_1w, start_1M |
//! | tick | text symbol; u8 kind (0 quote, 1 trade); i64 time_ns; u64 id; u8 side (0 none, 1 buy, 2 sell); i64 price, shares, bid, bid_shares, ask, ask_shares, each 0 where the kind or the side of the book does not have it |

use std::fmt;
use std::str::FromStr;

use klined_market::bars::Bar;
use klined_market::bars::ticks::{Level, MinuteTicks, Side, Tick, TickId};
use klined_market::base::symbol::SYMBOL_LENGTH_MAX;
use klined_market::base::{Interval, Price, Symbol, Traded, UnixNanos, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};
use serde::{Deserialize, Serialize};

/// The form of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Binary,
}

impl Format {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Json => Self::Binary,
            Self::Binary => Self::Json,
        }
    }

    /// The format of ClickHouse that reads it.
    #[must_use]
    pub fn in_clickhouse(self) -> &'static str {
        match self {
            Self::Json => "JSONEachRow",
            Self::Binary => "RowBinary",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Binary => "binary",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "binary" => Ok(Self::Binary),
            _ => Err("it must be json or binary".to_owned()),
        }
    }
}

/// Starts of the longer bars that a minute belongs to, in the order of [`Interval::ROLLED`].
pub type Starts = [UnixSeconds; Interval::ROLLED.len()];

/// The starts of a minute's longer bars.
#[must_use]
pub fn starts(calendar: &Calendar, minute: Minute) -> Starts {
    Interval::ROLLED.map(|interval| calendar.bucket(minute, interval).first.start())
}

#[derive(Serialize)]
struct BarJson<'a> {
    symbol: &'a str,
    time: i64,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: i64,
    turnover: Option<f64>,
    trades: Option<i64>,
    start_5m: i64,
    start_15m: i64,
    start_30m: i64,
    start_60m: i64,
    start_120m: i64,
    start_1d: i64,
    start_1w: i64,
    #[serde(rename = "start_1M")]
    start_1mo: i64,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum TickJson<'a> {
    Quote {
        symbol: &'a str,
        time_ns: i64,
        id: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        bid: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bid_shares: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ask: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ask_shares: Option<i64>,
    },
    Trade {
        symbol: &'a str,
        time_ns: i64,
        id: u64,
        side: &'static str,
        price: f64,
        shares: i64,
    },
}

/// Values in a row.
#[derive(Default)]
struct Row(Vec<u8>);

impl Row {
    fn of(symbol: Symbol) -> Self {
        let name = symbol.as_str().as_bytes();
        let mut row = Self::default();
        // A symbol has at most 20 bytes.
        row.0.push(name.len() as u8);
        row.0.extend_from_slice(name);
        row
    }

    fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    fn integer(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn known(self, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.byte(0).integer(value),
            None => self.byte(1),
        }
    }
}

/// The value of a bar's record.
#[must_use]
pub fn bar(format: Format, symbol: Symbol, bar: &Bar, starts: &Starts) -> Vec<u8> {
    let (time, ohlcv) = (bar.first.start().get(), &bar.ohlcv);
    let prices = [ohlcv.open(), ohlcv.high(), ohlcv.low(), ohlcv.close()];
    let (turnover, trades) = (ohlcv.traded().map(Traded::turnover), ohlcv.traded().map(Traded::trades));
    if format == Format::Binary {
        let row = prices.iter().fold(Row::of(symbol).integer(time), |row, price| row.integer(price.ticks()));
        let row = row.integer(ohlcv.volume()).known(turnover).known(trades);
        return starts.iter().fold(row, |row, start| row.integer(start.get())).0;
    }
    let [open, high, low, close] = prices.map(Price::units);
    let [start_5m, start_15m, start_30m, start_60m, start_120m, start_1d, start_1w, start_1mo] =
        starts.map(UnixSeconds::get);
    json(&BarJson {
        symbol: symbol.as_str(),
        time,
        open,
        high,
        low,
        close,
        volume: ohlcv.volume(),
        turnover: ohlcv.traded().map(Traded::turnover_units),
        trades,
        start_5m,
        start_15m,
        start_30m,
        start_60m,
        start_120m,
        start_1d,
        start_1w,
        start_1mo,
    })
}

/// The value of a tick's record.
#[must_use]
pub fn tick(format: Format, symbol: Symbol, tick: &Tick) -> Vec<u8> {
    let (time_ns, id) = (tick.at().get(), tick_name(tick).1.number());
    let number = |level: Option<Level>| level.map_or((0, 0), |level| (level.price.ticks(), level.shares));
    if format == Format::Binary {
        let (kind, side, price, shares, bid, ask) = match tick {
            Tick::Quote(quote) => (0, 0, 0, 0, number(quote.bid), number(quote.ask)),
            Tick::Trade(trade) => (1, side_number(trade.side), trade.price.ticks(), trade.shares, (0, 0), (0, 0)),
        };
        let row = Row::of(symbol).byte(kind).integer(time_ns).integer(id.cast_signed()).byte(side);
        return [price, shares, bid.0, bid.1, ask.0, ask.1].into_iter().fold(row, Row::integer).0;
    }
    let symbol = symbol.as_str();
    match tick {
        Tick::Quote(quote) => json(&TickJson::Quote {
            symbol,
            time_ns,
            id,
            bid: quote.bid.map(|level| level.price.units()),
            bid_shares: quote.bid.map(|level| level.shares),
            ask: quote.ask.map(|level| level.price.units()),
            ask_shares: quote.ask.map(|level| level.shares),
        }),
        Tick::Trade(trade) => json(&TickJson::Trade {
            symbol,
            time_ns,
            id,
            side: match trade.side {
                Side::Buy => "buy",
                Side::Sell => "sell",
            },
            price: trade.price.units(),
            shares: trade.shares,
        }),
    }
}

fn side_number(side: Side) -> u8 {
    match side {
        Side::Buy => 1,
        Side::Sell => 2,
    }
}

fn json(record: &impl Serialize) -> Vec<u8> {
    // Texts and finite numbers: nothing of it can be refused.
    serde_json::to_vec(record).unwrap_or_default()
}

/// The ticks of a minute in the order of their records: by time, the quote before the trade that it stands before.
pub fn in_order(ticks: &MinuteTicks) -> impl Iterator<Item = Tick> + '_ {
    ticks.after(UnixNanos::new(i64::MIN))
}

/// Whether it is a trade, and its number.
fn tick_name(tick: &Tick) -> (bool, TickId) {
    match tick {
        Tick::Quote(quote) => (false, quote.id()),
        Tick::Trade(trade) => (true, trade.id()),
    }
}

/// The start of the minute that the value of a bar's record is of; none where the value is no such record.
#[must_use]
pub fn minute_of_bar(format: Format, value: &[u8]) -> Option<UnixSeconds> {
    #[derive(Deserialize)]
    struct Head {
        time: i64,
    }
    let time = match format {
        Format::Json => serde_json::from_slice::<Head>(value).ok()?.time,
        Format::Binary => after_symbol(value)?.first_chunk().map(|bytes| i64::from_le_bytes(*bytes))?,
    };
    Some(UnixSeconds::new(time))
}

/// The start of the minute that the value of a tick's record is of; none where the value is no such record.
#[must_use]
pub fn minute_of_tick(format: Format, value: &[u8]) -> Option<UnixSeconds> {
    #[derive(Deserialize)]
    struct Head {
        id: u64,
    }
    let id = match format {
        Format::Json => serde_json::from_slice::<Head>(value).ok()?.id,
        // Behind kind and time.
        Format::Binary => after_symbol(value)?.get(9..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))?,
    };
    Some(TickId::from_number(id).minute_start())
}

/// What follows the symbol in the binary form. The first byte of JSON is no length of a symbol.
fn after_symbol(value: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = value.split_first()?;
    rest.get(usize::from(length)..).filter(|_| usize::from(length) <= SYMBOL_LENGTH_MAX)
}
