//! The choice of a universe: `demo`, `synth`, `ashare:N` or the path of a CSV file.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use super::{InvalidStockCount, StockCount, UniverseRow, ashare, demo, synth};
use crate::base::Seed;
use crate::calendar::Hours;

/// A universe as a command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UniverseChoice {
    /// `demo`: ten familiar stocks.
    Demo,
    /// `synth`: the five stocks of the first market data API.
    Synth,
    /// `ashare:N`: an invented A-share market of N stocks.
    Ashare(StockCount),
    /// A CSV file.
    File(PathBuf),
}

/// A text that does not name a universe.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidUniverse {
    /// The text is empty.
    #[error("\"\" is not a universe: use demo, synth, ashare:N or the path of a CSV file")]
    Empty,
    /// The number after `ashare:` is not valid.
    #[error(transparent)]
    Count(#[from] InvalidStockCount),
}

impl fmt::Display for UniverseChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Demo => f.pad("demo"),
            Self::Synth => f.pad("synth"),
            Self::Ashare(count) => write!(f, "ashare:{count}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for UniverseChoice {
    type Err = InvalidUniverse;

    /// What is neither `demo` nor `synth` nor `ashare:…` is a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("ashare:")) {
            ("", _) => Err(InvalidUniverse::Empty),
            ("demo", _) => Ok(Self::Demo),
            ("synth", _) => Ok(Self::Synth),
            ("ashare", _) => Err(InvalidStockCount(String::new()).into()),
            (_, Some(count)) => Ok(Self::Ashare(count.parse()?)),
            (path, None) => Ok(Self::File(path.into())),
        }
    }
}

/// A universe; that of a file has been read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Universe {
    choice: UniverseChoice,
    /// The rows of a file; others are made when a seed is known.
    read: Vec<UniverseRow>,
}

impl Universe {
    /// The ten default stocks.
    #[must_use]
    pub fn demo() -> Self {
        Self { choice: UniverseChoice::Demo, read: Vec::new() }
    }

    /// The five stocks of the first market data API.
    #[must_use]
    pub fn synth() -> Self {
        Self { choice: UniverseChoice::Synth, read: Vec::new() }
    }

    /// A universe of A-share-like stocks.
    #[must_use]
    pub fn ashare(count: StockCount) -> Self {
        Self { choice: UniverseChoice::Ashare(count), read: Vec::new() }
    }

    /// The stocks that were read from a file.
    #[must_use]
    pub fn of_file(path: PathBuf, rows: Vec<UniverseRow>) -> Self {
        Self { choice: UniverseChoice::File(path), read: rows }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn choice(&self) -> &UniverseChoice {
        &self.choice
    }

    /// Its stocks in order of symbol, in a market of a seed and of these hours.
    #[must_use]
    pub fn rows(&self, seed: Seed, hours: Hours) -> Vec<UniverseRow> {
        match &self.choice {
            UniverseChoice::Demo => demo(),
            UniverseChoice::Synth => synth(hours),
            UniverseChoice::Ashare(count) => ashare(*count, seed),
            UniverseChoice::File(_) => self.read.clone(),
        }
    }
}
