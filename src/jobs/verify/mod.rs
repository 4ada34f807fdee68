//! Verify: what a database holds against the laws it should hold.
//!
//! Every bar is made again from seed, model, listings, parameters and scenarios, and compared. For every listed symbol: each stored
//! 1-minute bar is a bar, stands on a trading minute and is the one that the market makes; none is missing between the symbol's
//! first day and its last minute, halts aside; every roll-up equals the fold of its minutes and none stands alone; state,
//! checkpoint and halts are what the market makes. The tables agree with one another, there are no bars of other symbols, and
//! SQLite finds its file whole. Reads page by page and changes nothing.
//!
//! Of a market whose bars come from an exchange none is made again: only its log has them. All else is compared.
//!
//! The daemons may be running. What they write meanwhile is left out: bars past the last one that `stock_state` named at
//! the beginning, and, where the watermark has moved since, the buckets that were open then.

pub(super) mod cure;
mod expected;
mod folds;
pub(super) mod pages;
pub(super) mod remake;
mod report;
pub(super) mod rows;
mod state;
pub(super) mod walk;

use super::{JobError, Market, Progress, Stop};
use crate::store::Listing;
use klined_market::base::{Symbol, UnixSeconds};
use klined_market::model::ScenarioEvent;

use remake::Remake;
pub use report::{Finding, Report};
use rows::Rows;
use walk::SymbolCheck;

/// The most bars read at once.
const PAGE_BARS: usize = 20_000;

/// How much of the bars is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// The share of the stocks whose bars are remade, above 0 and at most 1; none is all of them. The small tables are compared
    /// for every stock.
    pub share: Option<f64>,
    /// Where among the stocks the sample begins.
    pub place: u64,
}

impl Sample {
    /// Whether it has a stock, by its place among all.
    fn has(self, stock: usize) -> bool {
        let Some(share) = self.share else { return true };
        let every = (1.0 / share).round().max(1.0) as u64;
        (stock as u64).wrapping_add(self.place).is_multiple_of(every)
    }
}

/// Checks a whole database.
///
/// # Errors
/// The database fails; what is off in it is no error but part of the report.
pub fn verify(market: &Market, sample: Sample, progress: &mut dyn Progress, stop: &Stop) -> Result<Report, JobError> {
    let (store, calendar) = (&*market.store, &*market.calendar);
    let mut report = Report::new(market.calendar.hours());
    for fault in store.storage_faults()? {
        report.note_tables(format!("the file is damaged: {fault}"));
    }
    let rows = Rows::read(store)?;
    let market = &with_stored_events(market)?;
    rows.compare(market, &mut report)?;
    let mut retained_from = store.retained_from()?;
    let picked: Vec<(&Symbol, &Vec<Listing>)> =
        rows.listings.iter().enumerate().filter(|(place, _)| sample.has(*place)).map(|(_, row)| row).collect();
    let expected = |(symbol, spans): &(&Symbol, &Vec<Listing>)| {
        let from = spans.first().and_then(|span| calendar.midnight(span.first_day).ok())?;
        Some(calendar.minutes_between(from, rows.states.get(*symbol)?.last_update.next()))
    };
    progress.begin(picked.iter().filter_map(expected).sum());
    for (&symbol, spans) in picked {
        let before = report.clone();
        while !stop.is_asked() {
            let from = retained_from.unwrap_or(UnixSeconds::MIN);
            report.symbols += 1;
            let parameters = rows.parameters.get(&symbol).map(Vec::as_slice).unwrap_or_default();
            let remake = Remake::new(market, symbol, spans, parameters);
            let report = &mut report;
            let (rows, mending, last) = (&rows, None, None);
            SymbolCheck { rows, store, calendar, symbol, remake, from, report, mending, last }.run(spans)?;
            if report.findings_count == before.findings_count {
                break;
            }
            // What was removed under the reader's eyes is not missing.
            let now_from = store.retained_from()?;
            if now_from == retained_from {
                break;
            }
            retained_from = now_from;
            *report = before.clone();
        }
        progress.advance(report.minutes - before.minutes);
    }
    rows.compare_later_bars(market, &mut report)?;
    Ok(report)
}

/// A market with the events of the scenarios that were applied to it.
pub(super) fn with_stored_events(market: &Market) -> Result<Market, JobError> {
    let scenarios = market.store.scenarios()?;
    let events: Vec<ScenarioEvent> = scenarios.into_iter().flat_map(|scenario| scenario.events).collect();
    Ok(Market { source: market.source.clone().with_events(&events), ..market.clone() })
}
