//! The first sums of a ticker when a client subscribes: the committed minutes of its day, and the trades of the open minute so far.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::seconds::{Committed, Sums, Tally};
use crate::feed::Last;
use crate::query::errors::{Failure, Refusal};
use crate::query::{DayBars, TickQuery, Ticks, TimeOrder};
use crate::serve::server::Server;
use klined_market::base::{Symbol, UnixSeconds};
use klined_market::calendar::Minute;

/// The most tickers of a subscription for which the turnover of the day so far is made from its trades.
const TURNOVERS_MAX: usize = 32;
/// More trades than a page of them has a day of a stock may have; after so many pages its turnover is not known.
const PAGES_MAX: usize = 16;

/// The sums of these tickers up to their last ticks.
///
/// # Errors
/// The database does not answer.
pub async fn begin(
    server: &Server,
    symbols: BTreeSet<Symbol>,
    lasts: &BTreeMap<Symbol, Last>,
) -> Result<Vec<(Symbol, Tally)>, Refusal> {
    let days = server.reader.days(symbols.into_iter().collect()).await?;
    let (ticks, lasts) = (server.ticks.clone(), lasts.clone());
    let knows_turnover = days.len() <= TURNOVERS_MAX;
    let begun = server.reader.ask(move |_, calendar| {
        let with_trade = days.iter().map(|day| day.symbol);
        let with_trade = with_trade.filter(|symbol| lasts.get(symbol).is_some_and(|last| last.trade.is_some()));
        let mut open_minutes = ticks.open_of_many(&with_trade.collect::<Vec<_>>())?;
        let begin = |day: &DayBars| {
            let until = day.minute.start;
            let date = calendar.date_of(until)?;
            let turnover = if knows_turnover { turnover(&ticks, day.symbol, date, until)? } else { None };
            let (open, volume) = (day.day.open, day.day.volume);
            let committed = Committed { day: date, until, open, volume, turnover };
            let last = lasts.get(&day.symbol).and_then(|last| last.trade);
            // Without a last trade nothing of the open minute was missed.
            let missed = open_minutes.remove(&day.symbol).map(|open| open.ticks.trades().to_vec()).unwrap_or_default();
            let missed = missed.into_iter().filter(|trade| last.is_some_and(|last| trade.id() <= last.id()));
            Ok((day.symbol, Tally::after(Some(committed), &missed.collect::<Vec<_>>())))
        };
        days.iter().map(begin).collect::<Result<Vec<_>, Failure>>()
    });
    begun.await
}

/// The turnover of a day's committed minutes, in hundredths.
fn turnover(ticks: &Ticks, symbol: Symbol, day: NaiveDate, until: UnixSeconds) -> Result<Option<i128>, Failure> {
    let all = TickQuery { order: TimeOrder::Ascending, ..TickQuery::newest(symbol, u16::MAX) };
    let calendar = &ticks.market().calendar;
    let mut query = all.within(Some(calendar.midnight(day)?), Some(Minute::end_of(until).previous()));
    let mut sums = Sums::default();
    for _ in 0..PAGES_MAX {
        let page = ticks.page(&query)?;
        page.ticks.iter().for_each(|trade| sums.add(trade));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(Some(sums.turnover)),
        }
    }
    Ok(None)
}
