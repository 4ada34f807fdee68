//! The messages of `/stocks`, both ways. Every time in them is in milliseconds.

use axum::body::Bytes;
use serde::Serialize;
use serde_json::json;

use super::conversation::NoTopic;
use super::seconds::SummedBar;
use super::ticks::{EXCHANGE, TAPE};
use crate::feed::Event;
use crate::relay;
use crate::serve::kit::answers::message;
use crate::serve::kit::channels::ChannelPlace;
use klined_market::bars::ticks::{BestQuote, Level, Trade};
use klined_market::base::{PriceLimits, Symbol, UnixNanos, UnixSeconds};
use klined_market::calendar::Minute;

/// The events of a ticker that a client can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolygonChannel {
    Trade,
    Quote,
    Second,
    Minute,
    Limits,
}

/// A channel of a ticker, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    pub channel: PolygonChannel,
    /// None is `*`.
    pub symbol: Option<Symbol>,
}

impl ChannelPlace for PolygonChannel {
    fn place(self) -> u8 {
        self as u8
    }
}

impl PolygonChannel {
    pub const ALL: [Self; 5] = [Self::Trade, Self::Quote, Self::Second, Self::Minute, Self::Limits];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trade => "T",
            Self::Quote => "Q",
            Self::Second => "A",
            Self::Minute => "AM",
            Self::Limits => "LULD",
        }
    }
}

impl Topic {
    /// `CHANNEL.TICKER`.
    pub fn text(&self) -> String {
        format!("{}.{}", self.channel.as_str(), self.symbol.as_ref().map_or("*", Symbol::as_str))
    }

    /// The topic at the vendor.
    pub fn upstream(&self) -> relay::Topic {
        relay::Topic { channel: self.channel.place(), symbol: self.symbol }
    }

    /// A topic as a client writes it.
    pub fn parse(text: &str) -> Result<Self, NoTopic> {
        let (channel, symbol) = text.split_once('.').ok_or(NoTopic::Malformed)?;
        if ["FMV", "NOI", "LV"].contains(&channel) {
            return Err(NoTopic::Missing);
        }
        let channel =
            PolygonChannel::ALL.into_iter().find(|known| known.as_str() == channel).ok_or(NoTopic::Malformed)?;
        let symbol = match symbol {
            "*" => None,
            symbol => Some(symbol.parse().map_err(|_| NoTopic::Malformed)?),
        };
        Ok(Self { channel, symbol })
    }
}

#[derive(Serialize)]
struct TradeMessage<'a> {
    ev: &'static str,
    sym: &'a str,
    x: u8,
    i: String,
    z: u8,
    p: f64,
    s: i64,
    c: &'static [u8],
    t: i64,
    q: u64,
}

#[derive(Serialize)]
struct QuoteMessage<'a> {
    ev: &'static str,
    sym: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bx: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bs: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ax: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ap: Option<f64>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    ask_size: Option<i64>,
    c: u8,
    i: [u8; 0],
    t: i64,
    z: u8,
    q: u64,
}

/// Exchange and conditions of a trade in a market of test symbols.
const FAKE: (u8, &[u8]) = (4, &[14, 37]);

fn trade(symbol: &Symbol, trade: &Trade, (x, c): (u8, &'static [u8])) -> Bytes {
    let (number, t) = (trade.id().number(), trade.at.millis());
    let (sym, p, s) = (symbol.as_str(), trade.price.units(), trade.shares);
    message(&TradeMessage { ev: "T", sym, x, i: number.to_string(), z: TAPE, p, s, c, t, q: number })
}

fn quote(symbol: &Symbol, quote: &BestQuote) -> Bytes {
    let price = |level: Option<Level>| level.map(|level| level.price.units());
    let size = |level: Option<Level>| level.map(|level| level.shares);
    message(&QuoteMessage {
        ev: "Q",
        sym: symbol.as_str(),
        bx: quote.bid.map(|_| EXCHANGE),
        bp: price(quote.bid),
        bs: size(quote.bid),
        ax: quote.ask.map(|_| EXCHANGE),
        ap: price(quote.ask),
        ask_size: size(quote.ask),
        c: 0,
        i: [],
        t: quote.at.millis(),
        z: TAPE,
        q: quote.id().number(),
    })
}

/// A trade or a quote; nothing of events that each client receives in its own way.
pub fn event(symbol: &Symbol, event: &Event, _standing: Option<&BestQuote>) -> Bytes {
    match event {
        Event::Trade(event) => trade(symbol, event, (EXCHANGE, &[])),
        Event::Quote(event) => quote(symbol, event),
        Event::Bar(_) | Event::Halt { .. } => Bytes::new(),
    }
}

/// The same of a market of test symbols.
pub fn fake_event(symbol: &Symbol, event: &Event, standing: Option<&BestQuote>) -> Bytes {
    match event {
        Event::Trade(event) => trade(symbol, event, FAKE),
        event => self::event(symbol, event, standing),
    }
}

#[derive(Serialize)]
struct AggregateMessage<'a> {
    ev: &'static str,
    sym: &'a str,
    v: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    av: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vw: Option<f64>,
    o: f64,
    c: f64,
    h: f64,
    l: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    z: Option<i64>,
    s: i64,
    e: i64,
}

/// A second with a trade.
pub fn second(symbol: &Symbol, sums: &SummedBar) -> Bytes {
    aggregate("A", symbol, sums, sums.start.next())
}

/// A minute's bar as it was committed.
pub fn minute(symbol: &Symbol, sums: &SummedBar) -> Bytes {
    aggregate("AM", symbol, sums, Minute::end_of(sums.start))
}

fn aggregate(ev: &'static str, symbol: &Symbol, sums: &SummedBar, end: UnixSeconds) -> Bytes {
    let bar = &sums.bar;
    message(&AggregateMessage {
        ev,
        sym: symbol.as_str(),
        v: bar.volume(),
        av: sums.day.volume,
        op: sums.day.open,
        vw: sums.vwap,
        o: bar.open().units(),
        c: bar.close().units(),
        h: bar.high().units(),
        l: bar.low().units(),
        a: sums.day.vwap,
        z: sums.mean_size,
        s: sums.start.millis(),
        e: end.millis(),
    })
}

/// Whether trade is halted, in the vendor's indicators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indicator {
    None,
    Halted,
    Resumed,
}

impl Indicator {
    fn codes(self) -> &'static [u8] {
        match self {
            Self::None => &[],
            Self::Halted => &[17],
            Self::Resumed => &[18],
        }
    }
}

/// The price limits that hold, and whether trade is halted. Without limits there are no prices in it.
pub fn limits(symbol: &Symbol, limits: Option<PriceLimits>, indicator: Indicator, at: UnixNanos) -> Bytes {
    let mut body = json!({"ev": "LULD", "T": symbol.as_str(), "i": indicator.codes(), "z": TAPE,
        "t": at.millis(), "q": at.millis()});
    if let Some(limits) = limits {
        body["h"] = limits.up.units().into();
        body["l"] = limits.down.units().into();
    }
    message(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_channel_of_a_ticker_or_of_all() {
        let topic = |text| Topic::parse(text).ok().map(|topic| (topic.channel, topic.symbol.map(|s| s.to_string())));
        assert_eq!(topic("T.AAPL"), Some((PolygonChannel::Trade, Some("AAPL".to_owned()))));
        assert_eq!(topic("AM.BRK.B"), Some((PolygonChannel::Minute, Some("BRK.B".to_owned()))));
        assert_eq!(topic("LULD.*"), Some((PolygonChannel::Limits, None)));
        assert_eq!(Topic::parse("FMV.*"), Err(NoTopic::Missing));
        for text in ["", "*", "T", "T.", "X.AAPL", "t.AAPL", ".AAPL", "T.A A", "T.**"] {
            assert_eq!(Topic::parse(text), Err(NoTopic::Malformed), "{text}");
        }
    }
}
