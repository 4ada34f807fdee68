//! What a run is a function of.

use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};
use klined_market::base::Symbol;
use thiserror::Error;

use super::{RunError, TradingDays};
use crate::log::{CHUNK_CAPACITY_MAX, Header};
use crate::model::{BadParameter, Curves, Model, Parameters};
use crate::random::mixed;
use crate::session::SessionSpec;
use crate::units::{NANOS_PER_SECOND, SECONDS_PER_DAY};

/// Seeds of securities differ by this.
const SEED_STRIDE: u64 = 1024;
/// The largest opening price, in ticks.
const P0_MAX: i32 = 10_i32.pow(9);
/// The most units at a level at the open.
const DEPTH_MAX: u32 = 1_000_000;
const SECURITIES_MAX: usize = 10_000;

/// A security and what it opens at on the first day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    pub symbol: Symbol,
    /// In ticks, from 1 on.
    pub p0_ticks: i32,
}

/// The model with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelSpec {
    Simple(Parameters),
    /// Curves of the literature, for as many levels as the book has.
    Hlr,
    /// `qr-2`, see [`Model::rich`].
    Rich,
    /// Curves of a file.
    Curves(Box<Curves>),
}

/// How the seeds of sessions follow from the run's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SeedScheme {
    /// The original's: `seed + 1024 nth + day`. After 1,024 days a security gets the seeds of the next one's first days.
    #[default]
    Sequential,
    /// No two sessions of a run have the same seed, and neighbouring seeds of runs share none.
    Distinct,
}

impl SeedScheme {
    /// The name in flags and manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Distinct => "distinct",
        }
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    pub base_seed: u64,
    pub seed_scheme: SeedScheme,
    /// Empty for the layout of one security without a name.
    pub securities: Vec<Security>,
    /// What the security without a name opens at, in ticks.
    pub p0_ticks: i32,
    /// Of a ten-thousandth of a dollar.
    pub tick_size: u32,
    pub session_seconds: u32,
    /// When sessions open, in seconds since midnight.
    pub market_open_s: u32,
    /// Levels a side.
    pub levels: u32,
    pub spread_ticks: u32,
    pub depth: u32,
    pub start_date: NaiveDate,
    pub trading_days: TradingDays,
    /// No bid is at a lower price, in ticks. Without it prices can fall below zero.
    pub price_floor_ticks: Option<i32>,
    /// Records a chunk.
    pub chunk_capacity: u32,
    pub model: ModelSpec,
}

/// A run that is not possible, with the input that it fails on.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BadSpec {
    #[error("\"{0}\" is no security: write SYMBOL:PRICE with a price in ticks, such as AAPL:10000")]
    Security(String),
    #[error(
        "\"{0}\" is no name of a directory: a symbol has 1 to 20 letters, digits or . - _ and starts with a letter or a digit"
    )]
    Symbol(String),
    #[error("\"{0}\" is named twice, or differs from another symbol in upper and lower case only")]
    Twice(String),
    #[error("{0} securities are too many: at most {SECURITIES_MAX} are possible")]
    Securities(usize),
    #[error("{name} is {found}: it must be from {least} to {most}")]
    Range { name: &'static str, found: i64, least: i64, most: i64 },
    #[error("a session of {seconds} seconds from {open} seconds after midnight on does not end on the same day")]
    Midnight { seconds: u32, open: u32 },
    #[error("the curves have {curves} levels a side, the book only {levels}: K must be at most the number of levels")]
    Levels { curves: usize, levels: u32 },
    #[error(
        "an opening price of {p0_ticks} ticks is too low for a price floor of {floor_ticks}: the lowest bid at the open would be below it, so the price must be {least_ticks} or more"
    )]
    Floor { p0_ticks: i32, floor_ticks: i32, least_ticks: i64 },
    #[error("{start} is no date of a first session: the calendar {calendar} starts at {first} and ends at {last}")]
    Start { start: NaiveDate, calendar: &'static str, first: NaiveDate, last: NaiveDate },
    #[error(transparent)]
    Parameter(#[from] BadParameter),
}

/// Reads a list such as `AAPL:10000,MSFT:15000`.
///
/// # Errors
/// [`BadSpec`] with the part that is wrong.
pub fn securities(text: &str) -> Result<Vec<Security>, BadSpec> {
    let mut list: Vec<Security> = Vec::new();
    for part in text.split(',') {
        let bad = || BadSpec::Security(part.to_owned());
        let (name, price) = part.rsplit_once(':').ok_or_else(bad)?;
        let symbol = symbol_of(name).ok_or_else(|| BadSpec::Symbol(name.to_owned()))?;
        let digits = price.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let p0_ticks = price.parse().ok().filter(|_| digits).ok_or_else(bad)?;
        range("the opening price in ticks", i64::from(p0_ticks), 1, i64::from(P0_MAX))?;
        if list.iter().any(|other| other.symbol.as_str().eq_ignore_ascii_case(name)) {
            return Err(BadSpec::Twice(name.to_owned()));
        }
        list.push(Security { symbol, p0_ticks });
    }
    if list.len() > SECURITIES_MAX { Err(BadSpec::Securities(list.len())) } else { Ok(list) }
}

fn range(name: &'static str, found: i64, least: i64, most: i64) -> Result<(), BadSpec> {
    if (least..=most).contains(&found) { Ok(()) } else { Err(BadSpec::Range { name, found, least, most }) }
}

impl RunSpec {
    /// Refuses what no run can be made of.
    ///
    /// # Errors
    /// [`BadSpec`] with the first such value.
    pub fn check(&self) -> Result<(), BadSpec> {
        range("the opening price in ticks", self.p0_ticks.into(), 1, P0_MAX.into())?;
        range("the number of levels", self.levels.into(), 1, 64)?;
        range("the depth at the open", self.depth.into(), 0, DEPTH_MAX.into())?;
        range("the spread at the open in ticks", self.spread_ticks.into(), 0, 1_000_000)?;
        range("the tick size", self.tick_size.into(), 1, 10_i64.pow(9))?;
        range("the number of records a chunk", self.chunk_capacity.into(), 1, CHUNK_CAPACITY_MAX.into())?;
        range("the number of seconds of a session", self.session_seconds.into(), 1, SECONDS_PER_DAY as i64)?;
        range("the start date's year", self.start_date.year().into(), 1, 9999)?;
        if u64::from(self.session_seconds) + u64::from(self.market_open_s) > SECONDS_PER_DAY {
            return Err(BadSpec::Midnight { seconds: self.session_seconds, open: self.market_open_s });
        }
        if let TradingDays::Calendar(calendar) = &self.trading_days
            && self.date(0).is_err()
        {
            let (calendar, first, last) = (self.trading_days.name(), calendar.first_day(), calendar.last_day());
            return Err(BadSpec::Start { start: self.start_date, calendar, first, last });
        }
        if let Some(floor_ticks) = self.price_floor_ticks {
            range("the price floor in ticks", floor_ticks.into(), 1, P0_MAX.into())?;
            let least_ticks = self.least_p0_ticks(floor_ticks);
            let prices = (0..self.securities_count()).map(|nth| self.first_p0_ticks(nth));
            if let Some(p0_ticks) = prices.into_iter().find(|p0_ticks| i64::from(*p0_ticks) < least_ticks) {
                return Err(BadSpec::Floor { p0_ticks, floor_ticks, least_ticks });
            }
        }
        match &self.model {
            ModelSpec::Simple(parameters) => parameters.check()?,
            ModelSpec::Curves(curves) if curves.levels() > self.levels as usize => {
                return Err(BadSpec::Levels { curves: curves.levels(), levels: self.levels });
            }
            ModelSpec::Curves(_) | ModelSpec::Hlr | ModelSpec::Rich => {}
        }
        Ok(())
    }

    /// The model, ready to run.
    #[must_use]
    pub fn model(&self) -> Model {
        let model = match &self.model {
            ModelSpec::Simple(parameters) => Model::simple(*parameters),
            ModelSpec::Hlr => Model::hlr(Curves::of_literature(self.levels as usize)),
            ModelSpec::Rich => Model::rich(),
            ModelSpec::Curves(curves) => Model::hlr((**curves).clone()),
        };
        model.with_price_floor(self.price_floor_ticks)
    }

    /// The date of a session, counted from 0.
    ///
    /// # Errors
    /// [`RunError::Dates`] where the dates end before it.
    pub fn date(&self, day: u32) -> Result<NaiveDate, RunError> {
        self.trading_days.date(self.start_date, day)
    }

    /// The lowest opening price whose book has no bid below a floor, in ticks.
    fn least_p0_ticks(&self, floor_ticks: i32) -> i64 {
        let book = self.header(0, 0, 0).session.open_book();
        i64::from(floor_ticks) - i64::from(book.lowest_bid_ticks())
    }

    /// What a session opens at after one that closed at `close_ticks`: the close, or as near to it as the price floor allows.
    #[must_use]
    pub fn next_p0_ticks(&self, close_ticks: i32) -> i32 {
        let least = self.price_floor_ticks.map(|floor_ticks| self.least_p0_ticks(floor_ticks));
        least.and_then(|least| i32::try_from(least).ok()).map_or(close_ticks, |least| close_ticks.max(least))
    }

    /// How many securities there are: 1 where none has a name.
    #[must_use]
    pub fn securities_count(&self) -> usize {
        self.securities.len().max(1)
    }

    /// The run's name in manifests and in records.
    #[must_use]
    pub fn id(&self) -> String {
        format!("run_{}", self.base_seed)
    }

    /// The symbol of a security, or the empty text where none has a name.
    #[must_use]
    pub fn symbol(&self, nth: usize) -> &str {
        self.securities.get(nth).map_or("", |security| security.symbol.as_str())
    }

    /// What a security opens at on the first day, in ticks.
    #[must_use]
    pub fn first_p0_ticks(&self, nth: usize) -> i32 {
        self.securities.get(nth).map_or(self.p0_ticks, |security| security.p0_ticks)
    }

    /// The seed of a security's session, see [`SeedScheme`].
    #[must_use]
    pub fn seed(&self, nth: usize, day: u32) -> u64 {
        match self.seed_scheme {
            SeedScheme::Sequential => {
                self.base_seed.wrapping_add(SEED_STRIDE.wrapping_mul(nth as u64)).wrapping_add(u64::from(day))
            }
            // Security and day fill halves of a number, and mixing keeps different numbers different.
            SeedScheme::Distinct => mixed(mixed(self.base_seed) ^ ((nth as u64) << 32 | u64::from(day))),
        }
    }

    /// The seed of what all securities share on a day.
    #[must_use]
    pub fn market_seed(&self, day: u32) -> u64 {
        // No security has this number.
        mixed(mixed(self.base_seed) ^ (u64::from(u32::MAX) << 32 | u64::from(day)))
    }

    /// The header of a session's log.
    #[must_use]
    pub fn header(&self, nth: usize, day: u32, p0_ticks: i32) -> Header {
        let session = SessionSpec {
            seed: self.seed(nth, day),
            p0_ticks,
            tick_size: self.tick_size,
            session_seconds: self.session_seconds,
            levels: self.levels,
            spread_ticks: self.spread_ticks,
            depth: self.depth,
            market_open_ns: u64::from(self.market_open_s) * NANOS_PER_SECOND,
        };
        Header { session, chunk_capacity: self.chunk_capacity, indexed: false }
    }

    /// The name of a session's log in the run's directory.
    #[must_use]
    pub fn file(&self, nth: usize, date: NaiveDate) -> String {
        session_file(self.symbol(nth), date)
    }
}

/// The name of a session's log in its run's directory; the symbol is empty for the security without a name.
pub(super) fn session_file(symbol: &str, date: NaiveDate) -> String {
    if symbol.is_empty() { format!("{date}.qrsdp") } else { format!("{symbol}/{date}.qrsdp") }
}

/// A symbol that is the name of a directory too.
pub(super) fn symbol_of(name: &str) -> Option<Symbol> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    name.parse().ok().filter(|_| is_plain && starts_well)
}

/// The symbol of a log: the name of the directory that it is in.
#[must_use]
pub fn symbol_of_log(path: &Path) -> String {
    let folder =
        path.canonicalize().ok().and_then(|path| Some(path.parent()?.file_name()?.to_string_lossy().into_owned()));
    folder.unwrap_or_default()
}

/// A log whose name is no date.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is not named by its date", _0.display())]
pub struct NoDate(PathBuf);

/// The date that a log is named by.
///
/// # Errors
/// Its name is no date.
pub fn date_of_log(path: &Path) -> Result<NaiveDate, NoDate> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    name.parse().map_err(|_| NoDate(path.to_owned()))
}

/// A text that is no time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it must be a time from 00:00 to 23:59")]
pub struct BadTime;

/// Seconds since midnight.
///
/// # Errors
/// The text is no time.
pub fn time_of_day(text: &str) -> Result<u32, BadTime> {
    let number = |text: &str, below: u32| -> Option<u32> {
        text.parse()
            .ok()
            .filter(|number| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) && *number < below)
    };
    let parts = text.split_once(':').and_then(|(hours, minutes)| Some((number(hours, 24)?, number(minutes, 60)?)));
    parts.map(|(hours, minutes)| hours * 3600 + minutes * 60).ok_or(BadTime)
}
