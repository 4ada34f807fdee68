//! An operator's changes to the calendar: a text file, one change a line.
//!
//! ```text
//! # anything after a hash sign is a comment
//! closed 2027-02-05        the exchange does not trade on this day
//! open 2027-02-14          it does
//! early 2027-11-26         it closes early, where the market has early closes
//! known-until 2027-12-31   to this date the file is complete: weekdays it does not close are open, nothing is projected
//! ```

use std::collections::BTreeMap;

use chrono::NaiveDate;
use thiserror::Error;

use super::Hours;
use super::hours::HORIZON;

/// The change that a line makes to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayChange {
    /// The exchange trades.
    Open,
    /// The exchange does not trade.
    Closed,
    /// The exchange closes early.
    Early,
}

/// The changes of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    changes: BTreeMap<NaiveDate, DayChange>,
    known_until: Option<NaiveDate>,
}

/// A line that could not be read. Nothing of a file with such a line is used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "line {line}: {problem}; expected \"open DATE\", \"closed DATE\", \"early DATE\" or \"known-until DATE\" with an ISO date"
)]
pub struct OverridesError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl Overrides {
    /// Reads a file's text, for a market with these hours.
    ///
    /// # Errors
    /// The first line that is damaged, contradicts an earlier one, has an early close for a market without such days, or lies
    /// before the market's first day or after 2100-12-31.
    pub fn parse(hours: Hours, text: &str) -> Result<Self, OverridesError> {
        let mut overrides = Self::default();
        for (index, content) in text.lines().enumerate() {
            let content = content.split('#').next().unwrap_or_default().trim();
            if !content.is_empty() {
                overrides.read_line(hours, content).map_err(|problem| OverridesError { line: index + 1, problem })?;
            }
        }
        Ok(overrides)
    }

    /// The file's change of a day; none if the file does not name the day.
    #[must_use]
    pub fn change(&self, date: NaiveDate) -> Option<DayChange> {
        self.changes.get(&date).copied()
    }

    /// The date to which the file is complete.
    #[must_use]
    pub fn known_until(&self) -> Option<NaiveDate> {
        self.known_until
    }

    fn read_line(&mut self, hours: Hours, content: &str) -> Result<(), String> {
        let words: Vec<&str> = content.split_whitespace().collect();
        let &[verb, date_text] = words.as_slice() else {
            return Err(format!("\"{content}\" does not have two words"));
        };
        let date: NaiveDate = date_text.parse().map_err(|_| format!("\"{date_text}\" is not a date"))?;
        let opened = hours.rules().opened;
        if date < opened || date > HORIZON {
            return Err(format!("{date} lies outside {opened} to {HORIZON}"));
        }
        let change = match verb {
            "open" => DayChange::Open,
            "closed" => DayChange::Closed,
            "early" if hours.rules().early.is_some() => DayChange::Early,
            "early" => return Err(format!("the calendar {hours} has no early closes")),
            "known-until" => {
                self.known_until = Some(date);
                return Ok(());
            }
            _ => return Err(format!("\"{verb}\" is not a verb")),
        };
        match self.changes.insert(date, change) {
            Some(earlier) if earlier != change => Err(format!("{date} has two different changes")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_changes_and_comments() {
        let overrides = Overrides::parse(
            Hours::Sse,
            "# 2027\nclosed 2027-02-05 # eve\n\nopen 2027-02-14\nknown-until 2027-12-31\n",
        )
        .unwrap();
        let on = |month, day| overrides.change(NaiveDate::from_ymd_opt(2027, month, day).unwrap());
        assert_eq!(on(2, 5), Some(DayChange::Closed));
        assert_eq!(on(2, 14), Some(DayChange::Open));
        assert_eq!(on(2, 15), None);
        assert_eq!(overrides.known_until(), NaiveDate::from_ymd_opt(2027, 12, 31));
    }

    #[test]
    fn names_the_damaged_line() {
        for (text, line) in [
            ("open 2027-13-01", 1),
            ("\nclosed", 2),
            ("shut 2027-01-04", 1),
            ("open 2027-01-04\nclosed 2027-01-04", 2),
            ("open 1980-01-04", 1),
            ("early 2027-01-04", 1),
            ("open 2027-01-04 2027-01-05", 1),
        ] {
            assert_eq!(Overrides::parse(Hours::Sse, text).unwrap_err().line, line, "{text}");
        }
    }
}
