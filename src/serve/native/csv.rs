//! Bars as comma-separated values: the columns and bytes of `klined export bars --format csv`.

use std::fmt::Write;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::query::{BarPage, Label, ShownBar};
use crate::serve::kit::answers::NEXT_PAGE;
use klined_market::base::{Symbol, Timeframe, Traded, UnixSeconds};
use klined_market::calendar::Calendar;

const HEADER: &str = "symbol,time,open,high,low,close,volume,turnover,trades\n";
/// Bytes of a line, about.
const LINE: usize = 96;

/// A page as an answer.
pub fn csv(page: &BarPage, symbol: &Symbol, timeframe: Timeframe, label: Label, calendar: &Calendar) -> Response {
    let mut text = String::with_capacity(HEADER.len() + LINE * page.bars.len());
    text.push_str(HEADER);
    for bar in &page.bars {
        line(&mut text, symbol, bar, bar.time(timeframe, label, calendar), calendar);
    }
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let mut response = ([(header::CONTENT_TYPE, kind)], text).into_response();
    if let Some(next) = page.next {
        response.headers_mut().insert(NEXT_PAGE, HeaderValue::from(next.get()));
    }
    response
}

fn line(text: &mut String, symbol: &Symbol, bar: &ShownBar, time: UnixSeconds, calendar: &Calendar) {
    let ShownBar { open, high, low, close, volume, traded, .. } = bar;
    let (turnover, trades) = match traded {
        Some(traded) => (format!("{:?}", Traded::turnover_units(*traded)), Traded::trades(*traded).to_string()),
        None => Default::default(),
    };
    let time = instant(time, calendar);
    // A text takes everything that is written to it.
    let _ = writeln!(text, "{symbol},{time},{open:?},{high:?},{low:?},{close:?},{volume},{turnover},{trades}");
}

/// An instant in the zone of the market, such as `2026-03-02T09:30:00+08:00`, or with `Z` in UTC.
fn instant(time: UnixSeconds, calendar: &Calendar) -> String {
    match calendar.hours().local(time) {
        Ok(local) => local.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        // Beyond all years that have a date, which only an operator can have written.
        Err(_) => time.get().to_string(),
    }
}
