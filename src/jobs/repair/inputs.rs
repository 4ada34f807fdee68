//! What a stock's bars are made from: its listings and parameters. Where they are lost or do not explain the stored bars, they are
//! found again among what else the database says of the stock, and accepted only when they make the bars that are stored.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::jobs::verify::pages::Pages;
use crate::jobs::verify::remake::{Made, Remake};
use crate::jobs::verify::rows::Rows;
use crate::jobs::{JobError, Market};
use crate::store::{Listing, ParametersSince};
use klined_market::base::instrument::InstrumentParameters;
use klined_market::base::{Interval, Symbol, UnixSeconds};

/// The inputs of one stock.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inputs {
    pub spans: Vec<Listing>,
    pub parameters: Vec<ParametersSince>,
}

/// How well inputs explain the stored bars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Fit {
    /// Stored bars.
    stored: u64,
    /// Those of them that the inputs make.
    equal: u64,
    /// Bars that the inputs make and that are not stored.
    missing: u64,
}

impl Fit {
    fn score(self) -> i64 {
        self.equal.cast_signed() - self.missing.cast_signed()
    }

    /// Whether most of the stored bars are explained.
    fn is_good(self) -> bool {
        2 * self.equal >= self.stored
    }
}

impl Inputs {
    /// Those that are stored.
    pub fn stored(rows: &Rows, symbol: Symbol) -> Self {
        Self {
            spans: rows.listings.get(&symbol).cloned().unwrap_or_default(),
            parameters: rows.parameters.get(&symbol).cloned().unwrap_or_default(),
        }
    }

    /// Whether every listed day has valid parameters.
    pub fn are_complete(&self, symbol: Symbol) -> bool {
        let first_day = self.spans.first().map(|span| span.first_day);
        let since = self.parameters.first().map(|since| since.first_day);
        first_day.zip(since).is_some_and(|(first_day, since)| since <= first_day)
            && self.parameters.iter().all(|since| since.parameters.instrument(symbol).is_ok())
    }
}

/// Finds the inputs that explain a stock's stored bars up to `end`; none when nothing that the database says does. The stored ones
/// are kept unless others explain more.
pub(super) fn find(
    market: &Market,
    rows: &Rows,
    symbol: Symbol,
    end: UnixSeconds,
    from: UnixSeconds,
) -> Result<Option<Inputs>, JobError> {
    let stored = Inputs::stored(rows, symbol);
    let mut best: Option<(Inputs, Fit)> = None;
    for candidate in candidates(market, rows, &stored, symbol, end, from)? {
        let fit = fit(market, symbol, &candidate, end, from)?;
        if best.as_ref().is_none_or(|(_, so_far)| fit.score() > so_far.score()) {
            best = Some((candidate, fit));
        }
    }
    Ok(match best {
        Some((inputs, fit)) if fit.is_good() => Some(inputs),
        _ => Some(stored).filter(|stored| stored.are_complete(symbol)),
    })
}

/// Everything that may have been a stock's inputs, the stored ones first.
fn candidates(
    market: &Market,
    rows: &Rows,
    stored: &Inputs,
    symbol: Symbol,
    end: UnixSeconds,
    from: UnixSeconds,
) -> Result<Vec<Inputs>, JobError> {
    let checkpoint = rows.checkpoints.get(&symbol).map(|row| &row.checkpoint);
    let first_bar = Pages::between(&*market.store, symbol, Interval::Minute1, from, UnixSeconds::MAX).next()?;
    let first_bar_day = first_bar.and_then(|row| market.calendar.date_of(row.time).ok());
    let first_days = [
        stored.parameters.first().map(|since| since.first_day),
        first_bar_day,
        checkpoint.map(|checkpoint| checkpoint.day).filter(|_| first_bar_day.is_none()),
    ];
    let first_days: BTreeSet<NaiveDate> = first_days.into_iter().flatten().collect();
    let mut spans: Vec<Vec<Listing>> =
        Some(stored.spans.clone()).filter(|spans| !spans.is_empty()).into_iter().collect();
    // A stock whose bars end before the market's present has left it.
    let state_end = rows.states.get(&symbol).map(|state| state.last_update).filter(|&last| last < end);
    let last_day = state_end.and_then(|last| market.calendar.date_of(last).ok());
    for first_day in first_days {
        for last_day in [None, last_day] {
            spans.push(vec![Listing { symbol, first_day, last_day }]);
        }
    }
    let metadata = market.store.universe()?.into_iter().find(|row| row.symbol == symbol.as_str());
    let metadata =
        metadata.and_then(|row| row.instrument().ok()).map(|instrument| InstrumentParameters::of(&instrument));
    let single = [checkpoint.map(|checkpoint| checkpoint.opening.parameters), metadata];
    let later = stored.parameters.iter().map(|since| since.parameters);
    let mut all = Vec::new();
    for spans in spans {
        let Some(first_day) = spans.first().map(|span| span.first_day) else { continue };
        let mut add = |parameters: Vec<ParametersSince>| {
            let inputs = Inputs { spans: spans.clone(), parameters };
            if inputs.are_complete(symbol) && !all.contains(&inputs) {
                all.push(inputs);
            }
        };
        add(stored.parameters.clone());
        for parameters in single.into_iter().flatten().chain(later.clone()) {
            let first = ParametersSince { symbol, first_day, parameters };
            let rest =
                stored.parameters.iter().filter(|since| since.first_day > first_day && since.parameters != parameters);
            add(std::iter::once(first).chain(rest.copied()).collect());
        }
    }
    Ok(all)
}

/// Compares the bars that inputs make with the stored ones.
fn fit(market: &Market, symbol: Symbol, inputs: &Inputs, end: UnixSeconds, from: UnixSeconds) -> Result<Fit, JobError> {
    let calendar = &market.calendar;
    let mut remake = Remake::new(market, symbol, &inputs.spans, &inputs.parameters);
    let mut fit = Fit::default();
    let mut stored = Pages::between(&*market.store, symbol, Interval::Minute1, from, UnixSeconds::MAX);
    let mut ahead = stored.next()?;
    let last_known = calendar.date_of(end)?;
    for span in &inputs.spans {
        for &day in calendar.days(span.first_day, span.last_day.unwrap_or(last_known)) {
            for minute in calendar.minutes_of(day).filter(|minute| minute.start() >= from && minute.start() <= end) {
                let Made::Bar(made) = remake.made_at(minute)? else { continue };
                while let Some(row) = ahead.filter(|row| row.time < minute.start()) {
                    fit.stored += u64::from(row.time <= end);
                    ahead = stored.next()?;
                }
                match ahead.filter(|row| row.time == minute.start()) {
                    Some(row) if row.is_exactly(made.ohlcv) => fit.equal += 1,
                    Some(_) => {}
                    None => fit.missing += 1,
                }
            }
        }
    }
    while let Some(row) = ahead {
        fit.stored += u64::from(row.time <= end);
        ahead = stored.next()?;
    }
    Ok(fit)
}
