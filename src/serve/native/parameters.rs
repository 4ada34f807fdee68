//! The parameters of the native dialect, and the refusal of a wrong one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answers::NativeError;
use crate::query::errors::Refusal;
use crate::query::parameters::repeated;
use crate::query::time::{self, Edge};
use crate::query::{EmptyMinutes, Label, TimeOrder};
use crate::serve::kit::parameters::{QueryOf, Segments};
use klined_market::base::{Interval, Symbol, UnixSeconds};

/// The query string's parameters.
pub type NativeQuery<T> = QueryOf<T, NativeError>;

/// The ticker in a path.
pub struct Ticker(pub Symbol);

impl<S: Send + Sync> FromRequestParts<S> for Ticker {
    type Rejection = NativeError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, NativeError> {
        let Segments(text, ..) = Segments::<String, NativeError>::from_request_parts(parts, state).await?;
        Ok(Self(ticker(&text)?))
    }
}

/// A ticker by its name.
pub fn ticker(text: &str) -> Result<Symbol, Refusal> {
    text.parse().map_err(|_| Refusal::UnknownTicker(repeated(text)))
}

/// An interval by its name; the minute without one.
pub fn interval(name: &str, text: Option<&str>) -> Result<Interval, Refusal> {
    let wrong =
        |text| Refusal::Invalid(format!("{name}={}: use one of 1m 5m 15m 30m 60m 120m 1d 1w 1M", repeated(text)));
    text.map_or(Ok(Interval::Minute1), |text| text.parse().map_err(|_| wrong(text)))
}

/// The number of entries of a page, at most `most`.
pub fn limit(asked: Option<u32>, usual: u16, most: u16) -> Result<u16, Refusal> {
    match asked.map(u16::try_from) {
        None => Ok(usual),
        Some(Ok(limit @ 1..)) if limit <= most => Ok(limit),
        Some(_) => Err(Refusal::Invalid(format!("limit must be from 1 to {most}"))),
    }
}

/// The instants that a range goes from and to.
pub fn range(start: Option<&str>, end: Option<&str>) -> Result<(Option<UnixSeconds>, Option<UnixSeconds>), Refusal> {
    let parse = |name, text: Option<&str>, edge| text.map(|text| time::parse(name, text, edge)).transpose();
    let start = parse("start", start, Edge::Start).map_err(Refusal::Invalid)?;
    let end = parse("end", end, Edge::End).map_err(Refusal::Invalid)?;
    if start.zip(end).is_some_and(|(start, end)| end < start) {
        return Err(Refusal::Invalid("end must not be earlier than start".to_owned()));
    }
    Ok((start, end))
}

/// The place that a page ended at: not negative.
pub fn page_token(text: Option<&str>) -> Result<Option<i64>, Refusal> {
    let wrong = || Refusal::Invalid("page_token must be the next_page_token of the page before".to_owned());
    let parse = |text: &str| text.parse().ok().filter(|place| *place >= 0).ok_or_else(wrong);
    text.map(parse).transpose()
}

/// Which bar comes first
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderName {
    #[default]
    Asc,
    Desc,
}

/// Minutes without a bar, as in a halt, are left out or filled with a flat bar without volume
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FillName {
    #[default]
    Skip,
    Fill,
}

/// Whether a bar's time is the start of its first minute or the end of its last
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LabelName {
    #[default]
    Start,
    End,
}

impl From<OrderName> for TimeOrder {
    fn from(name: OrderName) -> Self {
        match name {
            OrderName::Asc => Self::Ascending,
            OrderName::Desc => Self::Descending,
        }
    }
}

impl From<FillName> for EmptyMinutes {
    fn from(name: FillName) -> Self {
        match name {
            FillName::Skip => Self::Skip,
            FillName::Fill => Self::Flat,
        }
    }
}

impl From<LabelName> for Label {
    fn from(name: LabelName) -> Self {
        match name {
            LabelName::Start => Self::Start,
            LabelName::End => Self::End,
        }
    }
}
