//! `/history`: stored bars as columns.

use std::fmt::{self, Write};
use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use super::answers::{Answer, Parameters, Problem, answer, json};
use super::symbols::find;
use crate::query::{BarQuery, Order, ShownBar};
use crate::serve::Server;
use klined_market::base::{Interval, Seconds, UnixSeconds};
use klined_market::calendar::Calendar;

/// The most bars of an answer.
const BARS_MOST: u16 = 20_000;

/// Every resolution that there is, shortest first, by TradingView's name.
pub const RESOLUTIONS: [(&str, Interval); 9] = [
    ("1", Interval::Minute1),
    ("5", Interval::Minute5),
    ("15", Interval::Minute15),
    ("30", Interval::Minute30),
    ("60", Interval::Minute60),
    ("120", Interval::Minute120),
    ("1D", Interval::Day),
    ("1W", Interval::Week),
    ("1M", Interval::Month),
];

/// An interval by its name; `D` is `1D`.
fn interval(name: &str) -> Option<Interval> {
    let is_it = |known: &str| known == name || (name.len() == 1 && known.strip_prefix('1') == Some(name));
    RESOLUTIONS.iter().find(|(known, _)| is_it(known)).map(|(_, interval)| *interval)
}

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

/// The bars from `from` on and before `to`; with `countback` the last so many before `to`, whatever `from` says.
pub async fn history(State(server): State<Arc<Server>>, parameters: Parameters) -> Answer {
    let board = server.reader.board().await?;
    let symbol = find(&board, parameters.required("symbol")?)?.symbol;
    let resolution = parameters.required("resolution")?;
    let interval = interval(resolution).ok_or_else(|| {
        let names: Vec<&str> = RESOLUTIONS.iter().map(|(name, _)| *name).collect();
        Problem(format!("resolution must be one of {}", names.join(" ")))
    })?;
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
    let latest = BarQuery { end, limit, order: Order::Descending, ..BarQuery::latest(symbol, interval) };
    let mut page = server.reader.bars(BarQuery { start, ..latest }).await?;
    if countback.is_none() && page.next.is_some() {
        return Err(Problem(format!("there are more than {BARS_MOST} bars in that time: ask for less of it")));
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
        Some(bar) => json!({"s": "no_data", "nextTime": bar.start - offset(interval)}),
        None => json!({"s": "no_data"}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions_are_tradingviews() {
        for (name, wanted) in
            [("1", Interval::Minute1), ("120", Interval::Minute120), ("D", Interval::Day), ("1M", Interval::Month)]
        {
            assert_eq!(interval(name), Some(wanted), "{name}");
        }
        for name in ["", "1m", "60m", "2", "240", "2D", "1S", "d", "5D"] {
            assert_eq!(interval(name), None, "{name}");
        }
    }
}
