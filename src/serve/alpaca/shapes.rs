//! Bars, trades, quotes and snapshots as Alpaca writes them, in JSON and in MessagePack.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::feed::Closed;
use crate::query::{ShownBar, mean_price};
use crate::serve::kit::pages::SymbolCursor;
use klined_market::bars::ticks::{BestQuote, Level, MinuteTicks, Trade};
use klined_market::base::{Ohlcv, Symbol, Traded, UnixNanos, UnixSeconds};

/// The one exchange: Alpaca's letter for IEX, which is what its usual feed has.
pub const EXCHANGE: &str = "V";
/// The one tape.
pub const TAPE: &str = "C";
/// A regular trade, and a regular quote.
pub const TRADE_CONDITION: &str = "@";
pub const QUOTE_CONDITION: &str = "R";
/// How a side without orders shows.
const NOWHERE: &str = " ";

/// An instant: RFC 3339 in JSON, the timestamp extension in MessagePack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant(pub UnixNanos);

impl Instant {
    pub fn of_seconds(seconds: UnixSeconds) -> Self {
        Self(seconds.saturating_nanos())
    }
}

/// Bytes of an extension, which serde would write as a list otherwise.
struct Raw([u8; 8]);

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let instant = DateTime::from_timestamp_nanos(self.0.get());
            return serializer.collect_str(&instant.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        }
        // Timestamp 64: 30 bits of nanoseconds, 34 of seconds.
        let (seconds, nanos) = (self.0.seconds().get(), self.0.subsecond().get());
        let packed = nanos.cast_unsigned() << 34 | (seconds.cast_unsigned() & ((1 << 34) - 1));
        serializer.serialize_newtype_struct(rmp_serde::MSGPACK_EXT_STRUCT_NAME, &(-1_i8, Raw(packed.to_be_bytes())))
    }
}

/// Which message it is, and of which symbol; absent in REST.
#[derive(Debug, Clone, Copy, Default)]
pub struct MessageName<'a> {
    pub kind: Option<&'static str>,
    pub symbol: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub struct BarShape<'a> {
    #[serde(rename = "T", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(rename = "S", skip_serializing_if = "Option::is_none")]
    symbol: Option<&'a str>,
    t: Instant,
    o: f64,
    h: f64,
    l: f64,
    c: f64,
    /// Shares.
    v: i64,
    /// Number of trades; null in bars of earlier versions.
    n: Option<i64>,
    /// Mean price by shares, the close without any; null likewise.
    vw: Option<f64>,
}

impl<'a> BarShape<'a> {
    pub fn shown(bar: &ShownBar) -> Self {
        let ShownBar { start, open: o, high: h, low: l, close: c, volume: v, traded } = *bar;
        let t = Instant::of_seconds(start);
        Self { kind: None, symbol: None, t, o, h, l, c, v, n: None, vw: None }.with_traded(traded)
    }

    pub fn of(name: MessageName<'a>, start: UnixSeconds, bar: &Ohlcv) -> Self {
        let (o, h) = (bar.open().units(), bar.high().units());
        let (l, c, v) = (bar.low().units(), bar.close().units(), bar.volume());
        let MessageName { kind, symbol } = name;
        let t = Instant::of_seconds(start);
        Self { kind, symbol, t, o, h, l, c, v, n: None, vw: None }.with_traded(bar.traded())
    }

    /// Under this name.
    pub fn named(self, MessageName { kind, symbol }: MessageName<'a>) -> Self {
        Self { kind, symbol, ..self }
    }

    /// With what is known of its trades.
    fn with_traded(self, traded: Option<Traded>) -> Self {
        let vw = mean_price(traded, self.v).or(traded.map(|_| self.c));
        Self { n: traded.map(Traded::trades), vw, ..self }
    }

    /// With what its ticks show, where the bar does not have it.
    pub fn with_ticks(self, ticks: Option<&MinuteTicks>) -> Self {
        match ticks.filter(|_| self.n.is_none()) {
            Some(ticks) => self.with_traded(ticks.traded()),
            None => self,
        }
    }

    pub fn closed(name: MessageName<'a>, closed: &Closed) -> Self {
        Self::of(name, closed.bar.first.start(), &closed.bar.ohlcv)
    }
}

#[derive(Debug, Serialize)]
pub struct TradeShape<'a> {
    #[serde(rename = "T", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(rename = "S", skip_serializing_if = "Option::is_none")]
    symbol: Option<&'a str>,
    t: Instant,
    x: &'static str,
    p: f64,
    s: i64,
    c: [&'static str; 1],
    i: u64,
    z: &'static str,
}

impl<'a> TradeShape<'a> {
    pub fn of(MessageName { kind, symbol }: MessageName<'a>, trade: &Trade) -> Self {
        let (t, p, s, i) = (Instant(trade.at), trade.price.units(), trade.shares, trade.id().number());
        Self { kind, symbol, t, x: EXCHANGE, p, s, c: [TRADE_CONDITION], i, z: TAPE }
    }
}

#[derive(Debug, Serialize)]
pub struct QuoteShape<'a> {
    #[serde(rename = "T", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(rename = "S", skip_serializing_if = "Option::is_none")]
    symbol: Option<&'a str>,
    t: Instant,
    ax: &'static str,
    ap: f64,
    #[serde(rename = "as")]
    ask_size: i64,
    bx: &'static str,
    bp: f64,
    bs: i64,
    c: [&'static str; 1],
    z: &'static str,
}

impl<'a> QuoteShape<'a> {
    pub fn of(MessageName { kind, symbol }: MessageName<'a>, quote: &BestQuote) -> Self {
        // A side that a price limit leaves empty is zeros.
        let side = |level: Option<Level>| {
            level.map_or((NOWHERE, 0.0, 0), |level| (EXCHANGE, level.price.units(), level.shares))
        };
        let ((ax, ap, ask_size), (bx, bp, bs)) = (side(quote.ask), side(quote.bid));
        Self { kind, symbol, t: Instant(quote.at), ax, ap, ask_size, bx, bp, bs, c: [QUOTE_CONDITION], z: TAPE }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotShape {
    pub latest_trade: Option<TradeShape<'static>>,
    pub latest_quote: Option<QuoteShape<'static>>,
    pub minute_bar: Option<BarShape<'static>>,
    pub daily_bar: Option<BarShape<'static>>,
    pub prev_daily_bar: Option<BarShape<'static>>,
}

/// What a page or an answer of the latest holds.
pub enum Content<T> {
    One(Symbol, T),
    Many(BTreeMap<Symbol, T>),
}

/// A page: `{"bars":{"AAPL":[…]},"next_page_token":…}`, or of one symbol `{"symbol":"AAPL","bars":[…],"next_page_token":…}`.
pub struct PageBody<T> {
    /// `bars`, `trades` or `quotes`.
    pub key: &'static str,
    pub content: Content<Vec<T>>,
    pub next: Option<SymbolCursor>,
}

impl<T: Serialize> Serialize for PageBody<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.content {
            Content::One(symbol, shapes) => {
                map.serialize_entry("symbol", symbol.as_str())?;
                map.serialize_entry(self.key, shapes)?;
            }
            Content::Many(of) => map.serialize_entry(self.key, &BySymbol(of))?,
        }
        map.serialize_entry("next_page_token", &self.next.map(|next| next.text()))?;
        map.end()
    }
}

/// The latest of some symbols, or of one: `{"bars":{"AAPL":{…}}}` or `{"symbol":"AAPL","bar":{…}}`.
pub struct LatestBody<T> {
    /// `bars`, `trades` or `quotes`; without its last letter for one symbol.
    pub key: &'static str,
    pub content: Content<T>,
}

impl<T: Serialize> Serialize for LatestBody<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.content {
            Content::One(symbol, shape) => {
                map.serialize_entry("symbol", symbol.as_str())?;
                map.serialize_entry(self.key.trim_end_matches('s'), shape)?;
            }
            Content::Many(of) => map.serialize_entry(self.key, &BySymbol(of))?,
        }
        map.end()
    }
}

/// A map with symbols for keys.
pub struct BySymbol<'a, T>(pub &'a BTreeMap<Symbol, T>);

impl<T: Serialize> Serialize for BySymbol<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(symbol, value)| (symbol.as_str(), value)))
    }
}
