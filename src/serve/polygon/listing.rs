//! Spans of tickers, and the lists that are made of them.

use serde::Deserialize;

use super::answers::PolygonError;
use super::parameters::{Sort, number};
use crate::serve::kit::links::escaped;

/// A span of tickers. As part of other parameters its values are texts.
#[derive(Debug, Default, Deserialize)]
pub struct TickerSpan {
    ticker: Option<String>,
    #[serde(rename = "ticker.gt")]
    gt: Option<String>,
    #[serde(rename = "ticker.gte")]
    gte: Option<String>,
    #[serde(rename = "ticker.lt")]
    lt: Option<String>,
    #[serde(rename = "ticker.lte")]
    lte: Option<String>,
}

impl TickerSpan {
    /// Whether a ticker lies in the span.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        // Polygon's clients give an empty ticker for none.
        self.ticker.as_deref().is_none_or(|ticker| ticker.is_empty() || ticker == name)
            && self.gt.as_deref().is_none_or(|bound| name > bound)
            && self.gte.as_deref().is_none_or(|bound| name >= bound)
            && self.lt.as_deref().is_none_or(|bound| name < bound)
            && self.lte.as_deref().is_none_or(|bound| name <= bound)
    }

    /// The rows of the span among all, which are in order of ticker; and whether there are more.
    pub fn page<'r, R>(
        &self,
        rows: &'r [R],
        ticker: impl Fn(&R) -> &str,
        order: Sort,
        limit: usize,
        is_listed: impl Fn(&R) -> bool,
    ) -> (Vec<&'r R>, bool) {
        let mut found: Vec<&R> = rows.iter().filter(|row| self.has(ticker(row)) && is_listed(row)).collect();
        if order == Sort::Desc {
            found.reverse();
        }
        let has_more = found.len() > limit;
        found.truncate(limit);
        (found, has_more)
    }

    /// The query string of what comes after a ticker.
    pub fn after(&self, order: Sort, last: &str) -> String {
        let mut bounds = [("gt", &self.gt), ("gte", &self.gte), ("lt", &self.lt), ("lte", &self.lte)].to_vec();
        let last = Some(last.to_owned());
        let (moved, closed) = if order == Sort::Asc { ("gt", "gte") } else { ("lt", "lte") };
        bounds.retain(|(name, _)| *name != moved && *name != closed);
        bounds.push((moved, &last));
        let bounds = bounds.iter().filter_map(|(name, bound)| bound.as_ref().map(|bound| (name, bound)));
        bounds.map(|(name, bound)| format!("&ticker.{name}={}", escaped(bound))).collect()
    }
}

/// A number that is given as a text.
///
/// # Errors
/// It is no whole number.
pub fn count(text: Option<&str>) -> Result<Option<i64>, PolygonError> {
    text.map(|text| number("limit", text)).transpose()
}

/// What tickers are asked for with.
#[derive(Debug, Deserialize)]
pub struct ListingParameters {
    #[serde(flatten)]
    pub span: TickerSpan,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub market: Option<String>,
    pub exchange: Option<String>,
    pub cusip: Option<String>,
    pub cik: Option<String>,
    pub search: Option<String>,
    pub active: Option<String>,
    pub order: Option<Sort>,
    pub sort: Option<String>,
    pub limit: Option<String>,
}
