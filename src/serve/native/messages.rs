//! The messages of `/ws`, both ways.

use std::collections::BTreeSet;

use axum::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::feed::{Closed, Event, EventKind, Last, MarketEvent};
use crate::serve::kit::channels::ChannelPlace;
use klined_market::bars::ticks::{BestQuote, Level, Trade};
use klined_market::base::{Price, Symbol, Traded};

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum NativeRequest {
    Auth {
        key: String,
    },
    /// Tickers, or `*` for all; `tick` and `bar` where no channels are named.
    Subscribe {
        tickers: Vec<String>,
        #[serde(default)]
        channels: Option<BTreeSet<NativeChannel>>,
    },
    /// Every channel where none is named.
    Unsubscribe {
        tickers: Vec<String>,
        #[serde(default)]
        channels: Option<BTreeSet<NativeChannel>>,
    },
    Ping {},
}

/// The events of a ticker that a client can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NativeChannel {
    Tick,
    Quote,
    Bar,
}

impl ChannelPlace for NativeChannel {
    fn place(self) -> u8 {
        self as u8
    }
}

impl NativeChannel {
    pub const ALL: [Self; 3] = [Self::Tick, Self::Quote, Self::Bar];
}

fn text(message: &Value) -> Bytes {
    Bytes::from(message.to_string())
}

/// The first message.
pub fn connected(is_authenticated: bool) -> Bytes {
    text(
        &json!({"type": "connected", "data": {"version": env!("CARGO_PKG_VERSION"), "authenticated": is_authenticated}}),
    )
}

pub fn pong() -> Bytes {
    text(&json!({"type": "pong"}))
}

pub fn error(code: &str, message: &str) -> Bytes {
    text(&json!({"type": "error", "data": {"code": code, "message": message}}))
}

/// The result of a subscription or its end: the tickers of the request that are known.
pub fn subscribed(kind: &str, tickers: &[&str], channels: &BTreeSet<NativeChannel>) -> Bytes {
    text(&json!({"type": kind, "data": {"tickers": tickers, "channels": channels}}))
}

/// A trade with the quote that stood before it, as far as that is known.
pub fn tick(symbol: &Symbol, trade: &Trade, quote: Option<&BestQuote>) -> Bytes {
    let (bid, ask) = quote.map_or((None, None), |quote| (quote.bid, quote.ask));
    text(&json!({"type": "tick", "data": {
        "ticker": symbol.as_str(),
        "price": trade.price.units(),
        "volume": trade.shares,
        "bid": bid.map(|level| level.price.units()),
        "ask": ask.map(|level| level.price.units()),
        "timestamp": trade.at.millis(),
        "id": trade.id().number(),
    }}))
}

fn quote(symbol: &Symbol, quote: &BestQuote) -> Bytes {
    let price = |level: Option<Level>| level.map(|level| level.price.units());
    let size = |level: Option<Level>| level.map(|level| level.shares);
    text(&json!({"type": "quote", "data": {
        "ticker": symbol.as_str(),
        "bid": price(quote.bid),
        "bid_size": size(quote.bid),
        "ask": price(quote.ask),
        "ask_size": size(quote.ask),
        "timestamp": quote.at.millis(),
        "id": quote.id().number(),
    }}))
}

fn bar(symbol: &Symbol, closed: &Closed) -> Bytes {
    let (ohlcv, units) = (closed.bar.ohlcv, Price::units);
    text(&json!({"type": "bar", "data": {
        "ticker": symbol.as_str(),
        "interval": "1m",
        "time": closed.bar.first.start(),
        "open": units(ohlcv.open()),
        "high": units(ohlcv.high()),
        "low": units(ohlcv.low()),
        "close": units(ohlcv.close()),
        "volume": ohlcv.volume(),
        "turnover": ohlcv.traded().map(Traded::turnover_units),
        "trades": ohlcv.traded().map(Traded::trades),
        "corrected": closed.is_corrected,
    }}))
}

/// An event of a ticker. `standing` is the quote before it.
pub fn event(symbol: &Symbol, event: &Event, standing: Option<&BestQuote>) -> Bytes {
    match event {
        Event::Trade(trade) => tick(symbol, trade, standing),
        Event::Quote(new) => quote(symbol, new),
        Event::Bar(closed) => bar(symbol, closed),
        Event::Halt { is_halted } => {
            text(&json!({"type": "status", "data": {"ticker": symbol.as_str(), "halted": is_halted}}))
        }
    }
}

/// The last tick of a ticker; none when there is none.
pub fn last_tick(symbol: &Symbol, last: &Last) -> Option<Bytes> {
    last.trade.map(|trade| tick(symbol, &trade, last.traded_on.as_ref()))
}

/// An event that every client receives.
pub fn market(event: &MarketEvent) -> Bytes {
    match event {
        MarketEvent::Status(status) => text(&json!({"type": "status", "data": {
            "session": status.span.session.as_str(),
            "is_trading": status.is_trading(),
            "halted": status.is_halted,
            "session_start": status.span.start,
            "session_end": status.span.end,
            "market_time": status.last_update,
        }})),
        MarketEvent::Skipped { from, until } => {
            text(&json!({"type": "skipped", "data": {"from": from, "until": until}}))
        }
    }
}

/// The channel of a kind of events; none for those that belong to every channel.
pub fn channel_of(kind: EventKind) -> Option<NativeChannel> {
    match kind {
        EventKind::Trade => Some(NativeChannel::Tick),
        EventKind::Quote => Some(NativeChannel::Quote),
        EventKind::Bar => Some(NativeChannel::Bar),
        EventKind::Halt => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_may_say_is_understood() {
        let said = |text: &str| serde_json::from_str::<NativeRequest>(text);
        let tickers = vec!["AAPL".to_owned()];
        assert_eq!(
            said(r#"{"type":"subscribe","tickers":["AAPL"]}"#).ok(),
            Some(NativeRequest::Subscribe { tickers: tickers.clone(), channels: None })
        );
        let channels = Some(BTreeSet::from([NativeChannel::Quote]));
        assert_eq!(
            said(r#"{"type":"unsubscribe","tickers":["AAPL"],"channels":["quote"]}"#).ok(),
            Some(NativeRequest::Unsubscribe { tickers, channels })
        );
        assert_eq!(said(r#"{"type":"ping"}"#).ok(), Some(NativeRequest::Ping {}));
        for (text, reason) in [
            ("", "EOF"),
            ("{}", "missing field `type`"),
            ("[]", "at line 1 column 2"),
            ("ping", "expected value"),
            (r#"{"type":"subscribe"}"#, "missing field `tickers`"),
            (r#"{"type":"auth"}"#, "missing field `key`"),
            (r#"{"type":"x"}"#, "unknown variant `x`"),
        ] {
            let refused = said(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
