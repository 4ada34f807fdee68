//! `/api/v3/klines`: stored bars as lists of twelve.

use std::fmt::Write;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use chrono::{DateTime, Months};

use super::answers::{BinanceAnswer, encoded};
use super::pairs::Pairs;
use super::parameters::BinanceQuery;
use super::running::{KlineState, Klines, minutes_max};
use crate::query::errors::{Failure, Refusal};
use crate::query::{Age, BarPage, BarQuery, PageKey, Shape, ShownBar, Ticks};
use crate::serve::server::Server;
use crate::store::{BarRange, BarStore};
use klined_market::bars::Bar;
use klined_market::base::{Interval, Nanos, Price, Seconds, Symbol, TimeUnit, Timeframe, Traded, UnixSeconds};
use klined_market::calendar::Calendar;

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

/// The first instant after a bar by Binance's reckoning, in Unix seconds: its start and its interval's length, but not later than the
/// start of the next bar. So a day lasts until the same time tomorrow, though its trade ends at 15:00, several days last until that of
/// their last trading day, and a week that began after a holiday ends where the next one begins.
pub fn end(start: UnixSeconds, interval: Timeframe, calendar: &Calendar) -> UnixSeconds {
    let last = calendar.minute_starting(start).map(|first| calendar.bucket(first, interval).last);
    let length_later = match interval.unit() {
        TimeUnit::Minute => start + Seconds::minutes(i64::from(interval.count())),
        TimeUnit::Day => {
            let last_opens = last.as_ref().ok().and_then(|last| calendar.open_of(calendar.day_of(*last)).ok());
            last_opens.map_or(start, |opens| opens.start()) + Seconds::DAY
        }
        TimeUnit::Week => start + Seconds::DAY * 7 * i64::from(interval.count()),
        TimeUnit::Month => {
            let begun = DateTime::from_timestamp(start.get(), 0);
            let months_later = begun.and_then(|at| at.checked_add_months(Months::new(u32::from(interval.count()))));
            months_later.map_or(start, |end| UnixSeconds::new(end.timestamp()))
        }
    };
    // A month that begins on the evening before it, as that of `fx`, is longer than its length after its start.
    let length_later = last.as_ref().map_or(length_later, |last| length_later.max(last.end()));
    let next = last.and_then(|last| calendar.next_minute(last));
    // No bar follows the calendar's last one.
    next.map_or(length_later, |next| length_later.min(next.start()))
}

/// The rows. What is not known of a bar is 0: turnover and trades of a bar of an earlier version, and the part that buyers took.
fn encode(bars: &[ShownBar], interval: Timeframe, unit: Nanos, calendar: &Calendar) -> Bytes {
    let mut text = String::with_capacity(bars.len() * 140 + 2);
    text.push('[');
    for (place, bar) in bars.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let (open_time, close_time) = (bar.start.count_of(unit), end(bar.start, interval, calendar).count_of(unit) - 1);
        let _ = write!(
            text,
            "{comma}[{open_time},\"{:.2}\",\"{:.2}\",\"{:.2}\",\"{:.2}\",\"{}\",{close_time},\"{}\",{},\"0\",\"0\",\"0\"]",
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            quote_volume(bar.traded),
            count(bar.traded)
        );
    }
    text.push(']');
    Bytes::from(text)
}

/// A turnover, in hundredths.
pub fn quote_volume(traded: Option<Traded>) -> String {
    traded.map_or_else(|| "0".to_owned(), |traded| format!("{:.2}", traded.turnover_units()))
}

/// A number of trades.
pub fn count(traded: Option<Traded>) -> i64 {
    traded.map_or(0, Traded::trades)
}

/// The bars of a page, which go on to the present where the page does: what the roll-ups do not have yet is summed from the stored
/// minutes and the open one.
async fn up_to_now(server: &Server, query: BarQuery, last_update: UnixSeconds) -> Result<Vec<ShownBar>, Refusal> {
    let BarPage { mut bars, next } = server.reader.bars(query).await?;
    let is_full = query.start.is_some() && next.is_some();
    if is_full
        || query.end.is_some_and(|end| end < bucket_start(&server.reader.calendar(), last_update, query.timeframe))
    {
        return Ok(bars);
    }
    let (ticks, BarQuery { symbol, timeframe, .. }) = (server.ticks.clone(), query);
    let fresh = server.reader.ask(move |store, calendar| fresh(store, calendar, &ticks, symbol, timeframe)).await?;
    for bar in fresh {
        let is_asked =
            query.start.is_none_or(|start| start <= bar.start) && query.end.is_none_or(|end| bar.start <= end);
        match bars.last_mut() {
            _ if !is_asked => {}
            Some(last) if last.start == bar.start => *last = bar,
            Some(last) if last.start > bar.start => {}
            _ => bars.push(bar),
        }
    }
    let limit = usize::from(query.limit);
    match query.start {
        Some(_) => bars.truncate(limit),
        None => drop(bars.drain(..bars.len().saturating_sub(limit))),
    }
    Ok(bars)
}

fn bucket_start(calendar: &Calendar, start: UnixSeconds, interval: Timeframe) -> UnixSeconds {
    calendar.minute_starting(start).map_or(start, |minute| calendar.bucket(minute, interval).first.start())
}

/// The bars of an interval from its last stored one on, with the open minute as far as it has come.
fn fresh(
    store: &dyn BarStore,
    calendar: &Calendar,
    ticks: &Ticks,
    symbol: Symbol,
    interval: Timeframe,
) -> Result<Vec<ShownBar>, Failure> {
    let all = |interval| BarRange { symbol, interval, from: UnixSeconds::EPOCH, to: UnixSeconds::MAX };
    let present = ticks.present(symbol, Age::Present)?.minute;
    let Some(stored) = store.last_bars(&[all(interval.parts().0)], 1)?.pop() else { return Ok(Vec::new()) };
    let most = minutes_max(calendar.hours());
    let from = bucket_start(calendar, stored.time, interval);
    let minutes = store.bars(&[BarRange { from, ..all(Interval::Minute1) }], most)?;
    let minutes: Vec<Bar> = minutes.iter().filter_map(|bar| bar.parse(calendar).ok()).collect();
    // So far behind are only roll-ups that nobody makes.
    let is_complete = minutes.len() < most;
    Ok(Klines::of_minutes(calendar, interval, &minutes, present.filter(|_| is_complete)).iter().map(shown).collect())
}

fn shown(kline: &KlineState) -> ShownBar {
    let (ohlcv, units) = (kline.ohlcv, Price::units);
    let [open, high, low, close] = [ohlcv.open(), ohlcv.high(), ohlcv.low(), ohlcv.close()].map(units);
    ShownBar { start: kline.start, open, high, low, close, volume: ohlcv.volume(), traded: ohlcv.traded() }
}

/// A page of bars; the latest, as they are asked for without times, may be ready.
pub async fn klines(State(server): State<Arc<Server>>, headers: HeaderMap, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = Pairs::of(&server).await?;
    let (row, interval) = (parameters.symbol(&prices)?.row, parameters.interval()?);
    let limit = parameters.limit(LIMIT_USUAL, LIMIT_MOST)?;
    parameters.check_zone(server.hours())?;
    let ((start, end), unit, symbol) = (parameters.range()?, unit(&headers), row.symbol);
    let query = BarQuery { start, end, limit, ..BarQuery::latest(symbol, interval) };
    let made = async {
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            return Ok(Bytes::from_static(b"[]"));
        }
        let bars = up_to_now(&server, query, row.last_update).await?;
        Ok(encode(&bars, interval, unit, &server.reader.calendar()))
    };
    let body = match (start, end, unit) {
        (None, None, Nanos::MILLISECOND) => {
            server.reader.page(PageKey { symbol, timeframe: interval, limit, shape: Shape::Binance }, made).await?
        }
        _ => made.await?,
    };
    Ok(encoded(body))
}

#[cfg(test)]
mod tests {
    use super::super::parameters::{interval, intervals};
    use super::*;
    use klined_market::calendar::Hours;

    #[test]
    fn a_bar_ends_its_length_after_its_start() {
        let calendar = Calendar::shanghai();
        // 2026-03-02 09:30 in Shanghai, a Monday.
        let start = UnixSeconds::new(1_772_415_000);
        for (name, length) in [
            ("1m", Seconds::MINUTE),
            ("2h", Seconds::HOUR * 2),
            // The afternoon begins before.
            ("4h", Seconds::minutes(210)),
            ("1d", Seconds::DAY),
            ("1w", Seconds::DAY * 7),
            // April begins on a Wednesday.
            ("1M", Seconds::DAY * 30),
        ] {
            assert_eq!(end(start, interval(name).unwrap(), &calendar) - start, length, "{name}");
        }
    }

    #[test]
    fn the_bars_of_an_interval_never_overlap_and_hold_all_of_their_minutes() {
        for hours in Hours::ALL {
            let calendar = Calendar::of(hours);
            for (name, interval) in intervals() {
                // Intraday bars are alike on all days, but for the summer time that China had until 1991 and early closes.
                let last = if interval.trading_minutes().is_some() { "2001-01-31" } else { "2026-12-31" };
                let last = if hours == Hours::Sse && last < "2002" { "1991-12-31" } else { last };
                let last = calendar.midnight(last.parse().unwrap()).unwrap();
                let first = calendar.open_of(calendar.first_day()).unwrap();
                let mut bucket = calendar.bucket(first, interval);
                while bucket.first.start() < last {
                    let next = calendar.bucket(calendar.next_minute(bucket.last).unwrap(), interval);
                    let end = end(bucket.first.start(), interval, &calendar);
                    assert!(end >= bucket.last.end() && end <= next.first.start(), "{hours} {name} {bucket:?}");
                    bucket = next;
                }
            }
        }
    }
}
