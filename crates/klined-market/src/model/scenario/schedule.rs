//! The effects of events on the minutes of one symbol's day.

use chrono::NaiveDate;

use super::{Effect, ScenarioEvent, Scope};
use crate::base::{Instrument, SectorKey, Symbol, UnixSeconds};
use crate::calendar::{Calendar, Hours};
use crate::model::Regime;
use crate::model::math::ln;

/// The events of a market by trading minutes. If two regimes cover one minute, that of the later event in the list is used; moves
/// and gaps add up in logs, and factors multiply.
#[derive(Debug)]
pub(in crate::model) struct EventSchedule {
    hours: Hours,
    events: Vec<ScheduledEvent>,
}

#[derive(Debug)]
struct ScheduledEvent {
    target: EventTarget,
    effect: Effect,
    /// First and last minute by day and place in the day.
    first: (NaiveDate, u16),
    last: (NaiveDate, u16),
    /// Trading minutes from first to last.
    minutes: u64,
    from: UnixSeconds,
    until: UnixSeconds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventTarget {
    Market,
    Sector(SectorKey),
    Symbol(Symbol),
}

/// The effects of events on one minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::model) struct MinuteEffects {
    pub regime: Option<Regime>,
    /// Added to the log return.
    pub log_move: f64,
    /// Multiplies the minute's standard deviation.
    pub volatility: f64,
}

/// The effects of events on a symbol's day; most days have none.
#[derive(Debug, Clone, Default)]
pub(in crate::model) struct DaySchedule(Option<Box<DayEffects>>);

#[derive(Debug, Clone)]
struct DayEffects {
    /// Of each minute of a regular day, which is the longest.
    minutes: Vec<MinuteEffects>,
    halted: Vec<bool>,
    gap: f64,
}

impl MinuteEffects {
    /// No effect.
    pub const NONE: Self = Self { regime: None, log_move: 0.0, volatility: 1.0 };
}

impl EventTarget {
    fn includes(self, instrument: &Instrument) -> bool {
        match self {
            Self::Market => true,
            Self::Sector(key) => instrument.sector == key,
            Self::Symbol(symbol) => instrument.symbol == symbol,
        }
    }
}

impl EventSchedule {
    /// The schedule of events. An event without a trading minute in this calendar has no effect.
    pub fn new(events: &[ScenarioEvent], calendar: &Calendar) -> Self {
        let scheduled = |event: &ScenarioEvent| {
            let first = calendar.minutes_in(event.from, event.until).next()?;
            let last = calendar.last_completed(event.until).ok()??;
            let place = |minute| (calendar.day_of(minute), calendar.index_in_day(minute));
            Some(ScheduledEvent {
                target: match &event.scope {
                    Scope::Market => EventTarget::Market,
                    Scope::Sector(name) => EventTarget::Sector(SectorKey::of(name)),
                    Scope::Symbol(symbol) => EventTarget::Symbol(*symbol),
                },
                effect: event.effect,
                first: place(first),
                last: place(last),
                minutes: calendar.minutes_between(event.from, event.until).max(1),
                from: event.from,
                until: event.until,
            })
        };
        Self { hours: calendar.hours(), events: events.iter().filter_map(scheduled).collect() }
    }

    /// The effects on a symbol's day.
    pub fn day(&self, instrument: &Instrument, date: NaiveDate) -> DaySchedule {
        let mut effects: Option<Box<DayEffects>> = None;
        let of_day = |event: &&ScheduledEvent| {
            event.first.0 <= date && date <= event.last.0 && event.target.includes(instrument)
        };
        for event in self.events.iter().filter(of_day) {
            let from = if event.first.0 == date { event.first.1 } else { 0 };
            let last = if event.last.0 == date { event.last.1 } else { self.hours.minutes_per_day() - 1 };
            let effects = effects.get_or_insert_with(|| Box::new(DayEffects::nothing(self.hours)));
            if let Effect::Gap { percent } = event.effect {
                effects.gap *= 1.0 + percent / 100.0;
            }
            for minute in usize::from(from)..=usize::from(last) {
                let minute_effects = &mut effects.minutes[minute];
                match event.effect {
                    Effect::Regime(regime) => minute_effects.regime = Some(regime),
                    Effect::Move { percent } => {
                        minute_effects.log_move += ln(1.0 + percent / 100.0) / event.minutes as f64
                    }
                    Effect::Halt => effects.halted[minute] = true,
                    Effect::Volatility { factor } => minute_effects.volatility *= factor,
                    Effect::Gap { .. } => {}
                }
            }
        }
        DaySchedule(effects)
    }

    /// Whether all trade is halted at an instant.
    pub fn is_market_halted(&self, now: UnixSeconds) -> bool {
        self.halts_at(now).any(|event| event.target == EventTarget::Market)
    }

    /// Whether an instrument's trade is halted at an instant.
    pub fn is_halted(&self, instrument: &Instrument, now: UnixSeconds) -> bool {
        self.halts_at(now).any(|event| event.target.includes(instrument))
    }

    fn halts_at(&self, now: UnixSeconds) -> impl Iterator<Item = &ScheduledEvent> {
        self.events.iter().filter(move |event| event.effect == Effect::Halt && event.from <= now && now < event.until)
    }
}

impl DaySchedule {
    /// The factor of the latent price at the open.
    pub fn gap(&self) -> f64 {
        self.0.as_ref().map_or(1.0, |day| day.gap)
    }

    /// The effects on the minute with an index in the day.
    #[inline]
    pub fn minute(&self, index: u16) -> MinuteEffects {
        let minute = self.0.as_ref().and_then(|day| day.minutes.get(usize::from(index)));
        minute.copied().unwrap_or(MinuteEffects::NONE)
    }

    /// The effects on the minute before an index; none before the first.
    pub fn minute_before(&self, index: u16) -> MinuteEffects {
        index.checked_sub(1).map_or(MinuteEffects::NONE, |last| self.minute(last))
    }

    /// The end of a halt that includes the minute with an index: the index after its last minute; none if there is no halt.
    pub fn halted_until(&self, index: u16) -> Option<u16> {
        let halted = self.0.as_ref()?.halted.get(usize::from(index)..)?;
        let length = halted.iter().take_while(|&&is_halted| is_halted).count();
        (length > 0).then(|| index + length as u16)
    }
}

impl DayEffects {
    fn nothing(hours: Hours) -> Self {
        let minutes = usize::from(hours.minutes_per_day());
        Self { minutes: vec![MinuteEffects::NONE; minutes], halted: vec![false; minutes], gap: 1.0 }
    }
}
