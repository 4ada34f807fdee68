//! Made-up texts of clients, for the property that no text breaks a parser.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::extract::FromRequestParts;
use axum::http::{Request, StatusCode, Uri};
use axum::response::IntoResponse;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Parses what a client wrote, as text or as bytes, and checks what every dialect promises of the result.
pub type Parser = fn(&[u8]);

/// Parses bytes that are text.
pub fn text<T>(bytes: &[u8], parse: impl FnOnce(&str) -> T) {
    let _ = std::str::from_utf8(bytes).map(parse);
}

/// Reads a query string as an extractor does.
pub fn read<T: FromRequestParts<()>>(bytes: &[u8]) {
    let _ = query::<T>(bytes);
}

/// The parameters of a query string as an extractor reads them. A refusal must have a status that says that the request is wrong, or
/// 200 where a dialect has errors under that.
pub fn query<T: FromRequestParts<()>>(bytes: &[u8]) -> Option<T> {
    let uri: Uri = format!("/any?{}", std::str::from_utf8(bytes).ok()?).parse().ok()?;
    let (mut parts, ()) = Request::builder().uri(uri).body(()).ok()?.into_parts();
    let reading = pin!(T::from_request_parts(&mut parts, &()));
    // It waits for nothing.
    match reading.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(read)) => Some(read),
        Poll::Ready(Err(refused)) => {
            let status = refused.into_response().status();
            assert!([StatusCode::BAD_REQUEST, StatusCode::OK].contains(&status), "{status}");
            None
        }
        Poll::Pending => panic!("a query string is there at once"),
    }
}

/// Texts that are nearly right, and any others.
pub fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        any::<String>(),
        any::<i64>().prop_map(|number| number.to_string()),
        "[0-9]{1,30}",
        "-?[0-9]{1,6}-[0-9]{1,3}-[0-9]{1,3}([T ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\\.[0-9]{0,12})?(Z|[+ -][0-9]{1,2}:?[0-9]{1,2})?)?",
        "[A-Za-z0-9._^=:/*-]{1,22}",
        "[0-9]{0,4}(m|d|w|M|h|Min|Hour|Day)[A-Z]{0,3}",
        "(T|Q|AM|LULD|FMV|.{0,2})\\.(\\*|[A-Z]{0,6}|.{0,4})",
        "[a-z.]{0,6}@(trade|kline_.{0,4}|.{0,8})(@.{0,6})?",
    ]
}

/// A query string of these names and others, with values escaped, not escaped, and escaped wrongly.
fn query_string(names: Vec<String>) -> impl Strategy<Value = String> {
    let name = prop_oneof![prop::sample::select(names), "[a-z]{1,5}"];
    let escaped = value().prop_map(|text| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>());
    let value = prop_oneof![escaped, "[!-~&&[^#]]{0,20}", "(%[0-9a-fA-F]{0,2}|[a-z+]){0,8}"];
    let pair = (name, value).prop_map(|(name, value)| format!("{name}={value}"));
    prop::collection::vec(pair, 0..6).prop_map(|pairs| pairs.join("&"))
}

/// A message with the words of some dialect in the places of some dialect.
fn message() -> impl Strategy<Value = Value> {
    let words =
        "auth|subscribe|unsubscribe|ping|SUBSCRIBE|UNSUBSCRIBE|LIST_SUBSCRIPTIONS|SET_PROPERTY|GET_PROPERTY|.{0,4}";
    let texts = prop::collection::vec(value(), 0..4);
    (words, texts, any::<i64>(), value()).prop_map(|(word, texts, number, text)| {
        json!({"type": word, "action": word, "method": word, "tickers": texts, "channels": texts, "trades": texts, "lulds": ["*"],
            "params": if number % 2 == 0 { json!(texts) } else { json!(text) }, "key": text, "secret": null, "id": number})
    })
}

/// Messages, parameters, query strings with these names, and any bytes.
pub fn written(names: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let nested = (0..300_usize, message(), 0..400_usize).prop_map(|(depth, message, cut)| {
        let packed = rmp_serde::to_vec_named(&message).unwrap_or_default();
        let text = format!("{}{message}{}", "[".repeat(depth), "]".repeat(depth));
        let cut_off = packed[..packed.len().min(cut)].to_vec();
        [text.into_bytes(), [vec![0x91; depth], packed].concat(), cut_off]
    });
    prop_oneof![
        value().prop_map(String::into_bytes),
        query_string(names).prop_map(String::into_bytes),
        message().prop_map(|message| message.to_string().into_bytes()),
        (nested, 0..3_usize).prop_map(|(written, which)| written[which].clone()),
        prop::collection::vec(any::<u8>(), 0..300),
    ]
}
