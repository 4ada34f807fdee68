//! A day's minutes and its trades.

use chrono::{NaiveDate, Timelike};

use super::frames::StockCode;
use super::numbers::{put_float, put_short, put_signed};
use super::stocks::{LOT, find};
use crate::query::TickQuery;
use crate::query::errors::{Failure, Refusal};
use crate::serve::server::Server;
use crate::store::{BarRange, BarStore};
use klined_market::bars::ticks::{Side, Trade};
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};

/// The most trades of one answer.
const TRADES_MOST: u16 = 2000;

/// A date in decimals; none where there is no such day.
fn date_of(digits: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt((digits / 10_000) as i32, digits / 100 % 100, digits % 100)
}

/// The day that is asked for: the market's present one without a date. None where it does not trade.
async fn day(server: &Server, date: Option<u32>) -> Result<Option<NaiveDate>, Refusal> {
    let day = match date {
        Some(digits) => date_of(digits),
        None => server.market_day().await?,
    };
    Ok(day.filter(|day| server.reader.calendar().is_trading_day(*day)))
}

struct MinuteRow {
    /// Hundredths.
    price: i64,
    lots: i64,
}

/// The minutes of a day up to its last bar, and the close before it. A minute without a bar has the price before it.
fn minutes_of(
    store: &dyn BarStore,
    calendar: &Calendar,
    symbol: Symbol,
    day: NaiveDate,
) -> Result<(Vec<MinuteRow>, f64), Failure> {
    let minutes: Vec<Minute> = calendar.minutes_of(day).collect();
    let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else { return Ok((Vec::new(), 0.0)) };
    let range = |from, to| [BarRange { symbol, interval: Interval::Minute1, from, to }];
    let before = store.last_bars(&range(UnixSeconds::EPOCH, first.start()), 1)?;
    let mut found = store.bars(&range(first.start(), last.end()), minutes.len())?;
    found.retain(|bar| bar.is_priced());
    let Some(newest) = found.last().map(|bar| bar.time) else { return Ok((Vec::new(), 0.0)) };
    let previous = before.first().filter(|bar| bar.is_priced()).map_or(found[0].open, |bar| bar.close);
    let (mut price, mut found) = (previous, found.into_iter().peekable());
    let mut rows = Vec::with_capacity(minutes.len());
    for minute in minutes.into_iter().take_while(|minute| minute.start() <= newest) {
        let bar = found.next_if(|bar| bar.time <= minute.start());
        price = bar.map_or(price, |bar| bar.close);
        let lots = bar.map_or(0, |bar| bar.volume / LOT);
        rows.push(MinuteRow { price: (price * 100.0).round() as i64, lots });
    }
    Ok((rows, previous))
}

/// The price and the volume of each minute of a day.
pub async fn minutes(server: &Server, stock: StockCode, date: Option<u32>) -> Result<Vec<u8>, Refusal> {
    let prices = server.reader.price_list().await?;
    let (rows, previous) = match (find(&prices, stock), day(server, date).await?) {
        (Some(row), Some(day)) => {
            let symbol = row.symbol;
            server.reader.ask(move |store, calendar| minutes_of(store, calendar, symbol, day)).await?
        }
        _ => (Vec::new(), 0.0),
    };
    let mut body = Vec::with_capacity(6 + rows.len() * 6);
    put_short(&mut body, rows.len() as u16);
    // A past day has the close before it here, the present one two bytes that clients pass over.
    match date {
        Some(_) => put_float(&mut body, previous),
        None => put_short(&mut body, 0),
    }
    let mut last = 0;
    for MinuteRow { price, lots } in rows {
        put_signed(&mut body, price - last);
        put_signed(&mut body, 0);
        put_signed(&mut body, lots);
        last = price;
    }
    Ok(body)
}

/// So many trades of a day that come before its last `start` ones, in order of time.
pub async fn trades(
    server: &Server,
    stock: StockCode,
    (start, count): (u16, u16),
    date: Option<u32>,
) -> Result<Vec<u8>, Refusal> {
    let (prices, calendar) = (server.reader.price_list().await?, server.reader.calendar());
    let count = usize::from(count.min(TRADES_MOST));
    let mut found: Vec<Trade> = Vec::new();
    if let (Some(row), Some(day)) = (find(&prices, stock), day(server, date).await?) {
        let wanted = usize::from(start) + count;
        let (from, to) =
            (calendar.midnight(day)?, day.succ_opt().map_or(Ok(UnixSeconds::MAX), |next| calendar.midnight(next))?);
        let mut query = TickQuery::newest(row.symbol, u16::MAX).within(Some(from), Some(to.previous()));
        // A page ends early where minutes have few trades. The minutes of a day bound the pages.
        while found.len() < wanted {
            query.limit = u16::try_from(wanted - found.len()).unwrap_or(u16::MAX);
            let page = server.tick_page::<Trade>(query).await?;
            found.extend(page.ticks);
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }
    found.drain(..usize::from(start).min(found.len()));
    found.truncate(count);
    found.reverse();
    let mut body = Vec::with_capacity(6 + found.len() * 10);
    put_short(&mut body, found.len() as u16);
    if date.is_some() {
        body.extend([0; 4]);
    }
    let mut last = 0;
    for trade in found {
        let local = calendar.hours().local(trade.at.seconds()).map_err(Refusal::from)?;
        put_short(&mut body, (local.hour() * 60 + local.minute()) as u16);
        put_signed(&mut body, trade.price.ticks() - last);
        put_signed(&mut body, (trade.shares + LOT / 2) / LOT);
        // How many trades are in it, which a past day does not have.
        if date.is_none() {
            put_signed(&mut body, 1);
        }
        put_signed(&mut body, i64::from(trade.side == Side::Sell));
        put_signed(&mut body, 0);
        last = trade.price.ticks();
    }
    Ok(body)
}
