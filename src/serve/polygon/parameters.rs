//! The parameters of Polygon's dialect, and the refusal of a wrong one.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use chrono::NaiveDate;
use serde::Deserialize;

use super::answers::{PolygonError, invalid};
use crate::query::TimeOrder;
use crate::query::parameters::repeated;
use crate::serve::kit::parameters::{QueryOf, RouteError, Segments};
use crate::serve::server::Server;
use klined_market::base::{Nanos, Symbol, UnixNanos};
use klined_market::calendar::Hours;

/// The last instant that nanoseconds can count.
const LAST: UnixNanos = UnixNanos::MAX;

/// The query string's parameters. Those that are not known are passed over, as the vendor does.
pub type PolygonQuery<T> = QueryOf<T, PolygonError>;
/// The variable parts of a path.
pub type PolygonPath<T> = Segments<T, PolygonError>;
impl RouteError for PolygonError {
    const KNOWN: &'static [&'static str] = &KNOWN;
}

/// Every name that a query string may have.
pub const KNOWN: [&str; 21] = [
    "adjusted",
    "sort",
    "limit",
    "cursor",
    "timestamp",
    "timestamp.gt",
    "timestamp.gte",
    "timestamp.lt",
    "timestamp.lte",
    "order",
    "ticker",
    "ticker.gt",
    "ticker.gte",
    "ticker.lt",
    "ticker.lte",
    "ticker.any_of",
    "tickers",
    "type",
    "market",
    "search",
    "active",
];

/// Where the client reaches this server: what a link begins with.
pub struct External(pub String);

impl FromRequestParts<Arc<Server>> for External {
    type Rejection = PolygonError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Self::Rejection> {
        if let Some(url) = &server.options.external_url {
            return Ok(Self(url.clone()));
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        Ok(Self(format!("http://{}", host.unwrap_or("localhost"))))
    }
}

/// Which comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    Asc,
    Desc,
}

impl Sort {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

impl From<Sort> for TimeOrder {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Asc => Self::Ascending,
            Sort::Desc => Self::Descending,
        }
    }
}

/// A ticker by its name.
pub fn ticker(text: &str) -> Result<Symbol, PolygonError> {
    text.parse().map_err(|_| PolygonError::NotFound("Ticker not found."))
}

/// A number of entries from 1 to the most that there may be.
pub fn limit(asked: Option<i64>, usual: u16, most: u16) -> Result<u16, PolygonError> {
    let wrong = || invalid(format!("'limit' must be from 1 to {most}"));
    match asked {
        None => Ok(usual),
        Some(limit) => u16::try_from(limit).ok().filter(|limit| (1..=most).contains(limit)).ok_or_else(wrong),
    }
}

/// A span of instants in Unix nanoseconds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NanosSpan {
    pub from: UnixNanos,
    pub to: UnixNanos,
}

impl NanosSpan {
    pub const ALL: Self = Self { from: UnixNanos::EPOCH, to: LAST };

    /// What lies in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }
}

/// The span that a date or a number names: a day of the exchange, or one of the numbers from which the next one is a `unit` away.
pub fn moment(hours: Hours, name: &str, text: &str, unit: Nanos) -> Result<NanosSpan, PolygonError> {
    let how = if unit == Nanos::NANOSECOND { "Nanosecond" } else { "MS" };
    let wrong = || {
        let text = repeated(text);
        invalid(format!(
            "Could not parse the time parameter: '{name}' ({text}). Use YYYY-MM-DD or Unix {how} Timestamps"
        ))
    };
    if let Ok(date) = text.parse::<NaiveDate>() {
        let midnight = |date| {
            let nanos = hours.midnight(date).ok()?.checked_nanos().ok()?;
            Some(nanos).filter(|nanos| *nanos >= UnixNanos::EPOCH)
        };
        let next = date.succ_opt().and_then(midnight).unwrap_or(LAST);
        return Ok(NanosSpan { from: midnight(date).ok_or_else(wrong)?, to: next.previous() });
    }
    let number: i64 = text.parse().map_err(|_| wrong())?;
    let from = UnixNanos::checked_from(number, unit).filter(|from| *from >= UnixNanos::EPOCH).ok_or_else(wrong)?;
    Ok(NanosSpan { from, to: from.saturating_add(unit - Nanos::NANOSECOND) })
}

/// A number of a path or a cursor.
pub fn number(name: &str, text: &str) -> Result<i64, PolygonError> {
    text.parse().map_err(|_| invalid(format!("'{name}' must be a whole number, not \"{}\"", repeated(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::errors::Refusal;
    use klined_market::base::UnixSeconds;

    #[test]
    fn a_date_is_a_day_of_the_exchange_and_a_number_an_instant() {
        let [midnight, next] = [1_772_380_800, 1_772_467_200].map(|second| UnixSeconds::new(second).saturating_nanos());
        let span = |from, to| Some(NanosSpan { from: UnixNanos::new(from), to: UnixNanos::new(to) });
        let day = Some(NanosSpan { from: midnight, to: next.previous() });
        assert_eq!(moment(Hours::Sse, "from", "2026-03-02", Nanos::NANOSECOND).ok(), day);
        assert_eq!(moment(Hours::Sse, "from", "1000", Nanos::MILLISECOND).ok(), span(1_000_000_000, 1_000_999_999));
        assert_eq!(moment(Hours::Sse, "from", "1000", Nanos::NANOSECOND).ok(), span(1000, 1000));
        // In 1940 the clocks were put forward at midnight: that day has none.
        let never = ["1900-01-01", "1940-06-01", "9999-12-31", "+262142-12-31"];
        for text in ["", "-1", "now", "2026-02-30", "1e9", "9223372036854775807"].into_iter().chain(never) {
            let refused = moment(Hours::Sse, "from", text, Nanos::MILLISECOND).err();
            assert!(matches!(refused, Some(PolygonError::Shared(Refusal::Invalid(_)))), "{text}");
        }
    }
}
