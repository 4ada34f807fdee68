//! `/history`: stored bars as columns.

use std::fmt::{self, Write};
use std::sync::Arc;

use axum::extract::State;
use serde_json::json as value;

use super::answers::{UdfAnswer, UdfError, UdfQuery, answer};
use super::resolutions;
use super::symbols::find;
use crate::query::{BarQuery, ShownBar, TimeOrder};
use crate::serve::kit::answers::json;
use crate::serve::server::Server;
use klined_market::base::{Interval, Seconds, UnixSeconds};
use klined_market::calendar::Calendar;

/// The most bars of an answer.
const BARS_MOST: u16 = 20_000;

/// By how much the start of an interval's bars lies behind their name: those of a day and longer are named by 00:00 UTC of their
/// first trading day.
fn offset(interval: Interval) -> Seconds {
    if interval.trading_minutes().is_some() { Seconds::ZERO } else { Calendar::OPEN_AFTER_UTC_MIDNIGHT }
}

fn columns(bars: &[ShownBar], interval: Interval) -> String {
    let mut text = String::with_capacity(bars.len() * 60 + 80);
    text.push_str("{\"s\":\"ok\"");
    let mut column = |name: &str, write: &dyn Fn(&mut String, &ShownBar) -> fmt::Result| {
        let _ = write!(text, ",\"{name}\":[");
        for (place, bar) in bars.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            // Writing to a string does not fail.
            let _ = write(&mut text, bar);
        }
        text.push(']');
    };
    column("t", &|text, bar| write!(text, "{}", bar.start - offset(interval)));
    column("o", &|text, bar| write!(text, "{:.2}", bar.open));
    column("h", &|text, bar| write!(text, "{:.2}", bar.high));
    column("l", &|text, bar| write!(text, "{:.2}", bar.low));
    column("c", &|text, bar| write!(text, "{:.2}", bar.close));
    column("v", &|text, bar| write!(text, "{}", bar.volume));
    text.push('}');
    text
}

/// The bars from `from` on and before `to`; with `countback` the last so many before `to`, and `from` does not count.
pub async fn history(State(server): State<Arc<Server>>, parameters: UdfQuery) -> UdfAnswer {
    let prices = server.reader.price_list().await?;
    let symbol = find(&prices, parameters.required("symbol")?)?.symbol;
    let resolution = parameters.required("resolution")?;
    let interval = resolutions::interval(resolution)
        .ok_or_else(|| UdfError(format!("resolution must be one of {}", resolutions::names().join(" "))))?;
    let (from, to) = (parameters.seconds("from")?, parameters.seconds("to")?);
    let countback = parameters.count("countback", BARS_MOST)?;
    let start_of = |label: UnixSeconds| label.saturating_add(offset(interval));
    // The last start that is asked for: `to` itself is not.
    let end = to.map(|to| start_of(to).previous());
    let start = match (countback, from) {
        (Some(_), _) | (None, None) => None,
        (None, Some(from)) => Some(start_of(from)),
    };
    let limit = countback.unwrap_or(BARS_MOST);
    let latest = BarQuery { end, limit, order: TimeOrder::Descending, ..BarQuery::latest(symbol, interval) };
    let mut page = server.reader.bars(BarQuery { start, ..latest }).await?;
    if countback.is_none() && page.next.is_some() {
        return Err(UdfError(format!("there are more than {BARS_MOST} bars in that time: ask for less of it")));
    }
    page.bars.reverse();
    if !page.bars.is_empty() {
        return Ok(json(columns(&page.bars, interval)));
    }
    // The chart goes on where there is something again.
    let before = match start {
        Some(start) => {
            server.reader.bars(BarQuery { end: Some(start.previous()), limit: 1, ..latest }).await?.bars.pop()
        }
        None => None,
    };
    answer(&match before {
        Some(bar) => value!({"s": "no_data", "nextTime": bar.start - offset(interval)}),
        None => value!({"s": "no_data"}),
    })
}
