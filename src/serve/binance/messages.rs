//! The messages of the streams, both ways.

use axum::body::Bytes;
use serde_json::{Value, json};

use super::candles::Shown;
use super::klines::end;
use super::parameters::interval_name;
use crate::query::parameters::repeated;
use klined_market::bars::ticks::{Side, Trade};
use klined_market::base::{Nanos, Symbol};

/// What a client may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
    List,
    SetCombined(bool),
    IsCombined,
}

/// Why a message is refused, by Binance's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    code: u8,
    message: String,
}

impl Wrong {
    pub fn invalid(what: &str) -> Self {
        Self { code: 2, message: format!("Invalid request: {what}") }
    }
}

const METHODS: &str = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`";

/// A message: the id to answer under, and what it says.
pub fn parse(text: &str) -> (Value, Result<Said, Wrong>) {
    let message: Value = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(error) => {
            let message = format!("Invalid JSON: expected value at line {} column {}", error.line(), error.column());
            return (Value::Null, Err(Wrong { code: 3, message }));
        }
    };
    let id = message.get("id").cloned().unwrap_or(Value::Null);
    let is_short = |text: &str| text.len() <= 36;
    if !(id.is_null() || id.is_i64() || id.is_u64() || id.as_str().is_some_and(is_short)) {
        let what = "request ID must be an unsigned integer, an integer, or a string of at most 36 characters";
        return (Value::Null, Err(Wrong::invalid(what)));
    }
    (id, said(&message))
}

fn said(message: &Value) -> Result<Said, Wrong> {
    let Some(method) = message.get("method").and_then(Value::as_str) else {
        return Err(Wrong::invalid("missing field `method`"));
    };
    let params = message.get("params").and_then(Value::as_array);
    let names = || {
        let params = params.ok_or_else(|| Wrong::invalid("missing field `params`"))?;
        let name = |name: &Value| name.as_str().map(str::to_owned);
        params.iter().map(name).collect::<Option<Vec<_>>>().ok_or_else(|| Wrong::invalid("a stream's name is a string"))
    };
    let property = |place: usize| params.and_then(|params| params.get(place));
    let is_combined = property(0).and_then(Value::as_str) == Some("combined");
    let unknown = || Wrong { code: 0, message: "Unknown property".to_owned() };
    match method {
        "SUBSCRIBE" => Ok(Said::Subscribe(names()?)),
        "UNSUBSCRIBE" => Ok(Said::Unsubscribe(names()?)),
        "LIST_SUBSCRIPTIONS" => Ok(Said::List),
        "SET_PROPERTY" if is_combined => match property(1).and_then(Value::as_bool) {
            Some(is_combined) => Ok(Said::SetCombined(is_combined)),
            None => Err(Wrong { code: 1, message: "Invalid value type: expected Boolean".to_owned() }),
        },
        "GET_PROPERTY" if is_combined => Ok(Said::IsCombined),
        "SET_PROPERTY" | "GET_PROPERTY" => Err(unknown()),
        other => Err(Wrong::invalid(&format!("unknown variant `{}`, expected one of {METHODS}", repeated(other)))),
    }
}

fn text(message: &Value) -> Bytes {
    Bytes::from(message.to_string())
}

/// The answer to a message.
pub fn result(result: Value, id: Value) -> Bytes {
    text(&json!({"result": result, "id": id}))
}

/// The answer to one that is wrong.
pub fn error(wrong: &Wrong, id: Value) -> Bytes {
    text(&json!({"error": {"code": wrong.code, "msg": wrong.message}, "id": id}))
}

/// Something that a stream tells, under the stream's name where streams are combined.
pub fn told(name: &str, event: &Value, is_combined: bool) -> Bytes {
    if is_combined { text(&json!({"stream": name, "data": event})) } else { text(event) }
}

/// A kline at an instant of the market in its units. What is not kept of a bar is 0, or −1 for the ids of its trades.
/// `unit` is that of the times.
pub fn kline(symbol: &Symbol, shown: &Shown, now: i64, unit: Nanos) -> Value {
    let Shown { interval, start, ohlcv, is_closed } = *shown;
    json!({"e": "kline", "E": now, "s": symbol.as_str(), "k": {
        "t": start.count_of(unit),
        "T": end(start, interval).count_of(unit) - 1,
        "s": symbol.as_str(),
        "i": interval_name(interval),
        "f": -1,
        "L": -1,
        "o": ohlcv.open().to_string(),
        "c": ohlcv.close().to_string(),
        "h": ohlcv.high().to_string(),
        "l": ohlcv.low().to_string(),
        "v": ohlcv.volume().to_string(),
        "n": 0,
        "x": is_closed,
        "q": "0",
        "V": "0",
        "Q": "0",
        "B": "0",
    }})
}

/// A trade.
pub fn trade(symbol: &Symbol, trade: &Trade, unit: Nanos) -> Value {
    let at = trade.at.count_of(unit);
    json!({
        "e": "trade",
        "E": at,
        "s": symbol.as_str(),
        "t": trade.id().number(),
        "p": trade.price.to_string(),
        "q": trade.shares.to_string(),
        "T": at,
        "m": trade.side == Side::Sell,
        "M": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_clients_say_is_understood() {
        let said = |text: &str| parse(text).1;
        let names = vec!["aapl@kline_1m".to_owned()];
        assert_eq!(
            parse(r#"{"method":"SUBSCRIBE","params":["aapl@kline_1m"],"id":7}"#),
            (json!(7), Ok(Said::Subscribe(names.clone())))
        );
        assert_eq!(
            said(r#"{"method":"UNSUBSCRIBE","params":["aapl@kline_1m"],"id":"x"}"#),
            Ok(Said::Unsubscribe(names))
        );
        assert_eq!(said(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#), Ok(Said::List));
        assert_eq!(said(r#"{"method":"SET_PROPERTY","params":["combined",true]}"#), Ok(Said::SetCombined(true)));
        assert_eq!(said(r#"{"method":"GET_PROPERTY","params":["combined"]}"#), Ok(Said::IsCombined));
        for (text, code) in [
            ("", 3),
            ("{}", 2),
            ("[]", 2),
            (r#"{"method":"SUBSCRIBE"}"#, 2),
            (r#"{"method":"SUBSCRIBE","params":[1]}"#, 2),
            (r#"{"method":"BUY","params":[]}"#, 2),
            (r#"{"method":"LIST_SUBSCRIPTIONS","id":[1]}"#, 2),
            (r#"{"method":"SET_PROPERTY","params":["combined",1]}"#, 1),
            (r#"{"method":"SET_PROPERTY","params":["other",true]}"#, 0),
        ] {
            assert_eq!(said(text).map_err(|wrong| wrong.code), Err(code), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,200}", depth in 0usize..300) {
            let _ = parse(&text);
            let _ = parse(&"[".repeat(depth));
        }

        #[test]
        fn no_message_with_the_right_words_breaks_it(
            method in "(SUBSCRIBE|UNSUBSCRIBE|LIST_SUBSCRIPTIONS|SET_PROPERTY|.{0,4})",
            params in prop::collection::vec("\\PC{0,12}", 0..4),
            id in any::<i64>(),
        ) {
            let (answered, _) = parse(&json!({"method": method, "params": params, "id": id}).to_string());
            prop_assert_eq!(answered, json!(id));
        }
    }
}
