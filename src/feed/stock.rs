//! One symbol in the open minute: what is foreseen of it, and which part of that has been sent.

use super::Last;
use super::update::{Closed, Event};
use crate::jobs::Foreseen;
use klined_market::bars::Bar;
use klined_market::bars::ticks::MinuteTicks;
use klined_market::base::{Seed, Symbol, UnixNanos};
use klined_market::calendar::Minute;

/// A symbol with subscribers.
#[derive(Debug, Default)]
pub(super) struct Stock {
    /// The open minute, as soon as it is foreseen; none while trade is halted.
    open: Option<Open>,
    /// Whether the last event sent was a halt or a resumption; none before the first minute.
    is_halted: Option<bool>,
    /// Whether the symbol has begun the open minute.
    has_begun: bool,
    /// The minute whose bar is still missing although the market's clock has gone on. Nothing later is sent before that bar.
    awaited: Option<Minute>,
}

/// What is foreseen of the open minute.
#[derive(Debug)]
struct Open {
    bar: Bar,
    ticks: MinuteTicks,
    /// Ticks up to this instant have been sent, or happened before the first subscription.
    sent_until: UnixNanos,
    /// The instant of the next tick; none when all are sent.
    next_at: Option<UnixNanos>,
    /// Whether a tick of this minute was sent.
    has_sent: bool,
}

impl Stock {
    /// Begins the open minute. Ticks up to `over` are not sent. Returns the event when trading halts or resumes with this minute.
    ///
    /// A symbol that waits for a bar must not begin another minute.
    pub fn begin(&mut self, seed: Seed, symbol: &Symbol, foreseen: Option<Foreseen>, over: UnixNanos) -> Option<Event> {
        self.has_begun = true;
        self.open = foreseen.and_then(|foreseen| {
            let bar = foreseen.bar?;
            let ticks = MinuteTicks::of(seed, symbol, &foreseen.facts, &bar);
            let next_at = ticks.after(over).next().map(|tick| tick.at());
            Some(Open { bar, ticks, sent_until: over, next_at, has_sent: false })
        });
        let is_halted = foreseen?.bar.is_none();
        let before = self.is_halted.replace(is_halted);
        (before.unwrap_or(false) != is_halted).then_some(Event::Halt { is_halted })
    }

    /// Drops the foreseen minute and the wait for a bar.
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

    /// Ends a minute whose bar is still missing: sends the rest of its ticks, and waits for the bar.
    pub fn wait(&mut self, minute: Minute, events: &mut Vec<Event>) {
        self.send_until(UnixNanos::MAX, events);
        self.awaited = Some(minute);
    }

    /// Whether a tick is due.
    pub fn is_due(&self, now: UnixNanos) -> bool {
        self.open.as_ref().and_then(|open| open.next_at).is_some_and(|next_at| next_at <= now)
    }

    /// Sends the ticks up to an instant.
    pub fn send_until(&mut self, now: UnixNanos, events: &mut Vec<Event>) {
        let Some(open) = self.open.as_mut().filter(|open| open.sent_until < now) else { return };
        let before = events.len();
        let mut ticks = open.ticks.after(open.sent_until).peekable();
        while let Some(tick) = ticks.next_if(|tick| tick.at() <= now) {
            events.push(tick.into());
        }
        open.next_at = ticks.peek().map(|tick| tick.at());
        open.sent_until = now;
        open.has_sent |= events.len() > before;
    }

    /// The last ticks at an instant of the open minute.
    pub fn last(&self, now: UnixNanos) -> Last {
        self.open.as_ref().map_or_else(Last::default, |open| Last::at(&open.ticks, now))
    }

    /// Whether sending a committed minute needs the ticks of its bar, because another bar or none was foreseen.
    pub fn needs_ticks_of(&self, committed: &Bar) -> bool {
        self.open.as_ref().is_none_or(|open| !is_foreseen(committed, &open.bar))
    }

    /// Ends the open minute with its committed bar, none when there is none: sends the remaining ticks and the bar. Returns false
    /// when another bar had been foreseen.
    pub fn end(
        &mut self,
        committed: Option<Bar>,
        ticks_of: impl FnOnce(&Bar) -> MinuteTicks,
        events: &mut Vec<Event>,
    ) -> bool {
        let as_foreseen =
            self.open.as_ref().is_none_or(|open| committed.is_some_and(|bar| is_foreseen(&bar, &open.bar)));
        let is_corrected = !as_foreseen && self.open.as_ref().is_some_and(|open| open.has_sent);
        let made = committed.filter(|bar| self.needs_ticks_of(bar)).map(|bar| ticks_of(&bar));
        if as_foreseen {
            self.send_until(UnixNanos::MAX, events);
        }
        if let Some(ticks) = made.as_ref().filter(|_| !is_corrected) {
            events.extend(ticks.after(UnixNanos::MIN).map(Event::from));
        }
        if let (Some(bar), Some(ticks)) = (committed, made.as_ref().or(self.open.as_ref().map(|open| &open.ticks))) {
            let traded = bar.ohlcv.traded().or_else(|| ticks.traded());
            let bar = Bar { ohlcv: bar.ohlcv.with_traded(traded), ..bar };
            events.push(Event::Bar(Closed { bar, is_corrected }));
        }
        self.forget();
        as_foreseen
    }
}

/// Whether a committed bar is the one that was computed ahead. A generator of an earlier version commits no turnover.
fn is_foreseen(committed: &Bar, foreseen: &Bar) -> bool {
    committed.first == foreseen.first && committed.ohlcv.agrees_with(&foreseen.ohlcv)
}
