//! Turnover and number of trades of 1-minute bars that an earlier version wrote without them.
//!
//! They are decided by the same function as those of new bars. Pages are written one by one, and the database notes each change as
//! repair work, so a run may end at any instant: the next one goes on with the bars that are left.

use std::collections::BTreeMap;

use super::{Aggregator, Folded, PAGE_BARS};
use crate::jobs::{JobError, Stop};
use crate::store::{BarRange, ParametersSince, StoredBar};
use klined_market::bars::ticks::traded_of;
use klined_market::base::{Board, Interval, Seed, Symbol, Traded, UnixSeconds};

/// What a run has filled in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filled {
    /// Bars that have turnover and number of trades now.
    pub bars: u64,
    /// Bars that cannot have them: they are not as a bar must be, lie outside of the days whose parameters are stored, or have a
    /// turnover that is too large.
    pub left: u64,
    /// What was rolled up afterwards.
    pub folded: Folded,
}

impl Aggregator {
    /// Computes turnover and number of trades of all 1-minute bars that lack them, then rolls up what has changed.
    ///
    /// # Errors
    /// The database has no market yet, or fails. What was filled in before stays.
    pub fn fill_turnover(&self, stop: &Stop) -> Result<Filled, JobError> {
        let seed = self.store.identity()?.map(|identity| Seed(identity.seed)).ok_or(JobError::NoMarket)?;
        let mut of_symbols: BTreeMap<Symbol, Vec<ParametersSince>> = BTreeMap::new();
        for since in self.store.parameters()? {
            of_symbols.entry(since.symbol).or_default().push(since);
        }
        let is_asked =
            |symbol: &Symbol| self.lease.shard().holds(*symbol) && self.only.is_none_or(|only| only == *symbol);
        let mut filled = Filled::default();
        for (symbol, since) in of_symbols.iter().filter(|(symbol, _)| is_asked(symbol)) {
            self.fill_symbol(seed, symbol, since, &mut filled, stop)?;
        }
        if !stop.is_asked() {
            filled.folded = self.run(None, stop)?;
        }
        Ok(filled)
    }

    fn fill_symbol(
        &self,
        seed: Seed,
        symbol: &Symbol,
        since: &[ParametersSince],
        filled: &mut Filled,
        stop: &Stop,
    ) -> Result<(), JobError> {
        let mut from = UnixSeconds::MIN;
        while !stop.is_asked() {
            let range = BarRange { symbol: *symbol, interval: Interval::Minute1, from, to: UnixSeconds::MAX };
            let page = self.store.bars(&[range], PAGE_BARS)?;
            let lacking: Vec<&StoredBar> = page.iter().filter(|row| row.lacks_turnover()).collect();
            let traded = |row: &&StoredBar| Some((row.time, self.traded(seed, symbol, since, row)?));
            let found: Vec<(UnixSeconds, Traded)> = lacking.iter().filter_map(|row| traded(row)).collect();
            filled.left += (lacking.len() - found.len()) as u64;
            if !found.is_empty() {
                self.store.fill_turnover(&self.lease, symbol, &found)?;
                filled.bars += found.len() as u64;
            }
            match page.last() {
                Some(last) if page.len() == PAGE_BARS => from = last.time.next(),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn traded(&self, seed: Seed, symbol: &Symbol, since: &[ParametersSince], row: &StoredBar) -> Option<Traded> {
        let bar = row.parse(&self.calendar).ok()?;
        let day = self.calendar.day_of(bar.first);
        let board: Board = since.iter().rev().find(|since| since.first_day <= day)?.parameters.board;
        traded_of(seed, &self.calendar, symbol, board, &bar)
    }
}
