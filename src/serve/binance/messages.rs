//! The messages of the streams, both ways.

use std::borrow::Cow;

use axum::body::Bytes;
use serde_json::{Value, json};

use super::klines::{count, end, quote_volume};
use super::parameters::interval_name;
use super::running::KlineState;
use super::tickers::{levels, money, percent, sides, weighted};
use crate::query::parameters::repeated;
use crate::serve::kit::answers::message;
use klined_market::bars::ticks::{BestQuote, Side, Trade};
use klined_market::base::{Nanos, Price, Symbol, UnixSeconds};
use klined_market::calendar::Calendar;

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BinanceRequest {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
    List,
    SetCombined(bool),
    IsCombined,
}

/// Why a message is refused, by Binance's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRequest {
    code: u8,
    message: String,
}

impl InvalidRequest {
    pub fn invalid(what: &str) -> Self {
        Self { code: 2, message: format!("Invalid request: {what}") }
    }
}

const METHODS: &str = "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`";

/// Reads a message: the id to answer under, and what is requested.
pub fn parse(text: &str) -> (Value, Result<BinanceRequest, InvalidRequest>) {
    let message: Value = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(error) => {
            let message = format!("Invalid JSON: expected value at line {} column {}", error.line(), error.column());
            return (Value::Null, Err(InvalidRequest { code: 3, message }));
        }
    };
    let id = message.get("id").cloned().unwrap_or(Value::Null);
    let is_short = |text: &str| text.len() <= 36;
    if !(id.is_null() || id.is_i64() || id.is_u64() || id.as_str().is_some_and(is_short)) {
        let what = "request ID must be an unsigned integer, an integer, or a string of at most 36 characters";
        return (Value::Null, Err(InvalidRequest::invalid(what)));
    }
    (id, request(&message))
}

fn request(message: &Value) -> Result<BinanceRequest, InvalidRequest> {
    let Some(method) = message.get("method").and_then(Value::as_str) else {
        return Err(InvalidRequest::invalid("missing field `method`"));
    };
    let params = message.get("params").and_then(Value::as_array);
    let names = || {
        let params = params.ok_or_else(|| InvalidRequest::invalid("missing field `params`"))?;
        let name = |name: &Value| name.as_str().map(str::to_owned);
        params
            .iter()
            .map(name)
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| InvalidRequest::invalid("a stream's name is a string"))
    };
    let property = |place: usize| params.and_then(|params| params.get(place));
    let is_combined = property(0).and_then(Value::as_str) == Some("combined");
    let unknown = || InvalidRequest { code: 0, message: "Unknown property".to_owned() };
    match method {
        "SUBSCRIBE" => Ok(BinanceRequest::Subscribe(names()?)),
        "UNSUBSCRIBE" => Ok(BinanceRequest::Unsubscribe(names()?)),
        "LIST_SUBSCRIPTIONS" => Ok(BinanceRequest::List),
        "SET_PROPERTY" if is_combined => match property(1).and_then(Value::as_bool) {
            Some(is_combined) => Ok(BinanceRequest::SetCombined(is_combined)),
            None => Err(InvalidRequest { code: 1, message: "Invalid value type: expected Boolean".to_owned() }),
        },
        "GET_PROPERTY" if is_combined => Ok(BinanceRequest::IsCombined),
        "SET_PROPERTY" | "GET_PROPERTY" => Err(unknown()),
        other => {
            Err(InvalidRequest::invalid(&format!("unknown variant `{}`, expected one of {METHODS}", repeated(other))))
        }
    }
}

/// The answer to a message.
pub fn result(result: Value, id: Value) -> Bytes {
    message(&json!({"result": result, "id": id}))
}

/// The answer to a message that cannot be taken.
pub fn error(wrong: &InvalidRequest, id: Value) -> Bytes {
    message(&json!({"error": {"code": wrong.code, "msg": wrong.message}, "id": id}))
}

/// An event of a stream, under the stream's name where streams are combined. The event bears the symbol by the name that the
/// stream has it by.
pub fn of_stream(name: &str, event: &Value, is_combined: bool) -> Bytes {
    let event = &renamed(name, event);
    if is_combined { message(&json!({"stream": name, "data": &**event})) } else { message(&**event) }
}

fn renamed<'e>(name: &str, event: &'e Value) -> Cow<'e, Value> {
    let asked = name.split_once('@').map_or(name, |(asked, _)| asked);
    match event["s"].as_str() {
        Some(symbol) if !symbol.eq_ignore_ascii_case(asked) => {
            let (mut event, asked) = (event.clone(), Value::from(asked.to_ascii_uppercase()));
            if let Some(kline) = event.get_mut("k") {
                kline["s"] = asked.clone();
            }
            event["s"] = asked;
            Cow::Owned(event)
        }
        _ => Cow::Borrowed(event),
    }
}

/// A kline at an instant of the market in its units. What is not kept of a bar is 0, or −1 for the ids of its trades.
/// `unit` is that of the times.
pub fn kline(symbol: &Symbol, shown: &KlineState, now: i64, unit: Nanos, calendar: &Calendar) -> Value {
    let KlineState { interval, start, ohlcv, is_closed } = *shown;
    json!({"e": "kline", "E": now, "s": symbol.as_str(), "k": {
        "t": start.count_of(unit),
        "T": end(start, interval, calendar).count_of(unit) - 1,
        "s": symbol.as_str(),
        "i": interval_name(interval),
        "f": -1,
        "L": -1,
        "o": ohlcv.open().to_string(),
        "c": ohlcv.close().to_string(),
        "h": ohlcv.high().to_string(),
        "l": ohlcv.low().to_string(),
        "v": ohlcv.volume().to_string(),
        "n": count(ohlcv.traded()),
        "x": is_closed,
        "q": quote_volume(ohlcv.traded()),
        "V": "0",
        "Q": "0",
        "B": "0",
    }})
}

/// The money of a trade: hundredths times shares, exactly.
pub fn trade_money(trade: &Trade) -> String {
    let hundredths = i128::from(trade.price.ticks()) * i128::from(trade.shares);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
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

/// The same as an aggregate trade of its own.
pub fn aggregate_trade(symbol: &Symbol, trade: &Trade, unit: Nanos) -> Value {
    let (at, id) = (trade.at.count_of(unit), trade.id().number());
    json!({
        "e": "aggTrade",
        "E": at,
        "s": symbol.as_str(),
        "a": id,
        "p": trade.price.to_string(),
        "q": trade.shares.to_string(),
        "f": id,
        "l": id,
        "T": at,
        "m": trade.side == Side::Sell,
        "M": true,
    })
}

/// The best quote.
pub fn book_ticker(symbol: &Symbol, quote: &BestQuote) -> Value {
    let [[bid, bid_size], [ask, ask_size]] = sides(Some(*quote));
    json!({"u": quote.id().number(), "s": symbol.as_str(), "b": bid, "B": bid_size, "a": ask, "A": ask_size})
}

/// The book.
pub fn depth(quote: &BestQuote) -> Value {
    let [bids, asks] = levels(Some(*quote));
    json!({"lastUpdateId": quote.id().number(), "bids": bids, "asks": asks})
}

/// A trading day so far, without quotes.
pub fn mini_ticker(symbol: &Symbol, day: &KlineState, now: i64) -> Value {
    let ohlcv = day.ohlcv;
    json!({
        "e": "24hrMiniTicker",
        "E": now,
        "s": symbol.as_str(),
        "c": ohlcv.close().to_string(),
        "o": ohlcv.open().to_string(),
        "h": ohlcv.high().to_string(),
        "l": ohlcv.low().to_string(),
        "v": ohlcv.volume().to_string(),
        "q": quote_volume(ohlcv.traded()),
    })
}

/// What a ticker has besides its day.
#[derive(Debug, Clone, Copy, Default)]
pub struct TickerState {
    /// Close of the trading day before, currency units.
    pub previous_close: Option<f64>,
    pub quote: Option<BestQuote>,
    pub last_trade: Option<Trade>,
}

/// A trading day so far.
pub fn ticker(symbol: &Symbol, day: &KlineState, state: &TickerState, now: i64, unit: Nanos) -> Value {
    let (ohlcv, units) = (day.ohlcv, Price::units);
    let [open, close] = [ohlcv.open(), ohlcv.close()].map(units);
    let previous = state.previous_close.unwrap_or(open);
    let [[bid, bid_size], [ask, ask_size]] = sides(state.quote);
    let last = state.last_trade;
    json!({
        "e": "24hrTicker",
        "E": now,
        "s": symbol.as_str(),
        "p": money(close - previous),
        "P": percent(close, previous),
        "w": weighted(ohlcv.traded(), ohlcv.volume()),
        "x": money(previous),
        "c": ohlcv.close().to_string(),
        "Q": last.map_or(0, |trade| trade.shares).to_string(),
        "b": bid,
        "B": bid_size,
        "a": ask,
        "A": ask_size,
        "o": ohlcv.open().to_string(),
        "h": ohlcv.high().to_string(),
        "l": ohlcv.low().to_string(),
        "v": ohlcv.volume().to_string(),
        "q": quote_volume(ohlcv.traded()),
        "O": UnixSeconds::count_of(day.start, unit),
        "C": now,
        "F": -1,
        "L": last.map_or(-1, |trade| trade.id().number().cast_signed()),
        "n": count(ohlcv.traded()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_say_is_understood() {
        let said = |text: &str| parse(text).1;
        let names = vec!["aapl@kline_1m".to_owned()];
        assert_eq!(
            parse(r#"{"method":"SUBSCRIBE","params":["aapl@kline_1m"],"id":7}"#),
            (json!(7), Ok(BinanceRequest::Subscribe(names.clone())))
        );
        assert_eq!(
            said(r#"{"method":"UNSUBSCRIBE","params":["aapl@kline_1m"],"id":"x"}"#),
            Ok(BinanceRequest::Unsubscribe(names))
        );
        assert_eq!(said(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#), Ok(BinanceRequest::List));
        assert_eq!(
            said(r#"{"method":"SET_PROPERTY","params":["combined",true]}"#),
            Ok(BinanceRequest::SetCombined(true))
        );
        assert_eq!(said(r#"{"method":"GET_PROPERTY","params":["combined"]}"#), Ok(BinanceRequest::IsCombined));
        let answered = parse(r#"{"method":"x","params":"x","id":-7}"#);
        assert_eq!((answered.0, answered.1.map_err(|wrong| wrong.code)), (json!(-7), Err(2)));
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
}
