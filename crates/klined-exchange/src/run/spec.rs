//! What a run is a function of.

use chrono::{Datelike, NaiveDate};
use klined_market::base::Symbol;
use thiserror::Error;

use crate::log::{CHUNK_CAPACITY_MAX, Header};
use crate::model::{BadParameter, Curves, Model, Parameters};
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
    /// Curves of a file.
    Curves(Box<Curves>),
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    pub base_seed: u64,
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
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        let symbol: Option<Symbol> = name.parse().ok().filter(|_| plain && starts_well);
        let symbol = symbol.ok_or_else(|| BadSpec::Symbol(name.to_owned()))?;
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
        match &self.model {
            ModelSpec::Simple(parameters) => parameters.check()?,
            ModelSpec::Curves(curves) if curves.levels() > self.levels as usize => {
                return Err(BadSpec::Levels { curves: curves.levels(), levels: self.levels });
            }
            ModelSpec::Curves(_) | ModelSpec::Hlr => {}
        }
        Ok(())
    }

    /// The model, ready to run.
    #[must_use]
    pub fn model(&self) -> Model {
        match &self.model {
            ModelSpec::Simple(parameters) => Model::simple(*parameters),
            ModelSpec::Hlr => Model::hlr(Curves::of_literature(self.levels as usize)),
            ModelSpec::Curves(curves) => Model::hlr((**curves).clone()),
        }
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

    /// The seed of a security's session: neighbours have neighbouring seeds, as the original has it, so the seeds of two securities meet
    /// after 1,024 days.
    #[must_use]
    pub fn seed(&self, nth: usize, day: u32) -> u64 {
        self.base_seed.wrapping_add(SEED_STRIDE.wrapping_mul(nth as u64)).wrapping_add(u64::from(day))
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
        match self.symbol(nth) {
            "" => format!("{date}.qrsdp"),
            symbol => format!("{symbol}/{date}.qrsdp"),
        }
    }
}
