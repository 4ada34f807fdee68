//! The truth behind the bars, for testers: the regime of each minute, and the scenario events that touch it. The truth is not
//! stored. The symbol's days are generated again and compared with the stored bars: the present day from its checkpoint, earlier
//! days from the first listing on.

use chrono::NaiveDate;

use super::errors::{Failure, Refusal};
use crate::jobs::{JobError, Market};
use crate::store::BarRange;
use klined_market::bars::{Bar, SymbolRun};
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::model::{Regime, ScenarioEvent, Scope};

/// The most days of a request.
pub const DAYS_MAX: i64 = 31;

/// Consecutive minutes of one regime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegimeSpan {
    /// Start of the first minute, in Unix seconds.
    pub from: UnixSeconds,
    /// End of the last one.
    pub until: UnixSeconds,
    pub regime: Regime,
}

/// The truth behind some minutes of a symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Whether the generated bars equal the stored ones. They differ where bars were edited, and before the present day also when
    /// the stock's row was edited after its listing. False where an exchange makes the bars, of which there is no truth.
    pub is_exact: bool,
    pub regimes: Vec<RegimeSpan>,
    /// The events that touch the symbol in this time, each with the name of its scenario.
    pub events: Vec<(String, ScenarioEvent)>,
}

/// The truth from one second to another, both included.
pub fn truth(
    market: &Market,
    symbol: Symbol,
    sector: &str,
    from: UnixSeconds,
    until: UnixSeconds,
) -> Result<Truth, Failure> {
    let (store, calendar) = (&market.store, &market.calendar);
    let unknown = || Refusal::UnknownTicker(symbol.to_string());
    let progress = store.progress()?.into_iter().find(|progress| progress.checkpoint.symbol == symbol);
    let progress = progress.ok_or_else(unknown)?;
    let last_bar = progress.last_bar.ok_or_else(unknown)?;
    let scenarios = store.scenarios()?;
    let all: Vec<ScenarioEvent> = scenarios.iter().flat_map(|scenario| scenario.events.iter().cloned()).collect();
    let Ok(model) = market.source.model() else {
        return Ok(Truth { is_exact: false, regimes: Vec::new(), events: Vec::new() });
    };
    let model = model.clone().with_events(&all);
    let parameters = progress.checkpoint.opening.parameters;
    let instrument = parameters.instrument(symbol).map_err(|error| Refusal::Invalid(error.to_string()))?;
    let (first_day, last_day) = (calendar.date_of(from)?, calendar.date_of(until.min(last_bar))?);
    let spans = store.listings()?.into_iter().filter(|span| span.symbol == symbol);
    let days = spans.flat_map(|span| {
        let last = span.last_day.map_or(last_day, |day| day.min(last_day));
        calendar.days(span.first_day, last).to_vec()
    });
    let mut run = None;
    if progress.checkpoint.day <= first_day {
        let opened = SymbolRun::resume(model.clone(), calendar, progress.checkpoint, None).map_err(JobError::from)?;
        run = Some(opened);
    }
    let begins = run.as_ref().map_or(NaiveDate::MIN, SymbolRun::day);
    let mut made: Vec<Bar> = Vec::new();
    let mut regimes: Vec<RegimeSpan> = Vec::new();
    let is_asked = |time: UnixSeconds| from <= time && time <= until && time <= last_bar;
    for day in days.filter(|day| *day >= begins) {
        let run = match run.as_mut() {
            Some(run) => {
                if run.day() != day {
                    run.open_day(instrument, day);
                }
                run
            }
            None => run.insert(SymbolRun::list(model.clone(), instrument, day)),
        };
        let mut bars = Vec::new();
        if day < first_day {
            run.bars_until(calendar, u16::MAX, &mut bars).map_err(|_| unknown())?;
            continue;
        }
        for (index, minute) in (1..=u16::MAX).zip(calendar.minutes_of(day)) {
            run.bars_until(calendar, index, &mut bars).map_err(|_| unknown())?;
            let Some(quote) = run.snapshot(minute).filter(|_| is_asked(minute.start())) else { continue };
            match regimes.last_mut() {
                Some(span) if span.regime == quote.regime => span.until = minute.end(),
                _ => regimes.push(RegimeSpan { from: minute.start(), until: minute.end(), regime: quote.regime }),
            }
        }
        made.extend(bars.into_iter().map(|(_, bar)| bar).filter(|bar| is_asked(bar.first.start())));
    }
    let kept_from = store.retained_from()?.unwrap_or(UnixSeconds::EPOCH);
    made.retain(|bar| bar.first.start() >= kept_from);
    let range = BarRange { symbol, interval: Interval::Minute1, from, to: until.min(last_bar).next() };
    let stored = store.bars(&[range], made.len() + 1)?;
    let is_same = |(stored, made): (&crate::store::StoredBar, &Bar)| {
        stored.time == made.first.start() && stored.is_exactly(made.ohlcv)
    };
    let is_exact = stored.len() == made.len() && stored.iter().zip(&made).all(is_same);
    let touches = |event: &ScenarioEvent| {
        let is_its = match &event.scope {
            Scope::Market => true,
            Scope::Sector(name) => name == sector,
            Scope::Symbol(its) => *its == symbol,
        };
        is_its && event.from <= until && event.until > from
    };
    let named = scenarios.into_iter().flat_map(|scenario| {
        let name = scenario.name;
        scenario.events.into_iter().map(move |event| (name.clone(), event))
    });
    Ok(Truth { is_exact, regimes, events: named.filter(|(_, event)| touches(event)).collect() })
}
