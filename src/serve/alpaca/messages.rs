//! The messages of the stream, both ways, in both codecs.

use std::collections::BTreeSet;

use axum::body::Bytes;
use serde::{Deserialize, Serialize};

use super::shapes::{BarShape, Instant, Name, QuoteShape, TAPE, TradeShape};
use crate::feed::Event;
use crate::serve::{ALPACA_JSON, ALPACA_MESSAGE_PACK};
use klined_market::base::{PriceLimits, Symbol};

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

    /// Its place among those who write the hub's events.
    pub fn place(self) -> usize {
        match self {
            Self::Json => ALPACA_JSON,
            Self::MessagePack => ALPACA_MESSAGE_PACK,
        }
    }

    /// One message, not yet in its array.
    pub fn write(self, message: &impl Serialize) -> Bytes {
        // None of the messages can fail to be written.
        match self {
            Self::Json => serde_json::to_vec(message).unwrap_or_default().into(),
            Self::MessagePack => rmp_serde::to_vec_named(message).unwrap_or_default().into(),
        }
    }

    /// Messages in an array, as everything is sent.
    pub fn array(self, messages: &[Bytes]) -> Vec<u8> {
        let mut array = Vec::with_capacity(messages.iter().map(|message| message.len() + 1).sum::<usize>() + 5);
        match self {
            Self::Json => {
                array.push(b'[');
                for (at, message) in messages.iter().enumerate() {
                    if at > 0 {
                        array.push(b',');
                    }
                    array.extend_from_slice(message);
                }
                array.push(b']');
            }
            Self::MessagePack => {
                // An array's head with a length of 16 or 32 bits.
                match u16::try_from(messages.len()) {
                    Ok(length @ ..16) => array.push(0x90 | length as u8),
                    Ok(length) => array.extend([&[0xdc][..], &length.to_be_bytes()].concat()),
                    Err(_) => {
                        let length = u32::try_from(messages.len()).unwrap_or(u32::MAX);
                        array.extend([&[0xdd][..], &length.to_be_bytes()].concat());
                    }
                }
                messages.iter().for_each(|message| array.extend_from_slice(message));
            }
        }
        array
    }

    /// What a client has said; none when it cannot be understood.
    pub fn read(self, said: &[u8]) -> Option<Said> {
        match self {
            Self::Json => serde_json::from_slice(said).ok(),
            Self::MessagePack => rmp_serde::from_slice(said).ok(),
        }
    }
}

/// What a client may say: `auth` with key and secret, `subscribe` and `unsubscribe` with symbols by channel. A channel that is not
/// known here is passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Said {
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

/// What may be heard of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    Trades,
    Quotes,
    Bars,
    UpdatedBars,
    DailyBars,
    Statuses,
    Lulds,
}

impl Channel {
    pub const ALL: [Self; 7] =
        [Self::Trades, Self::Quotes, Self::Bars, Self::UpdatedBars, Self::DailyBars, Self::Statuses, Self::Lulds];

    /// Its symbols in a message.
    pub fn of(self, said: &Said) -> &[String] {
        let symbols = match self {
            Self::Trades => &said.trades,
            Self::Quotes => &said.quotes,
            Self::Bars => &said.bars,
            Self::UpdatedBars => &said.updated_bars,
            Self::DailyBars => &said.daily_bars,
            Self::Statuses => &said.statuses,
            Self::Lulds => &said.lulds,
        };
        symbols.as_deref().unwrap_or_default()
    }
}

/// Channels as a set of bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Channels(u8);

impl Channels {
    pub fn add(&mut self, channel: Channel) {
        self.0 |= 1 << channel as u8;
    }

    pub fn remove(&mut self, channel: Channel) {
        self.0 &= !(1 << channel as u8);
    }

    pub fn has(self, channel: Channel) -> bool {
        self.0 & (1 << channel as u8) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
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
pub enum Fault {
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

impl Fault {
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

    pub fn words(self) -> &'static str {
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

pub fn error(codec: Codec, fault: Fault) -> Bytes {
    codec.write(&Control { kind: "error", code: Some(fault.code()), msg: fault.words() })
}

/// Everything that a client is subscribed to. Corrections and cancels of trades go with the trades, as Alpaca has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subscription<'a> {
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

/// The symbols by channel, in the order of [`Channel::ALL`].
pub fn subscription(codec: Codec, names: &[BTreeSet<String>; 7]) -> Bytes {
    let [trades, quotes, bars, updated_bars, daily_bars, statuses, lulds] = names;
    codec.write(&Subscription {
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

/// A day's price limits: as they begin, or told again to who comes later.
pub fn luld(codec: Codec, symbol: &str, limits: &PriceLimits, is_opening: bool, t: Instant) -> Bytes {
    let (u, d, i) = (limits.up.units(), limits.down.units(), if is_opening { "A" } else { "C" });
    codec.write(&LuldShape { kind: "l", symbol, u, d, i, t, z: TAPE })
}

/// A trade, a quote or a minute's bar; nothing of a halt, which is written when it is told.
pub fn event(codec: Codec, symbol: &Symbol, event: &Event) -> Bytes {
    let name = |kind| Name { kind: Some(kind), symbol: Some(symbol.as_str()) };
    match event {
        Event::Trade(trade) => codec.write(&TradeShape::of(name("t"), trade)),
        Event::Quote(quote) => codec.write(&QuoteShape::of(name("q"), quote)),
        Event::Bar(closed) => codec.write(&BarShape::closed(name("b"), closed)),
        Event::Halt { .. } => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_client_may_say_is_understood_in_both_codecs() {
        let told = serde_json::json!({"action": "subscribe", "trades": ["AAPL"], "updatedBars": ["*"], "news": ["*"], "bars": []});
        let said = Said {
            action: "subscribe".to_owned(),
            trades: Some(vec!["AAPL".to_owned()]),
            updated_bars: Some(vec!["*".to_owned()]),
            bars: Some(vec![]),
            ..Said::default()
        };
        assert_eq!(Codec::Json.read(told.to_string().as_bytes()), Some(said.clone()));
        assert_eq!(Codec::MessagePack.read(&rmp_serde::to_vec_named(&told).unwrap()), Some(said));
    }

    #[test]
    fn an_array_of_any_length_is_one() {
        for count in [0, 1, 15, 16, 70_000] {
            let messages = vec![success(Codec::MessagePack, "x"); count];
            let read: Vec<serde_json::Value> = rmp_serde::from_slice(&Codec::MessagePack.array(&messages)).unwrap();
            assert_eq!(read.len(), count);
            let messages = vec![success(Codec::Json, "x"); count];
            let read: Vec<serde_json::Value> = serde_json::from_slice(&Codec::Json.array(&messages)).unwrap();
            assert_eq!(read.len(), count);
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

    proptest! {
        #[test]
        fn no_bytes_break_the_parser(said in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (Codec::Json.read(&said), Codec::MessagePack.read(&said));
        }

        #[test]
        fn no_message_with_the_right_words_breaks_it(
            action in "(auth|subscribe|unsubscribe|.{0,4})",
            symbols in prop::collection::vec("\\PC{0,8}", 0..4),
            cut in 0usize..80,
            depth in 0usize..300,
        ) {
            let message = serde_json::json!({"action": action, "trades": symbols, "lulds": ["*"], "key": null});
            let packed = rmp_serde::to_vec_named(&message).unwrap_or_default();
            let _ = Codec::MessagePack.read(&packed[..packed.len().min(cut)]);
            let _ = Codec::MessagePack.read(&[vec![0x91; depth], packed].concat());
            let _ = Codec::Json.read(format!("{}{message}", "[".repeat(depth)).as_bytes());
        }
    }
}
