//! The first sums of a ticker when a client subscribes: the committed minutes of its day, and the trades of the open minute so far.

use std::collections::{BTreeMap, BTreeSet};

use super::seconds::{Committed, Tally};
use crate::feed::Last;
use crate::query::DayBars;
use crate::query::errors::{Failure, Refusal};
use crate::serve::server::Server;
use klined_market::base::Symbol;

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
    let begun = server.reader.ask(move |_, calendar| {
        let with_trade = days.iter().map(|day| day.symbol);
        let with_trade = with_trade.filter(|symbol| lasts.get(symbol).is_some_and(|last| last.trade.is_some()));
        let mut open_minutes = ticks.open_of_many(&with_trade.collect::<Vec<_>>())?;
        let begin = |day: &DayBars| {
            let until = day.minute.start;
            let date = calendar.date_of(until)?;
            let (open, volume) = (day.day.open, day.day.volume);
            let turnover = day.day.traded.map(|traded| i128::from(traded.turnover()));
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
