//! Where a stock stands: its state, last price, checkpoint and halts against those that the function makes.

use super::walk::SymbolCheck;
use crate::jobs::JobError;
use crate::store::{PriceRow, StateRow, to_decimals};
use klined_market::bars::{Checkpoint, Halt, SymbolSnapshot};
use klined_market::base::{Interval, Seconds, UnixSeconds};
use klined_market::calendar::Minute;

/// What differs between a state and the one that is made; none when nothing does.
fn difference(state: &StateRow, price: Option<&PriceRow>, made: &SymbolSnapshot) -> Option<&'static str> {
    if state.current_price != made.price.units() {
        return Some("current_price");
    }
    if state.volatility != to_decimals(made.volatility, 1e4) {
        return Some("volatility");
    }
    if state.trend != to_decimals(made.trend.0, 1e4) {
        return Some("trend");
    }
    if state.market_state != made.regime.as_str() {
        return Some("market_state");
    }
    if state.is_halted != made.is_halted {
        return Some("is_halted");
    }
    // The last prices are read after the states, and may be ahead of them by then.
    let price = price.filter(|row| row.last_update == state.last_update)?;
    if price.volume.is_some_and(|volume| volume != made.day_volume) {
        return Some("volume in stock_realtime_price");
    }
    let change = to_decimals(made.change_percent, 1e3).clamp(-999.999, 999.999);
    if price.change_percent.is_some_and(|stored| stored != change) {
        return Some("change_percent in stock_realtime_price");
    }
    None
}

/// The rows of a stock's present as the function makes them.
#[derive(Debug, Clone)]
pub(in crate::jobs) struct Present {
    pub snapshot: SymbolSnapshot,
    pub checkpoint: Checkpoint,
    /// Every halt that has begun.
    pub halts: Vec<Halt>,
}

impl SymbolCheck<'_> {
    /// Compares what is stored of the stock's present.
    pub(super) fn compare_state(&mut self) -> Result<(), JobError> {
        let rows = self.rows;
        let state = rows.states.get(&self.symbol);
        let last_bar = match (&self.mending, state) {
            (Some(_), _) => self.last.map(|(time, _)| time),
            (None, state) => state.map(|state| state.last_update),
        };
        let Some(last_bar) = last_bar else { return Ok(()) };
        let Ok(last) = self.calendar.minute_starting(last_bar) else {
            self.note(Interval::Minute1, last_bar, "stock_state's last_update is no trading minute");
            return Ok(());
        };
        let price = rows.prices.get(&self.symbol);
        let mut found = None;
        // While trade is halted, the state goes on with the market, and its last bar does not.
        for after in self.halted_after(last) {
            let (Some(state), Some(made)) = (state, self.remake.snapshot_after(after)?) else { break };
            if made.last_bar != state.last_update {
                break;
            }
            found = difference(state, price, &made);
            if found.is_none() {
                break;
            }
        }
        if let Some(column) = found {
            self.note(Interval::Minute1, last_bar, format!("{column} is not what the market makes"));
        }
        let present = self.mending.as_ref().and_then(|mending| mending.present);
        let reached = present.map_or(last_bar, |present| present - Seconds::MINUTE);
        self.compare_halts(rows.halts_of(self.symbol), reached);
        self.compare_checkpoint(last)
    }

    /// The stock's present after the walk; none before its first bar.
    pub(in crate::jobs) fn present(&mut self) -> Result<Option<Present>, JobError> {
        let Some((time, _)) = self.last else { return Ok(None) };
        let last = self.calendar.minute_starting(time)?;
        let after = self.halted_after(last).pop().unwrap_or(last);
        let Some(snapshot) = self.remake.snapshot_after(after)? else { return Ok(None) };
        let Some(checkpoint) = self.remake.checkpoint_of(self.calendar.day_of(after)) else { return Ok(None) };
        let halts = self.remake.halts_until(after.start()).copied().collect();
        Ok(Some(Present { snapshot, checkpoint, halts }))
    }

    /// A minute, and those after it up to the market's present that make no bar.
    fn halted_after(&mut self, last: Minute) -> Vec<Minute> {
        if let Some(present) = self.mending.as_ref().and_then(|mending| mending.present) {
            return std::iter::once(last).chain(self.calendar.minutes_in(last.end(), present)).collect();
        }
        let present = self.rows.status.map_or(last.end(), |status| status.last_update.max(last.end()));
        let halts = self.rows.halts_of(self.symbol);
        let is_halted = |minute: &Minute| halts.iter().any(|halt| halt.holds(minute.start()));
        let rest = self.calendar.minutes_in(last.end(), present.max(halted_until(halts))).take_while(is_halted);
        std::iter::once(last).chain(rest).collect()
    }

    fn compare_halts(&mut self, stored: &[Halt], until: UnixSeconds) {
        let made: Vec<Halt> = self.remake.halts_until(until).copied().collect();
        for halt in stored.iter().filter(|halt| halt.from <= until && !made.contains(halt)) {
            self.note(Interval::Minute1, halt.from, "stock_halt has a halt that no scenario makes");
        }
        for halt in made.iter().filter(|halt| !stored.contains(halt)) {
            self.note(Interval::Minute1, halt.from, "stock_halt lacks a halt that a scenario makes");
        }
    }

    fn compare_checkpoint(&mut self, last: Minute) -> Result<(), JobError> {
        let Some(row) = self.rows.checkpoints.get(&self.symbol) else { return Ok(()) };
        let stored = &row.checkpoint;
        if !self.remake.has_model() {
            let is_last_day = stored.day == self.calendar.day_of(last);
            if !is_last_day && row.last_bar == Some(last.start()) {
                let words = format!("model_checkpoint is of {}, not of the last bar's day", stored.day);
                self.note(Interval::Minute1, last.start(), words);
            }
            return Ok(());
        }
        let made = if self.mending.is_some() {
            self.present()?.map(|present| present.checkpoint)
        } else if row.last_bar.is_some_and(|newest| newest != last.start()) {
            // A day that has begun since the states were read is left out: its parameters may have been read too early.
            return Ok(());
        } else {
            self.remake.checkpoint_of(stored.day)
        };
        if made.as_ref().is_none_or(|made| made != stored) {
            let what = if made.is_some() { "is not what the market makes" } else { "is of a day without trade in it" };
            self.note(Interval::Minute1, last.start(), format!("model_checkpoint of {} {what}", stored.day));
        }
        Ok(())
    }
}

/// The end of the last of a stock's known halts: a backfill that was interrupted is ahead of the market's status.
fn halted_until(halts: &[Halt]) -> UnixSeconds {
    halts.iter().map(|halt| halt.until).max().unwrap_or(UnixSeconds::MIN)
}
