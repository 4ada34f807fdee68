//! One wanted symbol in the open minute: what is foreseen of it and how much of that has been told.

use super::Last;
use super::round::{Closed, Event};
use crate::jobs::Foreseen;
use klined_market::bars::Bar;
use klined_market::bars::ticks::MinuteTicks;
use klined_market::base::{Seed, Symbol, UnixNanos};
use klined_market::calendar::Minute;

/// A wanted symbol.
#[derive(Debug, Default)]
pub(super) struct Stock {
    /// The open minute, as soon as it is foreseen; none while trade is halted.
    open: Option<Open>,
    /// Whether a halt has been told; none as long as nothing was.
    is_halted: Option<bool>,
    /// Whether it has begun the open minute.
    has_begun: bool,
    /// The minute whose bar has not come though the market's clock has gone on. Until it comes nothing later is told.
    awaited: Option<Minute>,
}

/// What is foreseen of the open minute.
#[derive(Debug)]
struct Open {
    bar: Bar,
    ticks: MinuteTicks,
    /// Ticks up to here have been told, or were over before anybody wanted them.
    told_until: UnixNanos,
    /// When the next one is due; none when all are told.
    next_at: Option<UnixNanos>,
    /// Whether a tick of this minute was told.
    has_told: bool,
}

impl Stock {
    /// Begins the open minute. Ticks up to `over` are not told. Gives the halt or resumption that this is.
    ///
    /// Whoever waits for a bar must not begin another minute.
    pub fn begin(&mut self, seed: Seed, symbol: &Symbol, foreseen: Option<Foreseen>, over: UnixNanos) -> Option<Event> {
        self.has_begun = true;
        self.open = foreseen.and_then(|foreseen| {
            let bar = foreseen.bar?;
            let ticks = MinuteTicks::of(seed, symbol, &foreseen.facts, &bar);
            let next_at = ticks.after(over).next().map(|tick| tick.at());
            Some(Open { bar, ticks, told_until: over, next_at, has_told: false })
        });
        let is_halted = foreseen?.bar.is_none();
        let before = self.is_halted.replace(is_halted);
        (before.unwrap_or(false) != is_halted).then_some(Event::Halt { is_halted })
    }

    /// Nothing is foreseen any more, and nothing waited for.
    pub fn forget(&mut self) {
        (self.open, self.has_begun, self.awaited) = (None, false, None);
    }

    /// Whether it has to begin the open minute.
    pub fn is_to_begin(&self) -> bool {
        !self.has_begun && self.awaited.is_none()
    }

    /// Whether a bar of the open minute is foreseen.
    pub fn is_foreseen(&self) -> bool {
        self.open.is_some()
    }

    /// The minute whose bar it waits for.
    pub fn awaited(&self) -> Option<Minute> {
        self.awaited
    }

    /// The minute is over and its bar has not come: tells the rest of its ticks, and waits.
    pub fn wait(&mut self, minute: Minute, events: &mut Vec<Event>) {
        self.tell(UnixNanos::MAX, events);
        self.awaited = Some(minute);
    }

    /// Whether something is due.
    pub fn is_due(&self, now: UnixNanos) -> bool {
        self.open.as_ref().and_then(|open| open.next_at).is_some_and(|next_at| next_at <= now)
    }

    /// Tells the ticks up to an instant.
    pub fn tell(&mut self, now: UnixNanos, events: &mut Vec<Event>) {
        let Some(open) = self.open.as_mut().filter(|open| open.told_until < now) else { return };
        let before = events.len();
        let mut ticks = open.ticks.after(open.told_until).peekable();
        while let Some(tick) = ticks.next_if(|tick| tick.at() <= now) {
            events.push(tick.into());
        }
        open.next_at = ticks.peek().map(|tick| tick.at());
        open.told_until = now;
        open.has_told |= events.len() > before;
    }

    /// The last ticks at an instant of the open minute.
    pub fn last(&self, now: UnixNanos) -> Last {
        self.open.as_ref().map_or_else(Last::default, |open| Last::at(&open.ticks, now))
    }

    /// Whether the ticks of a committed bar have to be made to tell its minute.
    pub fn needs_ticks_of(&self, committed: &Bar) -> bool {
        self.open.as_ref().is_none_or(|open| open.bar != *committed)
    }

    /// The open minute is over, and this is what was committed of it: tells the rest of it and its bar. Whether that was what
    /// had been foreseen; what was never foreseen cannot be otherwise.
    pub fn end(
        &mut self,
        committed: Option<Bar>,
        ticks_of: impl FnOnce(&Bar) -> MinuteTicks,
        events: &mut Vec<Event>,
    ) -> bool {
        let as_foreseen = self.open.as_ref().is_none_or(|open| committed == Some(open.bar));
        let is_corrected = !as_foreseen && self.open.as_ref().is_some_and(|open| open.has_told);
        let made = committed.filter(|bar| self.needs_ticks_of(bar)).map(|bar| ticks_of(&bar));
        if as_foreseen {
            self.tell(UnixNanos::MAX, events);
        }
        if let Some(ticks) = made.as_ref().filter(|_| !is_corrected) {
            events.extend(ticks.after(UnixNanos::MIN).map(Event::from));
        }
        if let (Some(bar), Some(ticks)) = (committed, made.as_ref().or(self.open.as_ref().map(|open| &open.ticks))) {
            let (trades, turnover_ticks) = (ticks.trades().len(), ticks.turnover_ticks());
            events.push(Event::Bar(Closed { bar, trades, turnover_ticks, is_corrected }));
        }
        self.forget();
        as_foreseen
    }
}
