//! What the relay has to know of a vendor's wire: its own addresses, keys, subscriptions, and what a message is about.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use axum::http::{HeaderName, HeaderValue, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use thiserror::Error;

use klined_market::base::Symbol;

/// The most topics of one message to a vendor.
const TOPICS_MAX: usize = 1_000;

/// A vendor of market data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vendor {
    Alpaca,
    Polygon,
}

/// A channel of a symbol, or of all. The channel is its place in the dialect's set and in [`Vendor::channels`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    pub channel: u8,
    /// None is `*`.
    pub symbol: Option<Symbol>,
}

/// Our key at a vendor. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamKey(String);

/// A text that cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidKey {
    #[error("the key is empty, or has characters that a header cannot hold")]
    Unusable,
    #[error("a key of Alpaca's is ID:SECRET")]
    NoPair,
}

impl fmt::Debug for UpstreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpstreamKey")
    }
}

impl UpstreamKey {
    /// A key of a vendor. White space around it is left out.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn new(vendor: Vendor, text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidKey::Unusable);
        }
        let is_pair = text.split_once(':').is_some_and(|(id, secret)| !id.is_empty() && !secret.is_empty());
        if vendor == Vendor::Alpaca && !is_pair {
            return Err(InvalidKey::NoPair);
        }
        Ok(Self(text.to_owned()))
    }

    fn pair(&self) -> (&str, &str) {
        self.0.split_once(':').unwrap_or_default()
    }
}

/// What a message of a vendor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Data {
        channel: u8,
        symbol: Symbol,
    },
    Connected,
    Authenticated,
    Confirmed,
    /// The vendor does not serve this connection, for this reason.
    Refused(String),
    /// The vendor refuses something, and the connection goes on.
    Complaint(String),
    /// Of a kind that nobody subscribes to.
    Other,
}

#[derive(Deserialize)]
struct PolygonHead<'a> {
    #[serde(borrow)]
    ev: Cow<'a, str>,
    #[serde(borrow, default)]
    sym: Cow<'a, str>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct AlpacaHead<'a> {
    #[serde(rename = "T", borrow)]
    kind: Cow<'a, str>,
    #[serde(rename = "S", borrow, default)]
    symbol: Cow<'a, str>,
    #[serde(default)]
    msg: Option<String>,
    #[serde(default)]
    code: Option<u16>,
}

impl Vendor {
    pub const ALL: [Self; 2] = [Self::Alpaca, Self::Polygon];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alpaca => "alpaca",
            Self::Polygon => "polygon",
        }
    }

    /// The vendor's own address: of REST and of streams.
    #[must_use]
    pub fn own_address(self) -> &'static str {
        match self {
            Self::Alpaca => "https://data.alpaca.markets,wss://stream.data.alpaca.markets",
            Self::Polygon => "https://api.polygon.io,wss://socket.polygon.io",
        }
    }

    /// The names of the channels in subscriptions, by their places.
    #[must_use]
    pub fn channels(self) -> &'static [&'static str] {
        match self {
            Self::Alpaca => &["trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds"],
            Self::Polygon => &["T", "Q", "A", "AM", "LULD"],
        }
    }

    /// The path of a feed's stream.
    pub(super) fn stream_path(self, feed: &str) -> String {
        match self {
            Self::Alpaca => format!("/v2/{feed}"),
            Self::Polygon => format!("/{feed}"),
        }
    }

    /// The headers that give the key to REST.
    pub(super) fn key_headers(self, key: &UpstreamKey) -> Vec<(HeaderName, HeaderValue)> {
        let texts = match self {
            Self::Alpaca => {
                let (id, secret) = key.pair();
                vec![
                    (HeaderName::from_static("apca-api-key-id"), id.to_owned()),
                    (HeaderName::from_static("apca-api-secret-key"), secret.to_owned()),
                ]
            }
            Self::Polygon => vec![(header::AUTHORIZATION, format!("Bearer {}", key.0))],
        };
        let sensitive = |(name, text): (HeaderName, String)| {
            let mut value = HeaderValue::from_str(&text).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        texts.into_iter().filter_map(sensitive).collect()
    }

    /// The message that gives the key to a stream.
    pub(super) fn auth(self, key: &UpstreamKey) -> String {
        match self {
            Self::Alpaca => {
                let (id, secret) = key.pair();
                json!({"action": "auth", "key": id, "secret": secret}).to_string()
            }
            Self::Polygon => json!({"action": "auth", "params": key.0}).to_string(),
        }
    }

    /// The messages that subscribe to topics or end subscriptions.
    pub(super) fn subscriptions(self, is_subscribed: bool, topics: &BTreeSet<Topic>) -> Vec<String> {
        let action = if is_subscribed { "subscribe" } else { "unsubscribe" };
        let topics: Vec<&Topic> = topics.iter().collect();
        let message = |topics: &[&Topic]| match self {
            Self::Alpaca => {
                let mut message = Map::from_iter([("action".to_owned(), Value::from(action))]);
                for topic in topics {
                    let names = message.entry(self.channel_name(topic)).or_insert_with(|| Value::Array(Vec::new()));
                    if let Value::Array(names) = names {
                        names.push(topic.symbol_name().into());
                    }
                }
                Value::from(message).to_string()
            }
            Self::Polygon => {
                let text = |topic: &&Topic| format!("{}.{}", self.channel_name(topic), topic.symbol_name());
                let params = topics.iter().map(text).collect::<Vec<_>>().join(",");
                json!({"action": action, "params": params}).to_string()
            }
        };
        topics.chunks(TOPICS_MAX).map(message).collect()
    }

    fn channel_name(self, topic: &Topic) -> &'static str {
        self.channels().get(usize::from(topic.channel)).copied().unwrap_or_default()
    }

    /// What a message is about; none where it is no message of the vendor's.
    pub(super) fn read(self, message: &str) -> Option<Subject> {
        match self {
            Self::Alpaca => alpaca(&serde_json::from_str(message).ok()?),
            Self::Polygon => polygon(serde_json::from_str(message).ok()?),
        }
    }
}

impl Topic {
    fn symbol_name(&self) -> &str {
        self.symbol.as_ref().map_or("*", Symbol::as_str)
    }
}

fn data(channel: u8, symbol: &str) -> Option<Subject> {
    Some(Subject::Data { channel, symbol: symbol.parse().ok()? })
}

fn polygon(head: PolygonHead<'_>) -> Option<Subject> {
    let place = Vendor::Polygon.channels().iter().position(|channel| *channel == head.ev);
    if let Some(channel) = place.and_then(|place| u8::try_from(place).ok()) {
        return data(channel, &head.sym);
    }
    if head.ev != "status" {
        return Some(Subject::Other);
    }
    let (status, message) = (head.status?, head.message.unwrap_or_default());
    Some(match status.as_str() {
        "connected" => Subject::Connected,
        "auth_success" => Subject::Authenticated,
        "success" => Subject::Confirmed,
        "auth_failed" | "auth_timeout" | "max_connections" | "force_disconnect" => Subject::Refused(message),
        _ => Subject::Complaint(message),
    })
}

fn alpaca(head: &AlpacaHead<'_>) -> Option<Subject> {
    let text = || format!("{} {}", head.code.unwrap_or_default(), head.msg.as_deref().unwrap_or_default());
    let channel = match &*head.kind {
        // Corrections and cancels go with the trades.
        "t" | "c" | "x" => 0,
        "q" => 1,
        "b" => 2,
        "u" => 3,
        "d" => 4,
        "s" => 5,
        "l" => 6,
        "success" => {
            return match head.msg.as_deref() {
                Some("connected") => Some(Subject::Connected),
                Some("authenticated") => Some(Subject::Authenticated),
                _ => Some(Subject::Other),
            };
        }
        "subscription" => return Some(Subject::Confirmed),
        "error" => {
            return Some(match head.code {
                // The key is wrong, or comes too late; too many connections; too slow.
                Some(401 | 402 | 404 | 406 | 407) => Subject::Refused(text()),
                _ => Subject::Complaint(text()),
            });
        }
        _ => return Some(Subject::Other),
    };
    data(channel, &head.symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(channel: u8, symbol: &str) -> Topic {
        Topic { channel, symbol: (symbol != "*").then(|| symbol.parse().unwrap()) }
    }

    #[test]
    fn a_subscription_is_in_the_vendors_words() {
        let topics = BTreeSet::from([topic(0, "AAPL"), topic(1, "*"), topic(0, "V")]);
        let polygon = Vendor::Polygon.subscriptions(true, &topics);
        assert_eq!(polygon, [r#"{"action":"subscribe","params":"T.AAPL,T.V,Q.*"}"#]);
        let alpaca = Vendor::Alpaca.subscriptions(false, &topics);
        assert_eq!(alpaca, [r#"{"action":"unsubscribe","quotes":["*"],"trades":["AAPL","V"]}"#]);
        let many = (0..2_500).map(|number| topic(0, &format!("S{number}"))).collect();
        assert_eq!(Vendor::Polygon.subscriptions(true, &many).len(), 3);
    }

    #[test]
    fn a_message_is_known_by_its_head() {
        let refused = |text: &str| Some(Subject::Refused(text.to_owned()));
        let complaint = |text: &str| Some(Subject::Complaint(text.to_owned()));
        let of = |channel, symbol: &str| Some(Subject::Data { channel, symbol: symbol.parse().unwrap() });
        for (message, subject) in [
            (r#"{"ev":"T","sym":"BRK.B","p":1.5}"#, of(0, "BRK.B")),
            (r#"{"p":1,"sym":"V","x":{"ev":"Q"},"ev":"AM"}"#, of(3, "V")),
            (r#"{"ev":"T","p":1.5}"#, None),
            (r#"{"ev":"FMV","sym":"V"}"#, Some(Subject::Other)),
            (r#"{"ev":"status","status":"auth_success","message":"m"}"#, Some(Subject::Authenticated)),
            (r#"{"ev":"status","status":"max_connections","message":"m"}"#, refused("m")),
            (r#"{"ev":"status","status":"not_authorized","message":"m"}"#, complaint("m")),
            (r#"{"ev":1}"#, None),
            ("[]", None),
        ] {
            assert_eq!(Vendor::Polygon.read(message), subject, "{message}");
        }
        for (message, subject) in [
            (r#"{"T":"t","S":"V","t":"2026-03-02T01:30:00Z","s":1}"#, of(0, "V")),
            (r#"{"T":"l","S":"V"}"#, of(6, "V")),
            (r#"{"T":"success","msg":"connected"}"#, Some(Subject::Connected)),
            (r#"{"T":"error","code":402,"msg":"auth failed"}"#, refused("402 auth failed")),
            (r#"{"T":"error","code":405,"msg":"m"}"#, complaint("405 m")),
            (r#"{"T":"subscription","trades":[]}"#, Some(Subject::Confirmed)),
            (r#"{"S":"V"}"#, None),
        ] {
            assert_eq!(Vendor::Alpaca.read(message), subject, "{message}");
        }
    }

    #[test]
    fn a_key_fits_its_vendor_and_is_shown_nowhere() {
        assert_eq!(UpstreamKey::new(Vendor::Alpaca, "id"), Err(InvalidKey::NoPair));
        assert_eq!(UpstreamKey::new(Vendor::Polygon, " \n"), Err(InvalidKey::Unusable));
        let key = UpstreamKey::new(Vendor::Alpaca, "id:secret\n").unwrap();
        assert_eq!(Vendor::Alpaca.auth(&key), r#"{"action":"auth","key":"id","secret":"secret"}"#);
        let shown = format!("{key:?} {:?}", Vendor::Alpaca.key_headers(&key));
        assert!(!shown.contains("secret\""), "{shown}");
    }
}
