//! The instants for which ticks are asked, and the page that follows.

use std::fmt::Write;

use serde::Deserialize;

use super::answers::{PolygonError, invalid};
use super::parameters::{Days, NanosSpan, Sort, moment};
use klined_market::base::Nanos;

/// The instants of what is asked for.
#[derive(Debug, Deserialize)]
pub struct TimestampBounds {
    timestamp: Option<String>,
    #[serde(rename = "timestamp.gt")]
    gt: Option<String>,
    #[serde(rename = "timestamp.gte")]
    gte: Option<String>,
    #[serde(rename = "timestamp.lt")]
    lt: Option<String>,
    #[serde(rename = "timestamp.lte")]
    lte: Option<String>,
}

/// What ticks are asked for with.
#[derive(Debug, Deserialize)]
pub struct TimestampParameters {
    #[serde(flatten)]
    bounds: TimestampBounds,
    order: Option<Sort>,
    sort: Option<String>,
    pub limit: Option<i64>,
    /// Where the page before ended: the number of its last tick.
    pub cursor: Option<i64>,
}

impl TimestampBounds {
    /// The instants asked for: dates, or numbers of a unit. A date is all of its day, and what is later than it begins with the next.
    ///
    /// # Errors
    /// One is neither a date nor a number.
    pub fn span(&self, days: impl Days, unit: Nanos) -> Result<NanosSpan, PolygonError> {
        let mut span = NanosSpan::ALL;
        if let Some(text) = &self.timestamp {
            span = span.and(moment(days, "timestamp", text, unit)?);
        }
        if let Some(text) = &self.gte {
            span.from = span.from.max(moment(days, "timestamp.gte", text, unit)?.from);
        }
        if let Some(text) = &self.gt {
            span.from = span.from.max(moment(days, "timestamp.gt", text, unit)?.to.next());
        }
        if let Some(text) = &self.lte {
            span.to = span.to.min(moment(days, "timestamp.lte", text, unit)?.to);
        }
        if let Some(text) = &self.lt {
            span.to = span.to.min(moment(days, "timestamp.lt", text, unit)?.from.previous());
        }
        Ok(span)
    }

    /// Adds the bounds to a query string that is not empty.
    pub fn add_to(&self, query: &mut String) {
        let bounds = [
            ("timestamp", &self.timestamp),
            ("timestamp.gt", &self.gt),
            ("timestamp.gte", &self.gte),
            ("timestamp.lt", &self.lt),
            ("timestamp.lte", &self.lte),
        ];
        for (name, bound) in bounds {
            // Each was parsed: it has nothing that would have to be escaped but a sign.
            if let Some(bound) = bound {
                let _ = write!(query, "&{name}={}", bound.trim_start_matches('+'));
            }
        }
    }
}

impl TimestampParameters {
    /// The instants asked for, whose numbers are nanoseconds.
    ///
    /// # Errors
    /// One is neither a date nor a number.
    pub fn span(&self, days: impl Days) -> Result<NanosSpan, PolygonError> {
        self.bounds.span(days, Nanos::NANOSECOND)
    }

    /// The order asked for.
    ///
    /// # Errors
    /// Another order than that of time is asked for.
    pub fn order(&self) -> Result<Sort, PolygonError> {
        if self.sort.as_deref().is_some_and(|sort| sort != "timestamp") {
            return Err(invalid("'sort' must be timestamp"));
        }
        Ok(self.order.unwrap_or(Sort::Desc))
    }

    /// The query string of the page that follows the tick of a number.
    #[must_use]
    pub fn next(&self, order: Sort, limit: u16, next: u64) -> String {
        let mut text = format!("limit={limit}&order={}&sort=timestamp&cursor={}", order.as_str(), next);
        self.bounds.add_to(&mut text);
        text
    }
}
