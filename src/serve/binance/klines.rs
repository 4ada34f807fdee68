//! `/api/v3/klines`: stored bars as lists of twelve.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use chrono::{DateTime, Months};

use super::answers::{BinanceAnswer, encoded};
use super::parameters::BinanceQuery;
use crate::query::{BarPage, BarQuery, PageKey, Shape};
use crate::serve::server::Server;
use klined_market::base::{Interval, Nanos, Seconds, UnixSeconds};

const LIMIT_USUAL: u16 = 500;
const LIMIT_MOST: u16 = 1000;
/// The header in which a client asks for microseconds.
const TIME_UNIT: &str = "x-mbx-time-unit";

/// The unit of time of an answer.
pub fn unit(headers: &HeaderMap) -> Nanos {
    let asked = headers.get(TIME_UNIT).and_then(|value| value.to_str().ok());
    if asked.is_some_and(|unit| unit.eq_ignore_ascii_case("microsecond")) {
        Nanos::MICROSECOND
    } else {
        Nanos::MILLISECOND
    }
}

/// The first instant after a bar by Binance's reckoning, its start and its interval's length, in Unix seconds. So a day lasts until
/// the same time tomorrow, though its trade ends at 15:00.
pub fn end(start: UnixSeconds, interval: Interval) -> UnixSeconds {
    match (interval.trading_minutes(), interval) {
        (Some(minutes), _) => start + Seconds::minutes(i64::from(minutes)),
        (None, Interval::Week) => start + Seconds::DAY * 7,
        (None, Interval::Month) => {
            let begun = DateTime::from_timestamp(start.get(), 0);
            let month_later = begun.and_then(|at| at.checked_add_months(Months::new(1)));
            month_later.map_or(start, |end| UnixSeconds::new(end.timestamp()))
        }
        (None, _) => start + Seconds::DAY,
    }
}

/// The rows. What is not kept of a bar, its turnover and its trades, is 0.
fn encode(page: &BarPage, interval: Interval, unit: Nanos) -> Bytes {
    let mut text = String::with_capacity(page.bars.len() * 140 + 2);
    text.push('[');
    for (place, bar) in page.bars.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let (open_time, close_time) = (bar.start.count_of(unit), end(bar.start, interval).count_of(unit) - 1);
        let _ = write!(
            text,
            "{comma}[{open_time},\"{:.2}\",\"{:.2}\",\"{:.2}\",\"{:.2}\",\"{}\",{close_time},\"0\",0,\"0\",\"0\",\"0\"]",
            bar.open, bar.high, bar.low, bar.close, bar.volume
        );
    }
    text.push(']');
    Bytes::from(text)
}

/// A page of bars; the latest, as they are asked for without times, may be ready.
pub async fn klines(State(server): State<Arc<Server>>, headers: HeaderMap, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = server.reader.price_list().await?;
    let (symbol, interval) = (parameters.symbol(&prices)?.symbol, parameters.interval()?);
    let limit = parameters.limit(LIMIT_USUAL, LIMIT_MOST)?;
    parameters.check_zone()?;
    let ((start, end), unit) = (parameters.range()?, unit(&headers));
    let query = BarQuery { start, end, limit, ..BarQuery::latest(symbol, interval) };
    let made = async {
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            return Ok(Bytes::from_static(b"[]"));
        }
        Ok(encode(&server.reader.bars(query).await?, interval, unit))
    };
    let body = match (start, end, unit) {
        (None, None, Nanos::MILLISECOND) => {
            server.reader.page(PageKey { symbol, interval, limit, shape: Shape::Binance }, made).await?
        }
        _ => made.await?,
    };
    Ok(encoded(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_ends_its_length_after_its_start() {
        // 2026-01-30 09:30 in Shanghai: a month later is the last day of February.
        let start = UnixSeconds::new(1_769_736_600);
        for (interval, length) in [
            (Interval::Minute1, Seconds::MINUTE),
            (Interval::Minute120, Seconds::HOUR * 2),
            (Interval::Day, Seconds::DAY),
            (Interval::Week, Seconds::DAY * 7),
            (Interval::Month, Seconds::DAY * 29),
        ] {
            assert_eq!(end(start, interval) - start, length, "{interval}");
        }
    }
}
