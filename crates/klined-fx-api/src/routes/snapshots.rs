//! What is newest of each pair: the day so far, the last minute, the last quote, the day before.

use std::sync::Arc;

use axum::extract::State;
use klined::serve::kit::parameters::{QueryMap, Segments};
use klined::serve::polygon::answers::{PolygonAnswer, PolygonError, plain, request_id};
use klined::serve::polygon::parameters::PolygonPath;
use klined_fx::base::Pair;
use serde_json::{Value, json};

use super::aggregates::FxAggregate;
use super::{pair_of, ticker_of};
use crate::feed::EXCHANGE;
use crate::present::{PairPresent, Present};
use crate::prices::units;
use crate::server::FxServer;

/// The pairs of a list of gainers or losers.
const MOVERS: usize = 20;

/// How far a pair is from the close of the day before, in ticks and as a percentage.
fn change(present: &PairPresent) -> (i64, f64) {
    let close = |bar: &klined_fx::market::MidBar| bar.close;
    let (Some(now), Some(before)) = (present.day.as_ref().map(close), present.day_before.as_ref().map(close)) else {
        return (0, 0.0);
    };
    (now - before, ((now - before) as f64 / before as f64 * 1e7).round() / 1e5)
}

fn body(pair: Pair, present: &PairPresent) -> Value {
    let bar = |bar: Option<&klined_fx::market::MidBar>, start| bar.map(|bar| FxAggregate::of(pair, start, bar));
    let (ticks, percent) = change(present);
    let quote =
        present.quote.map(|quote| json!({"a": quote.ask, "b": quote.bid, "t": quote.micros / 1000, "x": EXCHANGE}));
    let updated = present.quote.map_or(0, |quote| quote.micros * 1000);
    let mut body = json!({"ticker": ticker_of(pair), "todaysChange": units(pair, ticks), "todaysChangePerc": percent,
        "updated": updated});
    let minute = present.minute.as_ref();
    for (name, value) in [
        ("day", bar(present.day.as_ref(), None).map(|bar| json!(bar))),
        ("min", bar(minute.map(|(_, bar)| bar), minute.map(|(start, _)| *start)).map(|bar| json!(bar))),
        ("prevDay", bar(present.day_before.as_ref(), None).map(|bar| json!(bar))),
        ("lastQuote", quote),
    ] {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}

fn bodies(present: &Present, is_asked: impl Fn(Pair) -> bool) -> Vec<(f64, Value)> {
    let asked = Pair::all().into_iter().filter(|pair| is_asked(*pair));
    let body = |pair: Pair| {
        let of_pair = &present.pairs[pair.index()];
        (change(of_pair).1, body(pair, of_pair))
    };
    asked.map(body).collect()
}

fn list(bodies: Vec<(f64, Value)>) -> PolygonAnswer {
    let tickers: Vec<Value> = bodies.into_iter().map(|(_, body)| body).collect();
    plain(json!({"status": "OK", "request_id": request_id(), "count": tickers.len(), "tickers": tickers}))
}

/// Snapshots of all pairs, or of those that are named.
pub async fn all(State(server): State<Arc<FxServer>>, query: QueryMap<PolygonError>) -> PolygonAnswer {
    let named: Option<Vec<Pair>> =
        query.get("tickers").map(|names| names.split(',').filter_map(|name| pair_of(name.trim())).collect());
    list(bodies(&server.present()?, |pair| named.as_ref().is_none_or(|named| named.contains(&pair))))
}

/// The snapshot of one pair.
pub async fn one(State(server): State<Arc<FxServer>>, Segments(ticker, ..): PolygonPath<String>) -> PolygonAnswer {
    let pair = pair_of(&ticker).ok_or(PolygonError::NotFound("Ticker not found."))?;
    let present = server.present()?;
    let body = body(pair, &present.pairs[pair.index()]);
    plain(json!({"status": "OK", "request_id": request_id(), "ticker": body}))
}

/// The pairs that have risen or fallen most since the close of the day before.
pub async fn movers(
    State(server): State<Arc<FxServer>>,
    Segments(direction, ..): PolygonPath<String>,
) -> PolygonAnswer {
    let sign = match direction.as_str() {
        "gainers" => 1.0,
        "losers" => -1.0,
        _ => return Err(PolygonError::NotFound("Use gainers or losers.")),
    };
    let mut found = bodies(&server.present()?, |_| true);
    found.retain(|(change, _)| change * sign > 0.0);
    found.sort_by(|(a, _), (b, _)| (b * sign).total_cmp(&(a * sign)));
    found.truncate(MOVERS);
    list(found)
}
