//! The parameters of Polygon's dialect, and the refusal of a wrong one.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use chrono::NaiveDate;
use serde::Deserialize;

use super::answers::{PolygonError, invalid};
use super::names::{EMPTY_LISTS, KNOWN, OF_ROUTE};
use crate::query::TimeOrder;
use crate::query::parameters::repeated;
use crate::serve::kit::host::Host;
use crate::serve::kit::parameters::{QueryOf, RouteError, Segments, refuse_others};
use klined_market::base::{Nanos, Symbol, UnixNanos};
use klined_market::calendar::Hours;

/// The last instant that nanoseconds can count.
const LAST: UnixNanos = UnixNanos::MAX;

/// The query string's parameters.
pub type PolygonQuery<T> = QueryOf<T, PolygonError>;
/// The variable parts of a path.
pub type PolygonPath<T> = Segments<T, PolygonError>;
impl RouteError for PolygonError {
    const KNOWN: &'static [&'static str] = &KNOWN;

    /// The vendor passes over what it does not know. Here that is refused, as what the vendor knows and this market has not.
    fn check(route: &str, names: &[Cow<'_, str>]) -> Result<(), Self> {
        let known = OF_ROUTE.iter().find(|(start, _)| route.starts_with(start)).map_or(&[][..], |(_, known)| known);
        // A list with nothing in it is the same for any bounds.
        let is_ranged = EMPTY_LISTS.iter().any(|start| route.starts_with(start));
        let bare = |name: &Cow<'_, str>| match name.rsplit_once('.') {
            Some((bare, "gt" | "gte" | "lt" | "lte" | "any_of")) if is_ranged => Cow::Owned(bare.to_owned()),
            _ => Cow::Owned(name.to_string()),
        };
        Ok(refuse_others(&names.iter().map(bare).collect::<Vec<_>>(), known)?)
    }
}

/// The parameters of a route that has none, and of one whose answer does not depend on them.
#[derive(Debug, Deserialize)]
pub struct NoParameters {}

/// What bars are asked for with.
#[derive(Debug, Deserialize)]
pub struct RangeParameters {
    pub adjusted: Option<bool>,
    pub sort: Option<Sort>,
    pub limit: Option<i64>,
    /// Where the page before ended: the start of its last bar.
    pub cursor: Option<i64>,
}

/// Whether bars are to be adjusted for splits, and whether stocks that are traded over the counter belong to the answer. There are neither.
#[derive(Debug, Deserialize)]
pub struct AdjustedParameter {
    pub adjusted: Option<bool>,
    #[serde(rename = "include_otc")]
    _include_otc: Option<bool>,
    pub locale: Option<String>,
    pub market_type: Option<String>,
}

/// Where the client reaches this server: what a link begins with.
pub struct External(pub String);

impl<H: Host> FromRequestParts<Arc<H>> for External {
    type Rejection = PolygonError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<H>) -> Result<Self, Self::Rejection> {
        if let Some(url) = server.external_url() {
            return Ok(Self(url.to_owned()));
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

/// The classes of assets, of which this market has the first.
const ASSET_CLASSES: [&str; 5] = ["stocks", "options", "crypto", "fx", "indices"];

/// Whether a class of assets that is asked for is that of this market.
pub fn is_stocks(name: &str, asked: Option<&str>) -> Result<bool, PolygonError> {
    match asked.filter(|text| !text.is_empty()) {
        None => Ok(true),
        Some(text) if ASSET_CLASSES.contains(&text) => Ok(text == ASSET_CLASSES[0]),
        Some(text) => {
            Err(invalid(format!("'{name}' must be one of {}, not \"{}\"", ASSET_CLASSES.join(", "), repeated(text))))
        }
    }
}

/// Refuses a parameter that repeats a part of the path and is another one.
pub fn same_as_path(name: &str, asked: Option<&str>, of_path: &str) -> Result<(), PolygonError> {
    match asked.filter(|asked| *asked != of_path) {
        None => Ok(()),
        Some(other) => Err(invalid(format!("'{name}' is \"{}\", and the path has another one", repeated(other)))),
    }
}

/// Refuses an order by anything but the ticker.
pub fn by_ticker(sort: Option<&str>) -> Result<(), PolygonError> {
    match sort.filter(|sort| !sort.is_empty() && *sort != "ticker") {
        None => Ok(()),
        Some(other) => Err(invalid(format!("'sort' must be ticker, not \"{}\"", repeated(other)))),
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

/// How dates are days.
pub trait Days: Copy {
    /// The first instant of a date; none where there is no such instant.
    fn first_instant(self, date: NaiveDate) -> Option<UnixNanos>;
}

impl Days for Hours {
    fn first_instant(self, date: NaiveDate) -> Option<UnixNanos> {
        self.midnight(date).ok()?.checked_nanos().ok()
    }
}

/// The span that a date or a number names: a day, or one of the numbers from which the next one is a `unit` away.
///
/// # Errors
/// The text is neither.
pub fn moment(days: impl Days, name: &str, text: &str, unit: Nanos) -> Result<NanosSpan, PolygonError> {
    let how = if unit == Nanos::NANOSECOND { "Nanosecond" } else { "MS" };
    let wrong = || {
        let text = repeated(text);
        invalid(format!(
            "Could not parse the time parameter: '{name}' ({text}). Use YYYY-MM-DD or Unix {how} Timestamps"
        ))
    };
    if let Ok(date) = text.parse::<NaiveDate>() {
        let midnight = |date| days.first_instant(date).filter(|nanos| *nanos >= UnixNanos::EPOCH);
        let next = date.succ_opt().and_then(midnight).unwrap_or(LAST);
        return Ok(NanosSpan { from: midnight(date).ok_or_else(wrong)?, to: next.previous() });
    }
    let number: i64 = text.parse().map_err(|_| wrong())?;
    let from = UnixNanos::checked_from(number, unit).filter(|from| *from >= UnixNanos::EPOCH).ok_or_else(wrong)?;
    Ok(NanosSpan { from, to: from.saturating_add(unit - Nanos::NANOSECOND) })
}

/// A date of a path.
///
/// # Errors
/// It is none.
pub fn date(text: &str) -> Result<NaiveDate, PolygonError> {
    text.parse().map_err(|_| invalid(format!("Could not parse the date \"{}\". Use YYYY-MM-DD", repeated(text))))
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
