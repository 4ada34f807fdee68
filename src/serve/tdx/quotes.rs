//! Quotes: the day's figures and the best bid and ask. The deeper four levels are zero: no order waits there that is known.

use chrono::Timelike;

use super::frames::{StockCode, code_of};
use super::numbers::{put_float, put_short, put_signed};
use super::stocks::{LOT, find, market_of};
use crate::query::StockSnapshot;
use crate::query::errors::Refusal;
use crate::serve::server::Server;
use klined_market::bars::ticks::Level;
use klined_market::base::{Traded, UnixNanos};
use klined_market::calendar::Calendar;

/// Levels of an answer.
const LEVELS: usize = 5;

/// A time of day as the vendor writes it: hours, then minutes in two digits, then ten-thousandths of a minute. Clients cannot read an hour
/// of one digit 0, so midnight has the hour 24.
fn time_of_day(calendar: &Calendar, at: UnixNanos) -> i64 {
    let Ok(local) = calendar.hours().local(at.seconds()) else { return 0 };
    let hour = if local.hour() == 0 { 24 } else { local.hour() };
    i64::from(hour) * 1_000_000 + i64::from(local.minute()) * 10_000 + i64::from(local.second()) * 10_000 / 60
}

fn lots(shares: i64) -> i64 {
    shares / LOT
}

fn put_quote(body: &mut Vec<u8>, calendar: &Calendar, snapshot: &StockSnapshot, code: [u8; 6], now: UnixNanos) {
    let StockSnapshot { days, present, latest, .. } = snapshot;
    let figures = present.of_day(days.figures(), calendar);
    let cents = |price: f64| (price * 100.0).round() as i64;
    let price = cents(figures.close);
    body.push(market_of(&days.symbol) as u8);
    body.extend(code);
    put_short(body, 0);
    put_signed(body, price);
    for other in [figures.previous_close.unwrap_or(figures.open), figures.open, figures.high, figures.low] {
        put_signed(body, cents(other) - price);
    }
    put_signed(body, time_of_day(calendar, latest.trade.map_or(now, |trade| trade.at)));
    put_signed(body, -price);
    put_signed(body, lots(figures.volume));
    put_signed(body, latest.trade.map_or(0, |trade| lots(trade.shares)));
    put_float(body, figures.traded.map_or(0.0, Traded::turnover_units));
    // The volumes of sellers and of buyers, and two numbers that clients pass over.
    for _ in 0..4 {
        put_signed(body, 0);
    }
    let (bid, ask) = (latest.quote.and_then(|quote| quote.bid), latest.quote.and_then(|quote| quote.ask));
    let nothing = -price;
    let level =
        |level: Option<Level>| level.map_or((nothing, 0), |level| (level.price.ticks() - price, lots(level.shares)));
    for place in 0..LEVELS {
        let (bid, ask) = if place == 0 { (level(bid), level(ask)) } else { ((nothing, 0), (nothing, 0)) };
        for number in [bid.0, ask.0, bid.1, ask.1] {
            put_signed(body, number);
        }
    }
    put_short(body, 0);
    for _ in 0..4 {
        put_signed(body, 0);
    }
    put_short(body, 0);
    put_short(body, 0);
}

/// What stands of each stock that is named and that there is.
pub async fn quotes(server: &Server, codes: &[StockCode]) -> Result<Vec<u8>, Refusal> {
    let (prices, calendar) = (server.reader.price_list().await?, server.reader.calendar());
    let symbols = codes.iter().filter_map(|code| find(&prices, *code)).map(|row| row.symbol).collect();
    let (snapshots, now) = (server.snapshots(symbols).await?, server.market_time_or_wall().await?);
    let coded: Vec<_> = snapshots.iter().filter_map(|found| Some((found, code_of(&found.days.symbol)?))).collect();
    let mut body = vec![0xb1, 0xcb];
    put_short(&mut body, coded.len() as u16);
    for (snapshot, code) in coded {
        put_quote(&mut body, &calendar, snapshot, code, now);
    }
    Ok(body)
}
