//! The scenario file: a name and events, in TOML.
//!
//! Times are `2026-11-23 10:00`, or `day 2 10:00`, where day 1 is the first trading day that has no bar yet when the scenario
//! is applied. The end may be a time alone if its day is that of the beginning.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime};
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::{Effect, EffectKind, ScenarioEvent, Scope, UnknownEffectKind};
use crate::base::Symbol;
use crate::calendar::{Calendar, CalendarError};
use crate::model::Regime;

/// The most events of a file.
const EVENTS_MAX: usize = 1_000;
/// The most characters of a name.
const NAME_MAX: usize = 64;
/// The last day that can be counted to.
const DAY_MAX: u32 = 10_000;

const OPEN: NaiveTime = NaiveTime::from_hms_opt(9, 30, 0).unwrap();
const AFTER_FIRST_MINUTE: NaiveTime = NaiveTime::from_hms_opt(9, 31, 0).unwrap();

/// A named list of events, some of whose days may still have to be counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    name: String,
    events: Vec<PlannedEvent>,
}

#[derive(Debug, Clone, PartialEq)]
struct PlannedEvent {
    scope: Scope,
    effect: Effect,
    from: EventTime,
    until: EventTime,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct EventTime {
    day: EventDay,
    time: NaiveTime,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum EventDay {
    Date(NaiveDate),
    /// Counted from 1.
    Nth(u32),
}

/// What is wrong with a scenario.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidScenario {
    /// The text is not TOML of this form; the message names line and key.
    #[error("{0}")]
    Toml(String),
    /// The name is too long, empty, or has other characters.
    #[error("the name \"{0}\" must have 1 to {NAME_MAX} letters, digits or . - _")]
    Name(String),
    /// It has no event or too many.
    #[error("it has {0} events; it must have 1 to {EVENTS_MAX}")]
    Count(usize),
    /// An event is incomplete, contradicts itself or is out of range.
    #[error("line {line}: {problem}")]
    Event {
        /// The line where the event begins, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// An event's times do not fit the calendar.
    #[error("event {place} ({event}): {problem}")]
    Time {
        /// The event's number in the file, counted from 1.
        place: usize,
        /// The event in words.
        event: String,
        /// What is wrong with its times.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    name: String,
    event: Vec<Spanned<RawEvent>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    kind: String,
    symbol: Option<String>,
    sector: Option<String>,
    from: Option<TimeText>,
    until: Option<TimeText>,
    day: Option<TimeText>,
    regime: Option<Regime>,
    percent: Option<f64>,
    factor: Option<f64>,
}

/// A time as text, or as a date or time of TOML, which has no quotes.
#[derive(Deserialize)]
#[serde(try_from = "toml::Value")]
struct TimeText(String);

impl TryFrom<toml::Value> for TimeText {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let datetime = match value {
            toml::Value::String(text) => return Ok(Self(text)),
            toml::Value::Datetime(datetime) => datetime,
            other => return Err(format!("{other:?} is not a time; write 2026-11-23 10:00 or \"day 2 10:00\"")),
        };
        if datetime.offset.is_some() {
            return Err(format!("{datetime} has a zone; times are those of the exchange's clocks, without a zone"));
        }
        let time = datetime.time.map(|time| {
            if time.second.unwrap_or(0) != 0 || time.nanosecond.unwrap_or(0) != 0 {
                return Err(format!("{datetime} has seconds; events begin and end with a minute"));
            }
            Ok(format!("{:02}:{:02}", time.hour, time.minute))
        });
        let parts = [datetime.date.map(|date| date.to_string()), time.transpose()?];
        Ok(Self(parts.into_iter().flatten().collect::<Vec<_>>().join(" ")))
    }
}

impl Scenario {
    /// Reads a file's text.
    ///
    /// # Errors
    /// It is not TOML of this form, or an event is incomplete, contradicts itself or is out of range; the line is named.
    pub fn from_toml(text: &str) -> Result<Self, InvalidScenario> {
        let raw: RawScenario = toml::from_str(text).map_err(|error| InvalidScenario::Toml(error.to_string()))?;
        let is_named = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        if raw.name.is_empty() || raw.name.len() > NAME_MAX || !raw.name.chars().all(is_named) {
            return Err(InvalidScenario::Name(raw.name));
        }
        if !(1..=EVENTS_MAX).contains(&raw.event.len()) {
            return Err(InvalidScenario::Count(raw.event.len()));
        }
        let planned = |event: Spanned<RawEvent>| {
            let line = 1 + text.get(..event.span().start).unwrap_or_default().matches('\n').count();
            event.into_inner().planned().map_err(|problem| InvalidScenario::Event { line, problem })
        };
        Ok(Self { name: raw.name, events: raw.event.into_iter().map(planned).collect::<Result<_, _>>()? })
    }

    /// Its name. A database has each name at most once.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its events at fixed times; `first_day` is day 1.
    ///
    /// # Errors
    /// A date is not a trading day, an event has no trading minute, or the calendar ends before it.
    pub fn resolve(&self, calendar: &Calendar, first_day: NaiveDate) -> Result<Vec<ScenarioEvent>, InvalidScenario> {
        let resolve = |(place, event): (usize, &PlannedEvent)| {
            event.resolve(calendar, first_day).map_err(|problem| InvalidScenario::Time {
                place: place + 1,
                event: event.to_string(),
                problem,
            })
        };
        self.events.iter().enumerate().map(resolve).collect()
    }
}

impl RawEvent {
    fn planned(self) -> Result<PlannedEvent, String> {
        let scope = match (self.symbol, self.sector) {
            (Some(_), Some(_)) => return Err("an event is for a symbol or for a sector, not for both".to_owned()),
            (Some(symbol), None) => Scope::Symbol(symbol.parse::<Symbol>().map_err(|error| error.to_string())?),
            (None, Some(sector)) => Scope::Sector(sector),
            (None, None) => Scope::Market,
        };
        let kind: EffectKind = self.kind.parse().map_err(|error: UnknownEffectKind| error.to_string())?;
        let needs = match kind {
            EffectKind::Regime => "regime = \"bull\", \"sideways\" or \"bear\", from and until",
            EffectKind::Move => "percent from -95 to 1000, from and until",
            EffectKind::Halt => "from and until",
            EffectKind::Gap => "percent from -90 to 400 and day",
            EffectKind::Volatility => "factor from 0.01 to 20, from and until",
        };
        let incomplete = || format!("a {kind} needs {needs}, and nothing else");
        let amount = match (kind, self.percent, self.factor) {
            (EffectKind::Volatility, None, factor) => factor,
            (EffectKind::Volatility, ..) | (_, _, Some(_)) => return Err(incomplete()),
            (_, percent, None) => percent,
        };
        let effect = Effect::of_kind(kind, self.regime, amount).ok_or_else(incomplete)?;
        let (from, until) = match (effect, self.day, self.from, self.until) {
            (Effect::Gap { .. }, Some(day), None, None) => {
                let day = day.0.parse()?;
                (EventTime { day, time: OPEN }, EventTime { day, time: AFTER_FIRST_MINUTE })
            }
            (Effect::Gap { .. }, ..) => return Err(incomplete()),
            (_, None, Some(from), Some(until)) => {
                let from = EventTime::parse(&from.0, None)?;
                (from, EventTime::parse(&until.0, Some(from.day))?)
            }
            _ => return Err(incomplete()),
        };
        Ok(PlannedEvent { scope, effect, from, until })
    }
}

impl PlannedEvent {
    fn resolve(&self, calendar: &Calendar, first_day: NaiveDate) -> Result<ScenarioEvent, String> {
        let instant = |when: EventTime| -> Result<_, String> {
            let day = match when.day {
                EventDay::Nth(count) => {
                    let days = calendar.days(first_day, calendar.last_day());
                    let beyond = || {
                        CalendarError::BeyondHorizon { asked: when.to_string(), last_day: calendar.last_day() }
                            .to_string()
                    };
                    *days.get(count as usize - 1).ok_or_else(beyond)?
                }
                EventDay::Date(date) if calendar.is_trading_day(date) => date,
                EventDay::Date(date) => return Err(format!("{date} is not a trading day")),
            };
            calendar.instant(day, when.time).map_err(|error| error.to_string())
        };
        let (from, until) = (instant(self.from)?, instant(self.until)?);
        let first = calendar.minutes_in(from, until).next().ok_or("there is no trading minute between its times")?;
        Ok(ScenarioEvent { scope: self.scope.clone(), effect: self.effect, from: first.start(), until })
    }
}

impl EventTime {
    fn parse(text: &str, same_day: Option<EventDay>) -> Result<Self, String> {
        let wrong = || {
            let bare = if same_day.is_some() { " or 10:00" } else { "" };
            format!("\"{text}\" is not a time; write 2026-11-23 10:00, day 2 10:00{bare}")
        };
        let (day, time) = match text.trim().rsplit_once(' ') {
            Some((day, time)) => (day.parse().map_err(|_| wrong())?, time),
            None => (same_day.ok_or_else(wrong)?, text.trim()),
        };
        Ok(Self { day, time: NaiveTime::parse_from_str(time, "%H:%M").map_err(|_| wrong())? })
    }
}

impl FromStr for EventDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not a day; write 2026-11-23 or day 2, at most day {DAY_MAX}");
        match text.strip_prefix("day ") {
            Some(count) => {
                let count: u32 = count.trim().parse().map_err(|_| wrong())?;
                if (1..=DAY_MAX).contains(&count) { Ok(Self::Nth(count)) } else { Err(wrong()) }
            }
            None => text.parse().map(Self::Date).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for Scenario {
    /// One event a line, the same text for the same events however the file is laid out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

impl fmt::Display for PlannedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, effect, from, until } = self;
        write!(f, "{scope}: {effect} from {from} until {until}")
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.format("%H:%M");
        match self.day {
            EventDay::Date(date) => write!(f, "{date} {time}"),
            EventDay::Nth(count) => write!(f, "day {count} {time}"),
        }
    }
}
