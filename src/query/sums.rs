//! Bars of any timeframe: stored ones as they are, and exact sums of stored ones.

use super::errors::Failure;
use super::shown::ShownBar;
use crate::store::{BarRange, BarStore, StoredBar};
use klined_market::base::{Symbol, Timeframe, UnixSeconds};
use klined_market::calendar::Calendar;

/// The most stored bars that one page is summed from. A page that needs more ends early.
const PARTS_MOST: usize = 500_000;
/// The most stored bars that are in memory at once.
const PARTS_AT_ONCE: usize = 16_384;

/// The most bars of a timeframe that one page can surely read, those at its edges included.
pub(super) fn bars_most(timeframe: Timeframe) -> u16 {
    u16::try_from(PARTS_MOST / usize::from(timeframe.parts().1)).unwrap_or(u16::MAX).saturating_sub(3)
}

/// Where bars are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct BarSpan {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    /// The first start of a bar, included.
    pub from: UnixSeconds,
    /// The last start, excluded.
    pub to: UnixSeconds,
    /// Whether the last bars are wanted, and not the first ones.
    pub is_from_end: bool,
    /// Whether bars without volume are left out.
    pub is_traded: bool,
}

/// What was found, in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FoundBars {
    pub bars: Vec<ShownBar>,
    /// The start of the last bar that was looked at, where the reading ended early and others may follow.
    pub ended_at: Option<UnixSeconds>,
}

impl BarSpan {
    /// At most so many bars of the span: the first or the last ones.
    pub fn read(&self, store: &dyn BarStore, calendar: &Calendar, count: usize) -> Result<FoundBars, Failure> {
        if self.timeframe.stored().is_none() {
            return self.sums(store, calendar, count);
        }
        let found = self.stored(store, (self.from, self.to), self.is_traded, count)?;
        Ok(FoundBars { bars: found.into_iter().map(ShownBar::from).collect(), ended_at: None })
    }

    fn stored(
        &self,
        store: &dyn BarStore,
        (from, to): (UnixSeconds, UnixSeconds),
        is_traded: bool,
        count: usize,
    ) -> Result<Vec<StoredBar>, Failure> {
        let ranges = [BarRange { symbol: self.symbol, interval: self.timeframe.parts().0, from, to }];
        Ok(match (self.is_from_end, is_traded) {
            (true, false) => store.last_bars(&ranges, count)?,
            (false, false) => store.bars(&ranges, count)?,
            (true, true) => store.last_traded_bars(&ranges, count)?,
            (false, true) => store.traded_bars(&ranges, count)?,
        })
    }

    /// The starts of the stored bars that can be part of a bar of the span: the first included, the last excluded. None where no
    /// bar begins in the span.
    fn parts(&self, store: &dyn BarStore, calendar: &Calendar) -> Result<Option<(UnixSeconds, UnixSeconds)>, Failure> {
        // A bar whose first parts are not kept any more would be a part of the sum.
        let from = store.retained_from()?.map_or(self.from, |kept_from| kept_from.max(self.from));
        let Some(first) = calendar.minutes_in(from, UnixSeconds::MAX).next() else { return Ok(None) };
        let bucket = calendar.bucket(first, self.timeframe);
        let first =
            if bucket.first.start() < from { calendar.next_minute(bucket.last).ok() } else { Some(bucket.first) };
        let Some(first) = first.map(|minute| minute.start()).filter(|first| *first < self.to) else { return Ok(None) };
        let last = calendar.last_starting_before(self.to).ok().flatten();
        let end = last.map_or(self.to, |last| calendar.bucket(last, self.timeframe).last.end());
        Ok(Some((first, end)))
    }

    /// Sums of stored bars, read in pieces. A bucket on the edge of a piece is left to the next one.
    fn sums(&self, store: &dyn BarStore, calendar: &Calendar, count: usize) -> Result<FoundBars, Failure> {
        let Some((mut from, mut to)) = self.parts(store, calendar)? else { return Ok(FoundBars::default()) };
        let of_bar = usize::from(self.timeframe.parts().1);
        let (mut found, mut left) = (Vec::new(), PARTS_MOST);
        let mut ended_at = None;
        while found.len() < count {
            // More than one bar has, so every piece holds a whole one.
            let most = (count - found.len() + 1).saturating_mul(of_bar).min(PARTS_AT_ONCE).max(of_bar + 1);
            if left < most {
                ended_at = Some(if self.is_from_end { to } else { from.previous() });
                break;
            }
            let parts = self.stored(store, (from, to), false, most)?;
            let has_all = parts.len() < most;
            left -= parts.len();
            let mut piece = self.folded(calendar, &parts);
            match (has_all, self.is_from_end) {
                (true, _) => {}
                (false, true) if piece.len() > 1 => {
                    piece.remove(0);
                    to = piece.first().map_or(to, |bar| bar.start);
                }
                (false, false) if piece.len() > 1 => from = piece.pop().map_or(from, |bar| bar.start),
                // Nothing but rows that are no bars of the market, which only an operator can have written.
                (false, true) => to = parts.first().map_or(from, |part| part.time),
                (false, false) => from = parts.last().map_or(to, |part| part.time.next()),
            }
            piece.retain(|bar| !self.is_traded || bar.volume > 0);
            match self.is_from_end {
                true => drop(found.splice(0..0, piece)),
                false => found.extend(piece),
            }
            if has_all {
                break;
            }
        }
        match self.is_from_end {
            true => drop(found.drain(..found.len().saturating_sub(count))),
            false => found.truncate(count),
        }
        Ok(FoundBars { bars: found, ended_at })
    }

    /// The sums of stored bars that are in order of time.
    fn folded(&self, calendar: &Calendar, parts: &[StoredBar]) -> Vec<ShownBar> {
        let mut bars: Vec<ShownBar> = Vec::new();
        let mut until = UnixSeconds::EPOCH;
        for part in parts.iter().filter(|part| part.is_priced()) {
            let Ok(minute) = calendar.minute_starting(part.time) else { continue };
            match bars.last_mut() {
                Some(sum) if part.time < until => *sum = sum.then(&ShownBar::from(*part)),
                _ => {
                    let bucket = calendar.bucket(minute, self.timeframe);
                    until = bucket.last.end();
                    bars.push(ShownBar { start: bucket.first.start(), ..ShownBar::from(*part) });
                }
            }
        }
        bars
    }
}
