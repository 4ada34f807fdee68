//! Laws of everything that reads what a client wrote: what it takes is within bounds, and what is printed is read as what it was.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use chrono::{DateTime, SecondsFormat};
use proptest::prelude::*;
use serde_json::json;

use super::bars::{BarParameters, HistoryParameters, KlineParameters};
use super::market::{StatsParameters, TickerParameters};
use super::messages::{NativeChannel, NativeRequest};
use super::parameters::{NativeQuery, limit, page_token, range, ticker, timeframe};
use super::ticks::TickParameters;
use super::truth::TruthParameters;
use crate::query::time::{Edge, parse};
use crate::serve::kit::parsers::{Parser, read, text, value};
use klined_market::base::{Interval, Seconds, TimeUnit, Timeframe, UnixSeconds};
use klined_market::calendar::Hours;

/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

/// Every parser of what clients write.
pub const PARSERS: [Parser; 11] = [
    |bytes| text(bytes, |text| serde_json::from_str::<NativeRequest>(text)),
    |bytes| text(bytes, |text| (ticker(text), timeframe("timeframe", Some(text)), page_token(Some(text)))),
    read::<NativeQuery<BarParameters>>,
    read::<NativeQuery<HistoryParameters>>,
    read::<NativeQuery<KlineParameters>>,
    read::<NativeQuery<StatsParameters>>,
    read::<NativeQuery<TickerParameters>>,
    read::<NativeQuery<TickParameters>>,
    read::<NativeQuery<TruthParameters>>,
    read::<NativeQuery<super::v1::TickRange>>,
    read::<NativeQuery<super::v1::BarRange>>,
];

proptest! {
    #[test]
    fn every_value_is_read_within_bounds_or_refused(text in value(), other in value(), number: u32, most in 1u16..) {
        for edge in [Edge::Start, Edge::End] {
            if let Ok(instant) = parse(Hours::Sse, "start", &text, edge) {
                prop_assert!((0..=LAST).contains(&instant.get()));
            }
        }
        if let Ok((Some(start), Some(end))) = range(Hours::Sse, Some(&text), Some(&other)) {
            prop_assert!(start <= end);
        }
        if let Ok(Some(place)) = page_token(Some(&text)) {
            prop_assert!(place >= 0);
        }
        match ticker(&text) {
            Ok(symbol) => prop_assert_eq!(symbol.as_str(), text.as_str()),
            Err(refusal) => prop_assert_eq!(refusal.status(), StatusCode::NOT_FOUND),
        }
        if let Ok(timeframe) = timeframe("timeframe", Some(&text)) {
            // The case of letters counts: `1M` is no minute.
            let is_of_months = text.ends_with(['M', 'o', 'q', 'Q', 'y', 'Y']);
            prop_assert!((timeframe.unit() == TimeUnit::Month) == is_of_months && text.starts_with(|c: char| c.is_ascii_digit()), "{text}");
            prop_assert!((1..=timeframe.unit().most()).contains(&timeframe.count()), "{text}");
        }
        match limit(Some(number), 1, most) {
            Ok(limit) => prop_assert!(u32::from(limit) == number && (1..=most).contains(&limit)),
            Err(_) => prop_assert!(number == 0 || number > u32::from(most)),
        }
    }

    #[test]
    fn what_is_printed_is_read_as_what_it_was(instant in 0..=LAST, place in 0i64.., name in "[A-Za-z0-9._^=:/-]{1,20}") {
        let written = DateTime::from_timestamp(instant, 0).unwrap().to_rfc3339_opts(SecondsFormat::Secs, true);
        prop_assert_eq!(parse(Hours::Sse, "end", &written, Edge::End), Ok(UnixSeconds::new(instant)));
        if instant < 100_000_000_000 {
            prop_assert_eq!(parse(Hours::Sse, "end", &instant.to_string(), Edge::End), Ok(UnixSeconds::new(instant)));
        }
        if instant >= 100_000_000 {
            prop_assert_eq!(parse(Hours::Sse, "end", &format!("{instant}999"), Edge::End), Ok(UnixSeconds::new(instant)));
        }
        prop_assert_eq!(page_token(Some(&place.to_string())), Ok(Some(place)));
        prop_assert_eq!(ticker(&name).map(|symbol| symbol.to_string()), Ok(name));
        for name in Interval::ALL {
            prop_assert_eq!(timeframe("timeframe", Some(name.as_str())), Ok(Timeframe::from(name)));
        }
        for (name, same) in [("4h", "240m"), ("2D", "2d"), ("1q", "3M"), ("2Y", "24M"), ("6mo", "6M")] {
            prop_assert_eq!(timeframe("timeframe", Some(name)).map(|named| named.to_string()), Ok(same.to_owned()));
        }
    }

    #[test]
    fn a_date_is_all_of_its_day(days in 0i64..2_932_800) {
        let date = DateTime::from_timestamp((Seconds::DAY * days).get(), 0).unwrap().date_naive().to_string();
        if let (Ok(start), Ok(end)) = (parse(Hours::Sse, "start", &date, Edge::Start), parse(Hours::Sse, "end", &date, Edge::End)) {
            // Shanghai had summer time.
            prop_assert!((82_799..=89_999).contains(&(end - start).get()), "{date}: {start} {end}");
        }
    }

    #[test]
    fn a_message_is_read_as_it_was_written(
        tickers in prop::collection::vec(value(), 0..5),
        channels in prop::option::of(prop::collection::btree_set(prop::sample::select(NativeChannel::ALL.to_vec()), 0..4)),
        key in any::<String>(),
    ) {
        let read = |message: serde_json::Value| serde_json::from_str::<NativeRequest>(&message.to_string()).ok();
        let message = |kind| json!({"type": kind, "tickers": tickers, "channels": channels});
        let (tickers, channels): (_, Option<BTreeSet<NativeChannel>>) = (tickers.clone(), channels.clone());
        prop_assert_eq!(
            read(message("subscribe")),
            Some(NativeRequest::Subscribe { tickers: tickers.clone(), channels: channels.clone() })
        );
        prop_assert_eq!(read(message("unsubscribe")), Some(NativeRequest::Unsubscribe { tickers: tickers.clone(), channels }));
        prop_assert_eq!(read(json!({"type": "auth", "key": key})), Some(NativeRequest::Auth { key: key.clone() }));
        prop_assert_eq!(read(json!({"type": "ping", "key": key})), None);
    }
}
