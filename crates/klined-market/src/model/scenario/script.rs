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
pub(in crate::model) struct Plan(Vec<Planned>);

#[derive(Debug)]
struct Planned {
    target: Target,
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
enum Target {
    Market,
    Sector(SectorKey),
    Symbol(Symbol),
}

/// What is forced upon one minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::model) struct Forced {
    pub regime: Option<Regime>,
    /// Added to the log return.
    pub log_move: f64,
    /// Multiplies the minute's standard deviation.
    pub volatility: f64,
}

/// What is forced upon a symbol's day; on most days nothing.
#[derive(Debug, Clone, Default)]
pub(in crate::model) struct Script(Option<Box<EventfulDay>>);

#[derive(Debug, Clone)]
struct EventfulDay {
    minutes: [Forced; MINUTES],
    halted: [bool; MINUTES],
    gap: f64,
}

impl Forced {
    /// Nothing.
    pub const NONE: Self = Self { regime: None, log_move: 0.0, volatility: 1.0 };
}

impl Target {
    fn holds(self, instrument: &Instrument) -> bool {
        match self {
            Self::Market => true,
            Self::Sector(key) => instrument.sector == key,
            Self::Symbol(symbol) => instrument.symbol == symbol,
        }
    }
}

impl Plan {
    /// An event without a trading minute in this calendar has no effect.
    pub fn new(events: &[ScenarioEvent], calendar: &Calendar) -> Self {
        let planned = |event: &ScenarioEvent| {
            let first = calendar.minutes_in(event.from, event.until).next()?;
            let last = calendar.last_completed(event.until).ok()??;
            let place = |minute| (calendar.day_of(minute), calendar.index_in_day(minute));
            Some(Planned {
                target: match &event.scope {
                    Scope::Market => Target::Market,
                    Scope::Sector(name) => Target::Sector(SectorKey::of(name)),
                    Scope::Symbol(symbol) => Target::Symbol(*symbol),
                },
                effect: event.effect,
                first: place(first),
                last: place(last),
                minutes: calendar.minutes_between(event.from, event.until).max(1),
                from: event.from,
                until: event.until,
            })
        };
        Self(events.iter().filter_map(planned).collect())
    }

    /// The script of a symbol's day.
    pub fn day(&self, instrument: &Instrument, date: NaiveDate) -> Script {
        let mut script: Option<Box<EventfulDay>> = None;
        let of_day = |event: &&Planned| event.first.0 <= date && date <= event.last.0 && event.target.holds(instrument);
        for event in self.0.iter().filter(of_day) {
            let from = if event.first.0 == date { event.first.1 } else { 0 };
            let last = if event.last.0 == date { event.last.1 } else { MINUTES_PER_DAY - 1 };
            let script = script.get_or_insert_with(|| Box::new(EventfulDay::nothing()));
            if let Effect::Gap { percent } = event.effect {
                script.gap *= 1.0 + percent / 100.0;
            }
            for minute in usize::from(from)..=usize::from(last) {
                let forced = &mut script.minutes[minute];
                match event.effect {
                    Effect::Regime(regime) => forced.regime = Some(regime),
                    Effect::Move { percent } => forced.log_move += ln(1.0 + percent / 100.0) / event.minutes as f64,
                    Effect::Halt => script.halted[minute] = true,
                    Effect::Volatility { factor } => forced.volatility *= factor,
                    Effect::Gap { .. } => {}
                }
            }
        }
        Script(script)
    }

    /// Whether all trade is halted at an instant.
    pub fn is_market_halted(&self, now: UnixSeconds) -> bool {
        self.halts_at(now).any(|event| event.target == Target::Market)
    }

    /// Whether an instrument's trade is halted at an instant.
    pub fn is_halted(&self, instrument: &Instrument, now: UnixSeconds) -> bool {
        self.halts_at(now).any(|event| event.target.holds(instrument))
    }

    fn halts_at(&self, now: UnixSeconds) -> impl Iterator<Item = &Planned> {
        self.0.iter().filter(move |event| event.effect == Effect::Halt && event.from <= now && now < event.until)
    }
}

impl Script {
    /// What the latent price at the open is multiplied with.
    pub fn gap(&self) -> f64 {
        self.0.as_ref().map_or(1.0, |day| day.gap)
    }

    /// What is forced upon the minute at a place in the day.
    #[inline]
    pub fn minute(&self, index: u16) -> Forced {
        let minute = self.0.as_ref().and_then(|day| day.minutes.get(usize::from(index)));
        minute.copied().unwrap_or(Forced::NONE)
    }

    /// What was forced upon the minute before a place; nothing before the first.
    pub fn minute_before(&self, index: u16) -> Forced {
        index.checked_sub(1).map_or(Forced::NONE, |last| self.minute(last))
    }

    /// Where a halt that holds at a place ends: the place after its last minute; none when none holds.
    pub fn halted_until(&self, index: u16) -> Option<u16> {
        let halted = self.0.as_ref()?.halted.get(usize::from(index)..)?;
        let length = halted.iter().take_while(|&&is_halted| is_halted).count();
        (length > 0).then(|| index + length as u16)
    }
}

impl EventfulDay {
    fn nothing() -> Self {
        Self { minutes: [Forced::NONE; MINUTES], halted: [false; MINUTES], gap: 1.0 }
    }
}
