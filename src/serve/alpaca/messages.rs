//! The messages of the stream, both ways, in both codecs.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::ws::Message;
use serde::{Deserialize, Serialize};

use super::recoding;
use super::shapes::{BarShape, Instant, MessageName, QuoteShape, TAPE, TradeShape};
use crate::feed::Event;
use crate::relay::Recode;
use crate::serve::kit::answers;
use crate::serve::kit::channels::ChannelPlace;
use crate::serve::kit::protocol::arrays;
use klined_market::base::{PriceLimits, Symbol};

/// The dialect's places among the feed's encodings.
pub const JSON_ENCODER: usize = 1;
pub const MESSAGE_PACK_ENCODER: usize = 2;

/// How messages are written, which the `Content-Type` of the handshake says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Json,
    MessagePack,
}

impl Codec {
    pub fn of(content_type: Option<&str>) -> Self {
        match content_type {
            Some(named) if named.to_ascii_lowercase().contains("msgpack") => Self::MessagePack,
            _ => Self::Json,
        }
    }

    /// Its place among the feed's encodings.
    pub fn encoder(self) -> usize {
        match self {
            Self::Json => JSON_ENCODER,
            Self::MessagePack => MESSAGE_PACK_ENCODER,
        }
    }

    /// One message, not yet in its array.
    pub fn write(self, message: &impl Serialize) -> Bytes {
        // None of the messages can fail to be written.
        match self {
            Self::Json => answers::message(message),
            Self::MessagePack => rmp_serde::to_vec_named(message).unwrap_or_default().into(),
        }
    }

    /// Messages in one array, as everything is sent; nothing where there are none.
    pub fn frame(self, messages: &[Bytes]) -> Vec<Message> {
        match self {
            _ if messages.is_empty() => Vec::new(),
            Self::Json => arrays(messages, usize::MAX),
            Self::MessagePack => vec![Message::Binary(packed_array(messages).into())],
        }
    }

    /// How the vendor's messages, which are JSON, are written for a client of this codec; none where they stay as they are.
    pub fn recode(self) -> Option<Recode> {
        match self {
            Self::Json => None,
            Self::MessagePack => Some(repacked),
        }
    }

    /// A message of a client; none where it is no such message.
    pub fn read(self, message: &[u8]) -> Option<AlpacaRequest> {
        match self {
            Self::Json => serde_json::from_slice(message).ok(),
            Self::MessagePack => rmp_serde::from_slice(message).ok(),
        }
    }
}

/// Messages of MessagePack in an array.
fn packed_array(messages: &[Bytes]) -> Vec<u8> {
    let mut array = Vec::with_capacity(messages.iter().map(Bytes::len).sum::<usize>() + 5);
    // A batch has far fewer messages than 32 bits count, and writing to memory does not fail.
    let _ = rmp::encode::write_array_len(&mut array, u32::try_from(messages.len()).unwrap_or(u32::MAX));
    messages.iter().for_each(|message| array.extend_from_slice(message));
    array
}

/// The vendor's messages in JSON as one frame of MessagePack.
fn repacked(messages: &[&str]) -> Option<Message> {
    let packed = messages.iter().map(|message| recoding::packed(message)).collect::<Option<Vec<_>>>()?;
    Some(Message::Binary(packed_array(&packed).into()))
}

/// A message of a client: `auth` with key and secret, `subscribe` and `unsubscribe` with symbols by channel. A channel that is not
/// known here is passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AlpacaRequest {
    pub action: String,
    pub key: Option<String>,
    pub secret: Option<String>,
    pub trades: Option<Vec<String>>,
    pub quotes: Option<Vec<String>>,
    pub bars: Option<Vec<String>>,
    pub updated_bars: Option<Vec<String>>,
    pub daily_bars: Option<Vec<String>>,
    pub statuses: Option<Vec<String>>,
    pub lulds: Option<Vec<String>>,
}

/// The events of a symbol that a client can subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlpacaChannel {
    Trades,
    Quotes,
    Bars,
    UpdatedBars,
    DailyBars,
    Statuses,
    Lulds,
}

impl ChannelPlace for AlpacaChannel {
    fn place(self) -> u8 {
        self as u8
    }
}

impl AlpacaChannel {
    pub const ALL: [Self; 7] =
        [Self::Trades, Self::Quotes, Self::Bars, Self::UpdatedBars, Self::DailyBars, Self::Statuses, Self::Lulds];

    /// Its symbols in a message.
    pub fn of(self, request: &AlpacaRequest) -> &[String] {
        let symbols = match self {
            Self::Trades => &request.trades,
            Self::Quotes => &request.quotes,
            Self::Bars => &request.bars,
            Self::UpdatedBars => &request.updated_bars,
            Self::DailyBars => &request.daily_bars,
            Self::Statuses => &request.statuses,
            Self::Lulds => &request.lulds,
        };
        symbols.as_deref().unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Control<'a> {
    #[serde(rename = "T")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    msg: &'a str,
}

/// `connected` or `authenticated`.
pub fn success(codec: Codec, msg: &str) -> Bytes {
    codec.write(&Control { kind: "success", code: None, msg })
}

/// What went wrong, by Alpaca's number of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamError {
    Syntax,
    NotAuthenticated,
    AuthFailed,
    AlreadyAuthenticated,
    AuthTimeout,
    SymbolLimit,
    ConnectionLimit,
    SlowClient,
    InvalidAction,
    Internal,
}

impl StreamError {
    pub fn code(self) -> u16 {
        match self {
            Self::Syntax => 400,
            Self::NotAuthenticated => 401,
            Self::AuthFailed => 402,
            Self::AlreadyAuthenticated => 403,
            Self::AuthTimeout => 404,
            Self::SymbolLimit => 405,
            Self::ConnectionLimit => 406,
            Self::SlowClient => 407,
            Self::InvalidAction => 410,
            Self::Internal => 500,
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Self::Syntax => "invalid syntax",
            Self::NotAuthenticated => "not authenticated",
            Self::AuthFailed => "auth failed",
            Self::AlreadyAuthenticated => "already authenticated",
            Self::AuthTimeout => "auth timeout",
            Self::SymbolLimit => "symbol limit exceeded",
            Self::ConnectionLimit => "connection limit exceeded",
            Self::SlowClient => "slow client",
            Self::InvalidAction => "invalid subscribe action for this feed",
            Self::Internal => "internal error",
        }
    }
}

pub fn error(codec: Codec, error: StreamError) -> Bytes {
    codec.write(&Control { kind: "error", code: Some(error.code()), msg: error.text() })
}

/// Everything that a client is subscribed to. Corrections and cancels of trades go with the trades, as Alpaca has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionBody<'a> {
    #[serde(rename = "T")]
    kind: &'static str,
    trades: &'a BTreeSet<String>,
    quotes: &'a BTreeSet<String>,
    bars: &'a BTreeSet<String>,
    updated_bars: &'a BTreeSet<String>,
    daily_bars: &'a BTreeSet<String>,
    statuses: &'a BTreeSet<String>,
    lulds: &'a BTreeSet<String>,
    corrections: &'a BTreeSet<String>,
    cancel_errors: &'a BTreeSet<String>,
}

/// The symbols by channel, in the order of [`AlpacaChannel::ALL`].
pub fn subscription(codec: Codec, names: &[BTreeSet<String>; 7]) -> Bytes {
    let [trades, quotes, bars, updated_bars, daily_bars, statuses, lulds] = names;
    codec.write(&SubscriptionBody {
        kind: "subscription",
        trades,
        quotes,
        bars,
        updated_bars,
        daily_bars,
        statuses,
        lulds,
        corrections: trades,
        cancel_errors: trades,
    })
}

/// A trading status, in the codes of tape C.
#[derive(Serialize)]
struct StatusShape<'a> {
    #[serde(rename = "T")]
    kind: &'static str,
    #[serde(rename = "S")]
    symbol: &'a str,
    sc: &'static str,
    sm: &'static str,
    rc: &'static str,
    rm: &'static str,
    t: Instant,
    z: &'static str,
}

/// A halt or its end, of a stock or of the whole market.
pub fn status(codec: Codec, symbol: &str, is_halted: bool, is_of_market: bool, t: Instant) -> Bytes {
    let (sc, sm) = if is_halted { ("H", "Trading Halt") } else { ("T", "Trading Resumption") };
    let (rc, rm) = match (is_halted, is_of_market) {
        (true, true) => ("MWC3", "Market Wide Circuit Breaker Halt - Level 3"),
        (false, true) => ("MWCQ", "Market Wide Circuit Breaker Resumption"),
        (true, false) => ("T6", "Halt - Extraordinary Market Activity"),
        (false, false) => ("", ""),
    };
    codec.write(&StatusShape { kind: "s", symbol, sc, sm, rc, rm, t, z: TAPE })
}

/// The prices that a stock may trade at on a day.
#[derive(Serialize)]
struct LuldShape<'a> {
    #[serde(rename = "T")]
    kind: &'static str,
    #[serde(rename = "S")]
    symbol: &'a str,
    u: f64,
    d: f64,
    i: &'static str,
    t: Instant,
    z: &'static str,
}

/// A day's price limits: as they begin, or repeated for a client that subscribes later.
pub fn luld(codec: Codec, symbol: &str, limits: &PriceLimits, is_opening: bool, t: Instant) -> Bytes {
    let (u, d, i) = (limits.up.units(), limits.down.units(), if is_opening { "A" } else { "C" });
    codec.write(&LuldShape { kind: "l", symbol, u, d, i, t, z: TAPE })
}

/// A trade, a quote or a minute's bar. Empty for a minute without trade, and for a halt, which is written when it is sent.
pub fn event(codec: Codec, symbol: &Symbol, event: &Event) -> Bytes {
    let name = |kind| MessageName { kind: Some(kind), symbol: Some(symbol.as_str()) };
    match event {
        Event::Trade(trade) => codec.write(&TradeShape::of(name("t"), trade)),
        Event::Quote(quote) => codec.write(&QuoteShape::of(name("q"), quote)),
        Event::Bar(closed) if closed.is_traded() => codec.write(&BarShape::closed(name("b"), closed)),
        Event::Bar(_) | Event::Halt { .. } => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_request_is_read_in_both_codecs() {
        let message = serde_json::json!({"action": "subscribe", "trades": ["AAPL"], "updatedBars": ["*"], "news": ["*"], "bars": []});
        let request = AlpacaRequest {
            action: "subscribe".to_owned(),
            trades: Some(vec!["AAPL".to_owned()]),
            updated_bars: Some(vec!["*".to_owned()]),
            bars: Some(vec![]),
            ..AlpacaRequest::default()
        };
        assert_eq!(Codec::Json.read(message.to_string().as_bytes()), Some(request.clone()));
        assert_eq!(Codec::MessagePack.read(&rmp_serde::to_vec_named(&message).unwrap()), Some(request));
    }

    fn parsed(text: &str) -> Vec<Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_array_of_any_length_is_one() {
        for count in [0, 1, 15, 16, 70_000] {
            let messages = vec![success(Codec::MessagePack, "x"); count];
            let read: Vec<serde_json::Value> = rmp_serde::from_slice(&packed_array(&messages)).unwrap();
            assert_eq!(read.len(), count);
            let messages = vec![success(Codec::Json, "x"); count];
            let frames = Codec::Json.frame(&messages);
            let read: Vec<Value> = frames.iter().flat_map(|frame| parsed(frame.to_text().unwrap())).collect();
            assert_eq!((read.len(), frames.len()), (count, usize::from(count > 0)));
        }
    }

    #[test]
    fn an_instant_is_a_timestamp_of_64_bits() {
        // 2026-03-02T01:30:00.000000007Z.
        let instant = Instant(klined_market::base::UnixNanos::new(1_772_415_000_000_000_007));
        assert_eq!(Codec::Json.write(&instant), r#""2026-03-02T01:30:00.000000007Z""#);
        let packed = (7_u64 << 34 | 1_772_415_000).to_be_bytes();
        assert_eq!(Codec::MessagePack.write(&instant), [&[0xd7, 0xff][..], &packed].concat());
    }
}
