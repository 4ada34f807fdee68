//! The vendor's messages, which come in JSON, in MessagePack: names in their order, prices as doubles, instants as timestamps.

use std::fmt;

use axum::body::Bytes;
use chrono::DateTime;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::shapes::Instant;
use klined_market::base::UnixNanos;

/// Names whose numbers are prices, which are doubles however they are written: a client of another language reads no integer there.
const PRICES: [&str; 13] = ["p", "bp", "ap", "o", "h", "l", "c", "vw", "u", "d", "op", "cp", "mw"];
/// Names whose texts are instants.
const INSTANTS: [&str; 2] = ["t", "updated_at"];

/// A message, its names in their order: clients read the kind from the first one.
struct Packed(Vec<(String, Value)>);

/// A value as the vendor writes it in MessagePack.
struct Field<'a>(&'a str, &'a Value);

/// A message in JSON as one of MessagePack; none where it is no object.
pub fn packed(message: &str) -> Option<Bytes> {
    let message: Packed = serde_json::from_str(message).ok()?;
    rmp_serde::to_vec_named(&message).ok().map(Bytes::from)
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Packed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a message")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Packed, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Packed(fields))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, &Field(name, value))?;
        }
        map.end()
    }
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(name, value) = self;
        match value {
            Value::Number(number) if PRICES.contains(name) => number.as_f64().unwrap_or(f64::NAN).serialize(serializer),
            Value::String(text) if INSTANTS.contains(name) => match instant(text) {
                Some(instant) => instant.serialize(serializer),
                None => text.serialize(serializer),
            },
            value => value.serialize(serializer),
        }
    }
}

fn instant(text: &str) -> Option<Instant> {
    let nanos = DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt()?;
    Some(Instant(UnixNanos::new(nanos)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::serve::alpaca::messages::{self, Codec};
    use klined_market::bars::ticks::{Side, Trade};
    use klined_market::base::Price;

    #[test]
    fn a_message_is_the_one_that_this_server_writes_in_either_codec() {
        let at = UnixNanos::new(1_772_415_000_000_000_007);
        for cents in [15_000, 15_001] {
            let trade = Trade { at, price: Price::from_ticks(cents).unwrap(), shares: 300, place: 7, side: Side::Buy };
            let event = crate::feed::Event::Trade(trade);
            let symbol = "AAPL".parse().unwrap();
            let [text, bytes] = [Codec::Json, Codec::MessagePack].map(|codec| messages::event(codec, &symbol, &event));
            assert_eq!(packed(std::str::from_utf8(&text).unwrap()), Some(bytes));
        }
    }

    #[test]
    fn what_is_no_price_stays_what_it_is() {
        let message = json!({"T": "t", "i": 7, "s": 100, "p": 5, "c": ["@"], "z": null, "t": "soon"}).to_string();
        let read: Value = rmp_serde::from_slice(&packed(&message).unwrap()).unwrap();
        assert_eq!(read, json!({"T": "t", "i": 7, "s": 100, "p": 5.0, "c": ["@"], "z": null, "t": "soon"}));
        assert_eq!(packed("[]"), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in ".*") {
            drop(packed(&text));
        }
    }
}
