//! What the ticks of stored minutes need to know.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::advance::resume;
use super::{BarSource, JobError, Market};
use crate::store::{BarRange, StoreError, SymbolProgress};
use klined_market::bars::ticks::TickFacts;
use klined_market::base::{Interval, Price, Symbol, UnixSeconds};

/// A symbol on a trading day.
pub type SymbolDay = (Symbol, NaiveDate);

/// What the ticks of a past or present day need to know of some symbols, as [`tick_facts_of_days`].
///
/// # Errors
/// The database fails, or what is stored cannot be used.
pub fn past_tick_facts(
    market: &Market,
    symbols: &BTreeSet<Symbol>,
    day: NaiveDate,
) -> Result<BTreeMap<Symbol, TickFacts>, JobError> {
    let facts = tick_facts_of_days(market, &symbols.iter().map(|symbol| (*symbol, day)).collect())?;
    Ok(facts.into_iter().map(|((symbol, _), facts)| (symbol, facts)).collect())
}

/// What the ticks of some symbols on past or present days need to know; nothing of symbols that were never listed. Board and
/// treatment are those of the symbol's latest trading day. The database is asked twice, whatever the number of symbols.
///
/// # Errors
/// The database fails, or what is stored cannot be used.
pub fn tick_facts_of_days(
    market: &Market,
    wanted: &BTreeSet<SymbolDay>,
) -> Result<BTreeMap<SymbolDay, TickFacts>, JobError> {
    let mut facts = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(facts);
    }
    let mut earlier = Vec::new();
    let BarSource::Model(model) = &market.source else {
        for progress in market.store.progress()? {
            let (symbol, facts_of) = (progress.checkpoint.symbol, progress.checkpoint.opening.parameters.board);
            let days = wanted.range((symbol, NaiveDate::MIN)..=(symbol, NaiveDate::MAX));
            facts.extend(days.map(|wanted| (*wanted, TickFacts::of_board(facts_of))));
        }
        return Ok(facts);
    };
    for progress in market.store.progress()? {
        let (symbol, opened) = (progress.checkpoint.symbol, progress.checkpoint.day);
        let mut days = wanted.range((symbol, NaiveDate::MIN)..=(symbol, NaiveDate::MAX)).peekable();
        if days.peek().is_none() {
            continue;
        }
        let at_open = resume(market, &SymbolProgress { last_bar: None, ..progress })?;
        for &(_, day) in days {
            if opened == day {
                facts.insert((symbol, day), at_open.tick_facts());
            } else {
                earlier.push(((symbol, day), *at_open.instrument()));
            }
        }
    }
    let before = |((symbol, day), _): &(SymbolDay, _)| {
        let to = market.calendar.midnight(*day)?;
        Ok::<_, JobError>(BarRange { symbol: *symbol, interval: Interval::Minute1, from: UnixSeconds::EPOCH, to })
    };
    let ranges = earlier.iter().map(before).collect::<Result<Vec<_>, _>>()?;
    // Before its first bar a stock stands at its base price.
    let mut previous: Vec<Price> = earlier.iter().map(|(_, instrument)| instrument.base_price).collect();
    for row in market.store.last_bars(&ranges, 1)? {
        let bar = row.ohlcv().map_err(|error| StoreError::Corrupt {
            what: format!("the bar of {} at {}", ranges[row.range].symbol, row.time),
            reason: error.to_string(),
        })?;
        previous[row.range] = bar.close();
    }
    for ((wanted, instrument), close) in earlier.iter().zip(previous) {
        facts.insert(*wanted, TickFacts::of_day(model, instrument, wanted.1, close));
    }
    Ok(facts)
}
