//! What a check has looked at and what it has found.

use std::collections::BTreeMap;
use std::fmt;

use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::Hours;

/// The most findings of one stock, and of all, that are kept word for word; the others are counted.
const FINDINGS_OF_ONE_MAX: u64 = 5;
const FINDINGS_MAX: usize = 50;
/// The most stocks whose counts are listed.
const STOCKS_MAX: usize = 50;

/// One thing that is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub symbol: Symbol,
    pub interval: Interval,
    /// Unix seconds.
    pub time: UnixSeconds,
    pub problem: String,
}

/// What was looked at and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Times are shown by the clocks of these hours.
    hours: Hours,
    pub symbols: usize,
    /// 1-minute bars checked.
    pub minutes: u64,
    /// Roll-ups compared with their minutes.
    pub rollups: u64,
    /// Minutes that are written but not rolled up yet, summed over the symbols: lag, not damage.
    pub minutes_not_rolled_up: u64,
    /// 1-minute bars of an earlier version, without turnover and number of trades: no damage.
    pub without_turnover: u64,
    /// What is off in the tables as a whole.
    pub of_tables: Vec<String>,
    /// The first findings.
    pub findings: Vec<Finding>,
    /// How many there were in all.
    pub findings_count: u64,
    /// Bars that are well made and stand where one belongs, but are not those of this market: edited ones, or another seed's.
    pub differing: u64,
    /// How many findings each stock has.
    pub by_symbol: BTreeMap<Symbol, u64>,
}

impl Report {
    /// The report of a market with these hours, before anything is looked at.
    #[must_use]
    pub fn new(hours: Hours) -> Self {
        Self {
            hours,
            symbols: 0,
            minutes: 0,
            rollups: 0,
            minutes_not_rolled_up: 0,
            without_turnover: 0,
            of_tables: Vec::new(),
            findings: Vec::new(),
            findings_count: 0,
            differing: 0,
            by_symbol: BTreeMap::new(),
        }
    }

    /// Whether nothing is off.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings_count == 0
    }

    pub(super) fn note(&mut self, symbol: Symbol, interval: Interval, time: UnixSeconds, problem: impl Into<String>) {
        self.findings_count += 1;
        let of_one = self.by_symbol.entry(symbol).or_default();
        *of_one += 1;
        if *of_one <= FINDINGS_OF_ONE_MAX && self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { symbol, interval, time, problem: problem.into() });
        }
    }

    /// Notes what concerns a stock and none of its bars.
    pub(super) fn note_stock(&mut self, symbol: Symbol, problem: &str) {
        *self.by_symbol.entry(symbol).or_default() += 1;
        self.note_tables(format!("{symbol}: {problem}"));
    }

    /// Notes what concerns no bar.
    pub(super) fn note_tables(&mut self, problem: impl Into<String>) {
        self.findings_count += 1;
        if self.of_tables.len() < FINDINGS_MAX {
            self.of_tables.push(problem.into());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "checked {} 1-minute bars and {} roll-ups of {} symbols",
            self.minutes, self.rollups, self.symbols
        )?;
        if self.minutes_not_rolled_up > 0 {
            writeln!(f, "not rolled up yet: {} minutes", self.minutes_not_rolled_up)?;
        }
        if self.without_turnover > 0 {
            let count = self.without_turnover;
            writeln!(f, "{count} bars have no turnover: `data-aggregator --fill-turnover` computes it")?;
        }
        for problem in &self.of_tables {
            writeln!(f, "  {problem}")?;
        }
        for finding in &self.findings {
            let Finding { symbol, interval, time, problem } = finding;
            writeln!(f, "  {symbol} {interval} {} ({time}): {problem}", self.hours.local_time(*time))?;
        }
        let shown = self.findings.len() + self.of_tables.len();
        if self.findings_count > shown as u64 {
            writeln!(f, "  … and {} more", self.findings_count - shown as u64)?;
            for (symbol, count) in self.by_symbol.iter().take(STOCKS_MAX) {
                writeln!(f, "  {symbol}: {count} problems")?;
            }
            if self.by_symbol.len() > STOCKS_MAX {
                writeln!(f, "  … and {} more stocks", self.by_symbol.len() - STOCKS_MAX)?;
            }
        }
        if self.differing > 0 {
            writeln!(f, "{} bars differ from the market: they were edited, or made with another seed", self.differing)?;
        }
        if self.is_clean() { write!(f, "clean") } else { write!(f, "{} problems", self.findings_count) }
    }
}
