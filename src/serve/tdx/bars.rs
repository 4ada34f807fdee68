//! Bars of twelve categories, counted back from the newest.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::frames::StockCode;
use super::numbers::{put_float, put_short, put_signed};
use super::stocks::{LOT, find};
use crate::query::errors::Refusal;
use crate::query::{BarQuery, Label, ShownBar, TimeOrder};
use crate::serve::server::Server;
use klined_market::base::{TimeUnit, Timeframe, Traded};
use klined_market::calendar::Calendar;

/// The most bars of one answer.
const BARS_MOST: u16 = 800;
/// The years that a bar within the day can have: five bits count them.
const YEARS: std::ops::Range<i32> = 2004..2036;
/// The vendor counts prices of bars in thousandths.
const PER_UNIT: f64 = 1000.0;

/// The timeframe of a category; none where there is no such category.
fn timeframe(category: u16) -> Option<Timeframe> {
    let (unit, count) = match category {
        0 => (TimeUnit::Minute, 5),
        1 => (TimeUnit::Minute, 15),
        2 => (TimeUnit::Minute, 30),
        3 => (TimeUnit::Minute, 60),
        4 | 9 => (TimeUnit::Day, 1),
        5 => (TimeUnit::Week, 1),
        6 => (TimeUnit::Month, 1),
        7 | 8 => (TimeUnit::Minute, 1),
        10 => (TimeUnit::Month, 3),
        11 => (TimeUnit::Month, 12),
        _ => return None,
    };
    Timeframe::new(unit, count)
}

/// The time of a bar as it is written: the end of a bar within the day, the last trading day of a longer one so far.
fn put_time(to: &mut Vec<u8>, timeframe: Timeframe, time: NaiveDateTime) {
    let date = time.date();
    if timeframe.trading_minutes().is_some() {
        let day = (date.year() - YEARS.start) as u16 * 2048 + (date.month() * 100 + date.day()) as u16;
        put_short(to, day);
        put_short(to, (time.hour() * 60 + time.minute()) as u16);
    } else {
        to.extend((date.year() as u32 * 10_000 + date.month() * 100 + date.day()).to_le_bytes());
    }
}

/// The end of a bar by the market's clocks; its last day, or the newest one, for a day and longer.
fn time_of(calendar: &Calendar, timeframe: Timeframe, bar: &ShownBar, newest: NaiveDateTime) -> Option<NaiveDateTime> {
    if timeframe.trading_minutes().is_some() {
        let ends = bar.time(timeframe, Label::End, calendar);
        let local = calendar.hours().local(ends).ok()?.naive_local();
        return Some(local).filter(|local| YEARS.contains(&local.year()));
    }
    let last = calendar.bucket(calendar.minute_starting(bar.start).ok()?, timeframe).last;
    Some(calendar.day_of(last).and_time(newest.time()).min(newest))
}

/// So many bars that end before the last `start` ones, in order of time.
pub async fn bars(
    server: &Server,
    stock: StockCode,
    category: u16,
    (start, count): (u16, u16),
) -> Result<Vec<u8>, Refusal> {
    let (prices, calendar) = (server.reader.price_list().await?, server.reader.calendar());
    let nothing = || Ok(vec![0; 2]);
    let (Some(row), Some(timeframe)) = (find(&prices, stock), timeframe(category)) else { return nothing() };
    let newest = calendar.date_of(row.last_update)?.and_time(chrono::NaiveTime::MIN);
    let count = count.min(BARS_MOST);
    let limit = start.saturating_add(count).max(1);
    let query = BarQuery { limit, order: TimeOrder::Descending, ..BarQuery::latest(row.symbol, timeframe) };
    let mut found = server.reader.bars(query).await?.bars;
    found.drain(..usize::from(start).min(found.len()));
    found.truncate(count.into());
    found.reverse();
    let timed = found.iter().filter_map(|bar| Some((bar, time_of(&calendar, timeframe, bar, newest)?)));
    Ok(encoded(timeframe, &timed.collect::<Vec<_>>()))
}

fn encoded(timeframe: Timeframe, bars: &[(&ShownBar, NaiveDateTime)]) -> Vec<u8> {
    let thousandths = |price: f64| (price * PER_UNIT).round() as i64;
    // Bars within the day count shares, longer ones lots.
    let per_volume = if timeframe.trading_minutes().is_some() { 1.0 } else { LOT as f64 };
    let mut body = Vec::with_capacity(2 + bars.len() * 24);
    put_short(&mut body, bars.len() as u16);
    let mut base = 0;
    for (bar, time) in bars {
        put_time(&mut body, timeframe, *time);
        let [open, close, high, low] = [bar.open, bar.close, bar.high, bar.low].map(thousandths);
        for (price, from) in [(open, base), (close, open), (high, open), (low, open)] {
            put_signed(&mut body, price - from);
        }
        base = close;
        put_float(&mut body, bar.volume as f64 / per_volume);
        put_float(&mut body, bar.traded.map_or(0.0, Traded::turnover_units));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::super::numbers::tests::read_signed;
    use super::*;
    use klined_market::base::UnixSeconds;

    #[test]
    fn bars_are_written_as_differences() {
        let bar = |open: f64, close: f64| ShownBar {
            start: UnixSeconds::EPOCH,
            open,
            high: open.max(close) + 0.02,
            low: open.min(close) - 0.01,
            close,
            volume: 35_534_100,
            traded: None,
        };
        let time: NaiveDateTime = "2026-03-02T09:35:00".parse().unwrap();
        let (one, two) = (bar(10.00, 10.05), bar(10.03, 9.98));
        let body = encoded(timeframe(0).unwrap(), &[(&one, time), (&two, time)]);
        assert_eq!(&body[..2], &[2, 0]);
        let mut rest = &body[2..];
        let mut base = 0;
        for bar in [one, two] {
            let (day, minutes) = (u16::from_le_bytes([rest[0], rest[1]]), u16::from_le_bytes([rest[2], rest[3]]));
            assert_eq!((day >> 11, day & 2047, minutes), (22, 302, 9 * 60 + 35));
            rest = &rest[4..];
            let mut number = || {
                let (number, after) = read_signed(rest).unwrap();
                rest = after;
                number
            };
            let (open, close, high, low) = (base + number(), number(), number(), number());
            base = open + close;
            let thousandths = [bar.open, bar.close, bar.high, bar.low].map(|price| (price * 1000.0).round() as i64);
            assert_eq!([open, open + close, open + high, open + low], thousandths);
            assert_eq!(f32::from_le_bytes(rest[..4].try_into().unwrap()), 35_534_100.0);
            rest = &rest[8..];
        }
        assert!(rest.is_empty());
        // A day counts lots, and has its date in decimals.
        let body = encoded(timeframe(9).unwrap(), &[(&one, time)]);
        assert_eq!(u32::from_le_bytes(body[2..6].try_into().unwrap()), 20_260_302);
        assert_eq!(body[body.len() - 8..body.len() - 4], 355_341_f32.to_le_bytes());
        assert_eq!(
            [timeframe(10), timeframe(12)].map(|found| found.map(|found| found.to_string())),
            [Some("3M".to_owned()), None]
        );
    }
}
