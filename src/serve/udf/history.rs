//! `/history`: stored bars as columns.

use std::fmt::{self, Write};
use std::sync::Arc;

use axum::extract::State;
use chrono::{DateTime, NaiveTime};
use serde_json::json as value;

use super::answers::{UdfAnswer, UdfError, UdfQuery, answer};
use super::resolutions;
use super::symbols::find;
use crate::query::{BarQuery, ShownBar, TimeOrder};
use crate::serve::kit::answers::json;
use crate::serve::server::Server;
use klined_market::base::{Seconds, Timeframe, UnixSeconds};
use klined_market::calendar::Calendar;

/// The most bars of an answer.
const BARS_MOST: u16 = 20_000;

/// Bars of a day and longer are labelled by 00:00 UTC of their first trading day, others by their start.
fn is_labelled_by_day(timeframe: Timeframe) -> bool {
    timeframe.trading_minutes().is_none()
}

/// The label of a bar.
fn label(calendar: &Calendar, timeframe: Timeframe, start: UnixSeconds) -> UnixSeconds {
    let day = calendar.date_of(start).ok().filter(|_| is_labelled_by_day(timeframe));
    day.map_or(start, |day| UnixSeconds::new(day.and_time(NaiveTime::MIN).and_utc().timestamp()))
}

/// The first start that a bar can have whose label is at or after an instant.
fn first_start(calendar: &Calendar, timeframe: Timeframe, label: UnixSeconds) -> UnixSeconds {
    if !is_labelled_by_day(timeframe) {
        return label;
    }
    let day_before = DateTime::from_timestamp(label.saturating_sub(Seconds::SECOND).get(), 0).map(|at| at.date_naive());
    let midnight = day_before.and_then(|day| calendar.midnight(day.succ_opt()?).ok());
    midnight.unwrap_or(label)
}

fn columns(bars: &[ShownBar], timeframe: Timeframe, calendar: &Calendar) -> String {
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
    column("t", &|text, bar| write!(text, "{}", label(calendar, timeframe, bar.start)));
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
    let timeframe = resolutions::parse(parameters.required("resolution")?)?;
    let (from, to) = (parameters.seconds("from")?, parameters.seconds("to")?);
    let countback = parameters.count("countback", BARS_MOST)?;
    let calendar = server.reader.calendar();
    // The last start that is asked for: `to` itself is not.
    let end = to.map(|to| first_start(&calendar, timeframe, to).previous());
    let start = match (countback, from) {
        (Some(_), _) | (None, None) => None,
        (None, Some(from)) => Some(first_start(&calendar, timeframe, from)),
    };
    let limit = countback.unwrap_or(BARS_MOST);
    let latest = BarQuery { end, limit, order: TimeOrder::Descending, ..BarQuery::latest(symbol, timeframe) };
    let mut page = server.reader.bars(BarQuery { start, ..latest }).await?;
    if countback.is_none() && page.next.is_some() {
        return Err(UdfError(format!("there are more than {BARS_MOST} bars in that time: ask for less of it")));
    }
    page.bars.reverse();
    if !page.bars.is_empty() {
        return Ok(json(columns(&page.bars, timeframe, &calendar)));
    }
    // The chart goes on where there is something again.
    let before = match start {
        Some(start) => {
            server.reader.bars(BarQuery { end: Some(start.previous()), limit: 1, ..latest }).await?.bars.pop()
        }
        None => None,
    };
    answer(&match before {
        Some(bar) => value!({"s": "no_data", "nextTime": label(&calendar, timeframe, bar.start)}),
        None => value!({"s": "no_data"}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use klined_market::base::Interval;

    #[test]
    fn a_days_label_is_its_utc_midnight_also_in_summer_time_and_bounds_are_labels() {
        let calendar = Calendar::shanghai();
        // China had summer time until 1991.
        let spans = [("1990-12-19", "1992-01-31"), ("2025-12-01", "2026-03-31")];
        for (from, to) in spans.map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap())) {
            for day in calendar.days(from, to) {
                let start = calendar.open_of(*day).unwrap().start();
                let shown = label(&calendar, Interval::Day.into(), start);
                assert_eq!(
                    format!("{day} 00:00:00 UTC"),
                    DateTime::from_timestamp(shown.get(), 0).unwrap().to_string()
                );
                assert!(first_start(&calendar, Interval::Day.into(), shown) <= start, "{day}");
                assert!(first_start(&calendar, Interval::Day.into(), shown.next()) > start, "{day}");
                assert_eq!(label(&calendar, Interval::Minute60.into(), start), start);
                assert_eq!(first_start(&calendar, Interval::Minute60.into(), start), start);
            }
        }
    }
}
