//! Where a stock stands: its state, last price, checkpoint and halts against those that the function makes.

use super::SymbolCheck;
use crate::jobs::JobError;
use crate::store::{PriceRow, StateRow, to_decimals};
use klined_market::bars::{Halt, SymbolSnapshot};
use klined_market::base::{Interval, UnixSeconds};
use klined_market::calendar::{MINUTES_PER_DAY, Minute};

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

impl SymbolCheck<'_> {
    /// Compares what is stored of the stock's present.
    pub(super) fn compare_state(&mut self, halts: &[Halt]) -> Result<(), JobError> {
        let rows = self.rows;
        let Some(state) = rows.states.get(&self.symbol) else { return Ok(()) };
        let Ok(last) = self.calendar.minute_starting(state.last_update) else {
            self.note(Interval::Minute1, state.last_update, "stock_state's last_update is no trading minute");
            return Ok(());
        };
        let price = rows.prices.get(&self.symbol);
        let mut found = None;
        // While trade is halted, the state goes on with the market, and its last bar does not.
        for after in self.halted_after(last) {
            let Some(made) = self.remake.snapshot_after(after)? else { break };
            if made.last_bar != state.last_update {
                break;
            }
            found = difference(state, price, &made);
            if found.is_none() {
                break;
            }
        }
        if let Some(column) = found {
            self.note(Interval::Minute1, state.last_update, format!("{column} is not what the market makes"));
        }
        self.compare_halts(halts, state.last_update);
        self.compare_checkpoint(last);
        Ok(())
    }

    /// A minute, and those of its day after it that make no bar.
    fn halted_after(&self, last: Minute) -> Vec<Minute> {
        let day = self.calendar.day_of(last);
        let from = usize::from(self.calendar.index_in_day(last));
        let rest = self.calendar.minutes_of(day).skip(from).take(usize::from(MINUTES_PER_DAY));
        let halts = self.rows.halts.get(&self.symbol).map(Vec::as_slice).unwrap_or_default();
        rest.take_while(|&minute| minute == last || halts.iter().any(|halt| halt.holds(minute.start()))).collect()
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

    fn compare_checkpoint(&mut self, last: Minute) {
        let Some(row) = self.rows.checkpoints.get(&self.symbol) else { return };
        let stored = row.checkpoint.clone();
        // A day that has begun since the states were read is left out: its parameters may have been read too early.
        if row.last_bar.is_some_and(|newest| newest != last.start()) {
            return;
        }
        let made = self.remake.checkpoint_of(stored.day);
        if made.as_ref().is_none_or(|made| *made != stored) {
            let what = if made.is_some() { "is not what the market makes" } else { "is of a day without trade in it" };
            self.note(Interval::Minute1, last.start(), format!("model_checkpoint of {} {what}", stored.day));
        }
    }
}
