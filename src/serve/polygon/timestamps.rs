//! The instants for which ticks are asked, and the page that follows.

use std::fmt::Write;

use serde::Deserialize;

use super::answers::{PolygonError, invalid};
use super::parameters::{Days, NanosSpan, Sort, moment};
use klined_market::base::Nanos;

/// What ticks are asked for with.
#[derive(Debug, Deserialize)]
pub struct TimestampParameters {
    timestamp: Option<String>,
    #[serde(rename = "timestamp.gt")]
    gt: Option<String>,
    #[serde(rename = "timestamp.gte")]
    gte: Option<String>,
    #[serde(rename = "timestamp.lt")]
    lt: Option<String>,
    #[serde(rename = "timestamp.lte")]
    lte: Option<String>,
    order: Option<Sort>,
    sort: Option<String>,
    pub limit: Option<i64>,
    /// Where the page before ended: the number of its last tick.
    pub cursor: Option<i64>,
}

impl TimestampParameters {
    /// The instants asked for. A date is all of its day, and what is later than it begins with the next.
    ///
    /// # Errors
    /// One is neither a date nor a number.
    pub fn span(&self, days: impl Days) -> Result<NanosSpan, PolygonError> {
        let mut span = NanosSpan::ALL;
        if let Some(text) = &self.timestamp {
            span = span.and(moment(days, "timestamp", text, Nanos::NANOSECOND)?);
        }
        if let Some(text) = &self.gte {
            span.from = span.from.max(moment(days, "timestamp.gte", text, Nanos::NANOSECOND)?.from);
        }
        if let Some(text) = &self.gt {
            span.from = span.from.max(moment(days, "timestamp.gt", text, Nanos::NANOSECOND)?.to.next());
        }
        if let Some(text) = &self.lte {
            span.to = span.to.min(moment(days, "timestamp.lte", text, Nanos::NANOSECOND)?.to);
        }
        if let Some(text) = &self.lt {
            span.to = span.to.min(moment(days, "timestamp.lt", text, Nanos::NANOSECOND)?.from.previous());
        }
        Ok(span)
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
                let _ = write!(text, "&{name}={}", bound.trim_start_matches('+'));
            }
        }
        text
    }
}
