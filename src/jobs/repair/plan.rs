//! What a repair will change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::inputs::Inputs;
use crate::jobs::JobError;
use crate::jobs::verify::Report;
use crate::jobs::verify::cure::{Cure, Cures};
use crate::store::{Identity, MarketStatus};
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::Hours;

/// The most stocks that a line names.
const NAMES_MAX: usize = 20;

/// How many bars a repair changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Lost 1-minute bars that are written again.
    pub put: u64,
    /// 1-minute bars that get the market's numbers.
    pub replaced: u64,
    /// 1-minute bars that are removed.
    pub removed: u64,
    /// Stocks with roll-ups that are wrong, missing or surplus.
    pub rolled: BTreeSet<Symbol>,
}

impl Cures for Changes {
    fn add(&mut self, symbol: Symbol, cure: Cure) -> Result<(), JobError> {
        match cure {
            Cure::Put(_) => self.put += 1,
            Cure::Replace(_) => self.replaced += 1,
            Cure::Remove(Interval::Minute1, _) => self.removed += 1,
            Cure::Remove(..) | Cure::Fold(_) => drop(self.rolled.insert(symbol)),
        }
        Ok(())
    }
}

/// Where a stock is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// The last minute that has passed for it, in Unix seconds.
    pub end: UnixSeconds,
    /// The market's present, when the stock is to be there.
    pub present: Option<UnixSeconds>,
}

/// What a repair will change.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Everything that is off, as verify describes it.
    pub report: Report,
    /// Changes of bars.
    pub changes: Changes,
    /// Texts that stand as symbols and are no stocks of the market: all of their rows are removed.
    pub strangers: Vec<String>,
    /// What cannot be put right, and why.
    pub beyond: Vec<String>,
    /// The stocks with something off, and where they are to end.
    pub(super) stocks: BTreeMap<Symbol, Target>,
    /// How many 1-minute bars they have.
    pub(super) minutes: BTreeMap<Symbol, u64>,
    /// Listings and parameters that were found again.
    pub(super) inputs: BTreeMap<Symbol, Inputs>,
    /// Last prices without a state.
    pub(super) prices: Vec<Symbol>,
    pub(super) identity: Option<Identity>,
    pub(super) status: Option<MarketStatus>,
    /// Whether the row of `market_clock` is removed; a generator writes it again.
    pub(super) removes_clock: bool,
}

impl Plan {
    /// An empty plan for a market with these hours.
    pub(super) fn new(hours: Hours) -> Self {
        Self {
            report: Report::new(hours),
            changes: Changes::default(),
            strangers: Vec::new(),
            beyond: Vec::new(),
            stocks: BTreeMap::new(),
            minutes: BTreeMap::new(),
            inputs: BTreeMap::new(),
            prices: Vec::new(),
            identity: None,
            status: None,
            removes_clock: false,
        }
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stocks.is_empty()
            && self.strangers.is_empty()
            && self.prices.is_empty()
            && self.identity.is_none()
            && self.status.is_none()
            && !self.removes_clock
            && self.report.minutes_not_rolled_up == 0
    }
}

fn names<'a>(symbols: impl ExactSizeIterator<Item = &'a Symbol>) -> String {
    let count = symbols.len();
    let shown = symbols.take(NAMES_MAX).map(Symbol::as_str).collect::<Vec<_>>().join(" ");
    if count > NAMES_MAX { format!("{shown} and {} more", count - NAMES_MAX) } else { shown }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.report)?;
        if self.is_empty() {
            write!(f, "there is nothing to repair")?;
        } else {
            write!(f, "the repair will change:")?;
        }
        let Changes { put, replaced, removed, rolled } = &self.changes;
        for (count, what) in [
            (put, "lost 1-minute bars are written again"),
            (replaced, "1-minute bars get the numbers that the market makes"),
            (removed, "1-minute bars are removed, where the market has none"),
        ] {
            if *count > 0 {
                write!(f, "\n  {count} {what}")?;
            }
        }
        if !rolled.is_empty() {
            write!(f, "\n  roll-ups are made again from the first wrong one on, of {}", names(rolled.iter()))?;
        }
        if self.report.minutes_not_rolled_up > 0 {
            write!(f, "\n  {} minutes are rolled up", self.report.minutes_not_rolled_up)?;
        }
        if !self.stocks.is_empty() {
            let stocks = names(self.stocks.keys());
            write!(f, "\n  state, last price, checkpoint and halts are made again, of {stocks}")?;
        }
        for (symbol, inputs) in &self.inputs {
            write!(f, "\n  {symbol} gets its rows of stock_listing and stock_parameters again: listed")?;
            for span in &inputs.spans {
                write!(f, " from {}", span.first_day)?;
                span.last_day.map_or(Ok(()), |last_day| write!(f, " to {last_day}"))?;
            }
        }
        for name in &self.strangers {
            write!(f, "\n  all rows of {name:?} are removed, which is no stock of this market")?;
        }
        if !self.prices.is_empty() {
            write!(f, "\n  last prices without a state are removed, of {}", names(self.prices.iter()))?;
        }
        if let Some(Identity { seed, model, hours }) = &self.identity {
            write!(f, "\n  market_identity becomes seed {seed}, model {model}, calendar {hours}")?;
        }
        if self.status.is_some() {
            write!(f, "\n  market_status is made again")?;
        }
        if self.removes_clock {
            write!(f, "\n  the row of market_clock is removed; a generator writes it again")?;
        }
        for reason in &self.beyond {
            write!(f, "\n  cannot be repaired: {reason}")?;
        }
        Ok(())
    }
}
