//! What events mean for the minutes of one symbol's day.

use chrono::NaiveDate;

use super::{Effect, ScenarioEvent, Scope};
use crate::base::{Instrument, SectorKey, Symbol, UnixSeconds};
use crate::calendar::{Calendar, MINUTES_PER_DAY};
use crate::model::Regime;
use crate::model::math::ln;

const MINUTES: usize = MINUTES_PER_DAY as usize;

/// The events of a market, ready to be asked for a symbol's day. Later events come after earlier ones: of two regimes for one
/// minute the later event's holds; moves and gaps add up in logs, factors multiply.
#[derive(Debug, Default)]
pub(in crate::model) struct EventSchedule(Vec<ScheduledEvent>);

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

/// What is minute_effects upon one minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::model) struct MinuteEffects {
    pub regime: Option<Regime>,
    /// Added to the log return.
    pub log_move: f64,
    /// Multiplies the minute's standard deviation.
    pub volatility: f64,
}

/// What is minute_effects upon a symbol's day; on most days nothing.
#[derive(Debug, Clone, Default)]
pub(in crate::model) struct DaySchedule(Option<Box<DayEffects>>);

#[derive(Debug, Clone)]
struct DayEffects {
    minutes: [MinuteEffects; MINUTES],
    halted: [bool; MINUTES],
    gap: f64,
}

impl MinuteEffects {
    /// Nothing.
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
    /// An event without a trading minute in this calendar has no effect.
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
        Self(events.iter().filter_map(scheduled).collect())
    }

    /// The script of a symbol's day.
    pub fn day(&self, instrument: &Instrument, date: NaiveDate) -> DaySchedule {
        let mut effects: Option<Box<DayEffects>> = None;
        let of_day = |event: &&ScheduledEvent| {
            event.first.0 <= date && date <= event.last.0 && event.target.includes(instrument)
        };
        for event in self.0.iter().filter(of_day) {
            let from = if event.first.0 == date { event.first.1 } else { 0 };
            let last = if event.last.0 == date { event.last.1 } else { MINUTES_PER_DAY - 1 };
            let effects = effects.get_or_insert_with(|| Box::new(DayEffects::nothing()));
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
        self.0.iter().filter(move |event| event.effect == Effect::Halt && event.from <= now && now < event.until)
    }
}

impl DaySchedule {
    /// What the latent price at the open is multiplied with.
    pub fn gap(&self) -> f64 {
        self.0.as_ref().map_or(1.0, |day| day.gap)
    }

    /// What is minute_effects upon the minute at a place in the day.
    #[inline]
    pub fn minute(&self, index: u16) -> MinuteEffects {
        let minute = self.0.as_ref().and_then(|day| day.minutes.get(usize::from(index)));
        minute.copied().unwrap_or(MinuteEffects::NONE)
    }

    /// What was minute_effects upon the minute before a place; nothing before the first.
    pub fn minute_before(&self, index: u16) -> MinuteEffects {
        index.checked_sub(1).map_or(MinuteEffects::NONE, |last| self.minute(last))
    }

    /// Where a halt that holds at a place ends: the place after its last minute; none when none holds.
    pub fn halted_until(&self, index: u16) -> Option<u16> {
        let halted = self.0.as_ref()?.halted.get(usize::from(index)..)?;
        let length = halted.iter().take_while(|&&is_halted| is_halted).count();
        (length > 0).then(|| index + length as u16)
    }
}

impl DayEffects {
    fn nothing() -> Self {
        Self { minutes: [MinuteEffects::NONE; MINUTES], halted: [false; MINUTES], gap: 1.0 }
    }
}
