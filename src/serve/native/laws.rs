//! Laws of everything that reads what a client wrote: no text ends it, what it takes is within bounds, and what is printed is
//! read as what it was.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::extract::FromRequestParts;
use axum::http::{Request, StatusCode, Uri};
use chrono::{DateTime, SecondsFormat};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::bars::{BarParameters, HistoryParameters, KlineParameters};
use super::market::{StatsParameters, TickerParameters};
use super::messages::{Channel, Said};
use super::parameters::{Parameters, interval, limit, page_token, range, ticker};
use super::ticks::TickParameters;
use super::truth::TruthParameters;
use crate::query::errors::Refusal;
use crate::query::time::{Edge, parse};
use klined_market::base::{Interval, Seconds, UnixSeconds};

/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

/// Texts that are nearly right, and any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        any::<String>(),
        any::<i64>().prop_map(|number| number.to_string()),
        "[0-9]{1,30}",
        "-?[0-9]{1,6}-[0-9]{1,3}-[0-9]{1,3}([T ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\\.[0-9]{0,12})?(Z|[+ -][0-9]{1,2}:?[0-9]{1,2})?)?",
        "[A-Za-z0-9._^=:/-]{1,22}",
        "[0-9]{0,4}[mdwMh]",
    ]
}

/// A query string of known and unknown names, with values escaped, not escaped, and escaped wrongly.
fn query() -> impl Strategy<Value = String> {
    let names = "timeframe|start|end|limit|order|fill|label|page_token|symbol|interval|search|sector|after|period|api_key|[a-z]{1,5}";
    let escaped = text().prop_map(|text| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>());
    let value = prop_oneof![escaped, "[!-~&&[^#]]{0,20}", "(%[0-9a-fA-F]{0,2}|[a-z+]){0,8}"];
    let pair = (names, value).prop_map(|(name, value)| format!("{name}={value}"));
    prop::collection::vec(pair, 0..6).prop_map(|pairs| pairs.join("&"))
}

/// The refusal of a query string as these parameters; none when it is taken.
fn refusal<T: DeserializeOwned>(uri: &Uri) -> Option<Refusal> {
    let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
    let reading = pin!(Parameters::<T>::from_request_parts(&mut parts, &()));
    // It waits for nothing.
    match reading.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(read) => read.err().map(|refused| refused.0),
        Poll::Pending => panic!("a query string is there at once"),
    }
}

proptest! {
    #[test]
    fn every_query_string_is_read_or_refused(query in query()) {
        let Ok(uri) = format!("/api/v1/any?{query}").parse::<Uri>() else { return Ok(()) };
        let refusals = [
            refusal::<BarParameters>(&uri),
            refusal::<HistoryParameters>(&uri),
            refusal::<KlineParameters>(&uri),
            refusal::<StatsParameters>(&uri),
            refusal::<TickerParameters>(&uri),
            refusal::<TickParameters>(&uri),
            refusal::<TruthParameters>(&uri),
        ];
        for refusal in refusals.into_iter().flatten() {
            prop_assert_eq!(refusal.status(), StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn every_value_is_read_within_bounds_or_refused(text in text(), other in text(), number: u32, most in 1u16..) {
        for edge in [Edge::Start, Edge::End] {
            if let Ok(instant) = parse("start", &text, edge) {
                prop_assert!((0..=LAST).contains(&instant.get()));
            }
        }
        if let Ok((Some(start), Some(end))) = range(Some(&text), Some(&other)) {
            prop_assert!(start <= end);
        }
        if let Ok(Some(place)) = page_token(Some(&text)) {
            prop_assert!(place >= 0);
        }
        match ticker(&text) {
            Ok(symbol) => prop_assert_eq!(symbol.as_str(), text.as_str()),
            Err(refusal) => prop_assert_eq!(refusal.status(), StatusCode::NOT_FOUND),
        }
        if let Ok(interval) = interval("timeframe", Some(&text)) {
            prop_assert_eq!(interval.as_str(), text.as_str());
        }
        match limit(Some(number), 1, most) {
            Ok(limit) => prop_assert!(u32::from(limit) == number && (1..=most).contains(&limit)),
            Err(_) => prop_assert!(number == 0 || number > u32::from(most)),
        }
    }

    #[test]
    fn what_is_printed_is_read_as_what_it_was(instant in 0..=LAST, place in 0i64.., name in "[A-Za-z0-9._^=:/-]{1,20}") {
        let written = DateTime::from_timestamp(instant, 0).unwrap().to_rfc3339_opts(SecondsFormat::Secs, true);
        prop_assert_eq!(parse("end", &written, Edge::End), Ok(UnixSeconds::new(instant)));
        if instant < 100_000_000_000 {
            prop_assert_eq!(parse("end", &instant.to_string(), Edge::End), Ok(UnixSeconds::new(instant)));
        }
        if instant >= 100_000_000 {
            prop_assert_eq!(parse("end", &format!("{instant}999"), Edge::End), Ok(UnixSeconds::new(instant)));
        }
        prop_assert_eq!(page_token(Some(&place.to_string())), Ok(Some(place)));
        prop_assert_eq!(ticker(&name).map(|symbol| symbol.to_string()), Ok(name));
        for name in Interval::ALL {
            prop_assert_eq!(interval("timeframe", Some(name.as_str())), Ok(name));
        }
    }

    #[test]
    fn a_date_is_all_of_its_day(days in 0i64..2_932_800) {
        let date = DateTime::from_timestamp((Seconds::DAY * days).get(), 0).unwrap().date_naive().to_string();
        if let (Ok(start), Ok(end)) = (parse("start", &date, Edge::Start), parse("end", &date, Edge::End)) {
            // Shanghai had summer time.
            prop_assert!((82_799..=89_999).contains(&(end - start).get()), "{date}: {start} {end}");
        }
    }

    #[test]
    fn a_message_is_read_as_what_was_said(
        tickers in prop::collection::vec(text(), 0..5),
        channels in prop::option::of(prop::collection::btree_set(prop::sample::select(Channel::ALL.to_vec()), 0..4)),
        key in any::<String>(),
    ) {
        let said = |message: serde_json::Value| serde_json::from_str::<Said>(&message.to_string()).ok();
        let wish = |kind| json!({"type": kind, "tickers": tickers, "channels": channels});
        let (tickers, channels): (_, Option<BTreeSet<Channel>>) = (tickers.clone(), channels.clone());
        prop_assert_eq!(
            said(wish("subscribe")),
            Some(Said::Subscribe { tickers: tickers.clone(), channels: channels.clone() })
        );
        prop_assert_eq!(said(wish("unsubscribe")), Some(Said::Unsubscribe { tickers: tickers.clone(), channels }));
        prop_assert_eq!(said(json!({"type": "auth", "key": key})), Some(Said::Auth { key: key.clone() }));
        prop_assert_eq!(said(json!({"type": "ping", "key": key})), None);
    }

    #[test]
    fn no_bytes_end_the_reading_of_messages(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = serde_json::from_slice::<Said>(&bytes);
    }
}
