//! An operator's changes to the calendar: a text file, one change a line.
//!
//! ```text
//! # anything after a hash sign is a comment
//! closed 2027-02-05        the exchange does not trade on this day
//! open 2027-02-14          it does
//! known-until 2027-12-31   to this date the file is complete: weekdays it does not close are open, nothing is projected
//! ```

use std::collections::BTreeMap;

use chrono::NaiveDate;
use thiserror::Error;

/// What a line says of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayChange {
    Open,
    Closed,
}

/// The changes of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    changes: BTreeMap<NaiveDate, DayChange>,
    known_until: Option<NaiveDate>,
}

/// A line that could not be read. Nothing of a file with such a line is used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}; expected \"open DATE\", \"closed DATE\" or \"known-until DATE\" with an ISO date")]
pub struct OverridesError {
    /// Counted from 1.
    pub line: usize,
    pub problem: String,
}

impl Overrides {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The first line that is damaged, contradicts an earlier one or lies outside 1990-12-19 to 2100-12-31.
    pub fn parse(text: &str) -> Result<Self, OverridesError> {
        let mut overrides = Self::default();
        for (index, content) in text.lines().enumerate() {
            let content = content.split('#').next().unwrap_or_default().trim();
            if !content.is_empty() {
                overrides.read_line(content).map_err(|problem| OverridesError { line: index + 1, problem })?;
            }
        }
        Ok(overrides)
    }

    /// What the file says of a day; none where it is silent.
    #[must_use]
    pub fn change(&self, date: NaiveDate) -> Option<DayChange> {
        self.changes.get(&date).copied()
    }

    /// The date to which the file is complete.
    #[must_use]
    pub fn known_until(&self) -> Option<NaiveDate> {
        self.known_until
    }

    fn read_line(&mut self, content: &str) -> Result<(), String> {
        let words: Vec<&str> = content.split_whitespace().collect();
        let &[verb, date_text] = words.as_slice() else {
            return Err(format!("\"{content}\" does not have two words"));
        };
        let date: NaiveDate = date_text.parse().map_err(|_| format!("\"{date_text}\" is not a date"))?;
        let opened = NaiveDate::from_ymd_opt(1990, 12, 19).unwrap_or_default();
        if date < opened || date > super::projection::HORIZON {
            return Err(format!("{date} lies outside {opened} to {}", super::projection::HORIZON));
        }
        let change = match verb {
            "open" => DayChange::Open,
            "closed" => DayChange::Closed,
            "known-until" => {
                self.known_until = Some(date);
                return Ok(());
            }
            _ => return Err(format!("\"{verb}\" is not a verb")),
        };
        match self.changes.insert(date, change) {
            Some(earlier) if earlier != change => Err(format!("{date} is both open and closed")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_changes_and_comments() {
        let overrides =
            Overrides::parse("# 2027\nclosed 2027-02-05 # eve\n\nopen 2027-02-14\nknown-until 2027-12-31\n").unwrap();
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
            ("open 2027-01-04 2027-01-05", 1),
        ] {
            assert_eq!(Overrides::parse(text).unwrap_err().line, line, "{text}");
        }
    }
}
