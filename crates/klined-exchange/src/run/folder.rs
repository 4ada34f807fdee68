//! A run's directory as those see it who only read: its logs while a producer writes them, or after.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use chrono::NaiveDate;

use super::directory::MANIFEST;
use super::spec::{session_file, symbol_of};
use super::{Manifest, RunError, Sessions, TradingDays, session_of};
use crate::random::mixed;

/// The name of the security without a name, where every stock has to have one.
pub const UNNAMED: &str = "QRSDP";

/// A directory that is read.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    symbols: Vec<String>,
    start_date: NaiveDate,
    trading_days: TradingDays,
    code: String,
    manifest: Mutex<Seen>,
}

/// The manifest as it was when it was read last, and what tells that it has changed since: its length and when it was written.
#[derive(Debug)]
struct Seen {
    manifest: Manifest,
    state: Option<(u64, SystemTime)>,
}

fn state(path: &Path) -> Option<(u64, SystemTime)> {
    let data = fs::metadata(path.join(MANIFEST)).ok()?;
    Some((data.len(), data.modified().ok()?))
}

fn read(path: &Path) -> Result<Manifest, RunError> {
    let path = path.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(RunError::io(&path))?;
    serde_json::from_str(&text).map_err(|source| RunError::Manifest { path, source })
}

impl RunFolder {
    /// Reads the manifest of a run.
    ///
    /// # Errors
    /// [`RunError`] where there is none, or it names what cannot be followed.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        let (seen_state, manifest) = (state(path), read(path)?);
        let strange =
            |name: &str, found: String| RunError::Strange { path: path.join(MANIFEST), name: name.to_owned(), found };
        let entries = manifest.entries();
        let symbols: Vec<String> = entries.iter().map(|entry| entry.symbol.clone()).collect();
        let is_single = manifest.security.is_some() && symbols == [""];
        if let Some(symbol) = symbols.iter().find(|symbol| !is_single && symbol_of(symbol).is_none()) {
            return Err(strange("symbol", symbol.clone()));
        }
        if symbols.is_empty() {
            return Err(strange("number of securities", "0".to_owned()));
        }
        let first = entries.iter().find_map(|entry| entry.sessions.first()).map(|session| session.date);
        let start_date = manifest.start_date.or(first).ok_or_else(|| strange("start_date", "missing".to_owned()))?;
        let trading_days = match &manifest.trading_days {
            None => TradingDays::Weekdays,
            Some(name) => name.parse().map_err(|_| strange("trading_days", name.clone()))?,
        };
        let identity = manifest.identity_text();
        let code = base36(identity.bytes().fold(0, |hash, byte| mixed(hash ^ u64::from(byte))), 6);
        let manifest = Mutex::new(Seen { manifest, state: seen_state });
        Ok(Self { path: path.to_owned(), symbols, start_date, trading_days, code, manifest })
    }

    /// The manifest as it was when it was read last.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        self.seen().manifest.clone()
    }

    /// The days that have sessions.
    #[must_use]
    pub fn trading_days(&self) -> &TradingDays {
        &self.trading_days
    }

    /// What no run with other parameters has, as far as six letters and digits can say so.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The symbols of the securities, in order; the one of a security without a name is empty.
    #[must_use]
    pub fn symbols(&self) -> &[String] {
        &self.symbols
    }

    /// The date of a session, counted from 0.
    ///
    /// # Errors
    /// [`RunError::Dates`] where it has none.
    pub fn date(&self, day: u32) -> Result<NaiveDate, RunError> {
        self.trading_days.date(self.start_date, day)
    }

    /// A name of ten characters for a session, counted from 0, that no session of another run has, as far as six characters can tell runs apart.
    #[must_use]
    pub fn session_name(&self, day: u32) -> String {
        format!("{}{}", self.code, base36(u64::from(day), 4))
    }

    /// The last session that has begun for every security, if any has.
    ///
    /// # Errors
    /// [`RunError`] where a log cannot be read.
    pub fn last_day(&self) -> Result<Option<u32>, RunError> {
        let begun = |day: u32| -> Result<bool, RunError> {
            for nth in 0..self.symbols.len() {
                if session_of(self, nth, day)?.is_none() {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let mut day = 0;
        while begun(day)? {
            day += 1;
        }
        Ok(day.checked_sub(1))
    }
}

/// The last `digits` digits of a number to the base 36.
fn base36(mut number: u64, digits: usize) -> String {
    let mut text = vec!['0'; digits];
    for digit in text.iter_mut().rev() {
        *digit = char::from_digit((number % 36) as u32, 36).unwrap_or('0').to_ascii_uppercase();
        number /= 36;
    }
    text.into_iter().collect()
}

impl Sessions for RunFolder {
    fn log_path(&self, nth: usize, day: u32) -> Result<PathBuf, RunError> {
        let symbol = self.symbols.get(nth).map_or("", String::as_str);
        Ok(self.path.join(session_file(symbol, self.date(day)?)))
    }

    /// A day is whole when the manifest says so, or when the next day's log has been started: the manifest of a long run is not written with every day.
    fn is_whole(&self, nth: usize, day: u32) -> bool {
        let mut seen = self.seen();
        let now = state(&self.path);
        if !seen.manifest.is_whole(nth, day)
            && now != seen.state
            && let Ok(manifest) = read(&self.path)
        {
            *seen = Seen { manifest, state: now };
        }
        let next = || self.log_path(nth, day + 1).is_ok_and(|path| path.exists());
        seen.manifest.is_whole(nth, day) || next()
    }
}
