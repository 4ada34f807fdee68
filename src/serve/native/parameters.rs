//! The parameters of the native dialect, and the refusal of a wrong one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};

use super::answers::NativeError;
use crate::query::errors::Refusal;
use crate::query::parameters::{read, repeated};
use crate::query::time::{self, Edge};
use crate::query::{EmptyMinutes, Label, TimeOrder};
use crate::serve::kit::parameters::{Segments, counted, names, refuse_others};
use klined_market::base::{Interval, Symbol, TimeUnit, Timeframe, UnixSeconds};
use klined_market::calendar::Hours;

/// The query string's parameters. Names that the route does not document are refused.
pub struct NativeQuery<T>(pub T);

impl<T: DeserializeOwned + IntoParams, S: Send + Sync> FromRequestParts<S> for NativeQuery<T> {
    type Rejection = NativeError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, NativeError> {
        let documented = T::into_params(|| None);
        let known: Vec<&str> = documented.iter().map(|parameter| parameter.name.as_str()).collect();
        refuse_others(&names(&parts.uri), &known)?;
        Ok(Self(read(&parts.uri)?))
    }
}

/// The parameters of a route that has none.
#[derive(Debug, Deserialize)]
pub struct NoParameters {}

impl IntoParams for NoParameters {
    fn into_params(_place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::new()
    }
}

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

/// The names of units, each with how many stored units it is. `M` is a month and `m` a minute, so the case of letters counts.
const UNITS: [(&str, TimeUnit, u32); 13] = [
    ("m", TimeUnit::Minute, 1),
    ("h", TimeUnit::Minute, 60),
    ("H", TimeUnit::Minute, 60),
    ("d", TimeUnit::Day, 1),
    ("D", TimeUnit::Day, 1),
    ("w", TimeUnit::Week, 1),
    ("W", TimeUnit::Week, 1),
    ("M", TimeUnit::Month, 1),
    ("mo", TimeUnit::Month, 1),
    ("q", TimeUnit::Month, 3),
    ("Q", TimeUnit::Month, 3),
    ("y", TimeUnit::Month, 12),
    ("Y", TimeUnit::Month, 12),
];

/// A timeframe by one of its names; the minute without one.
pub fn timeframe(name: &str, text: Option<&str>) -> Result<Timeframe, Refusal> {
    let Some(text) = text else { return Ok(Interval::Minute1.into()) };
    let wrong = || {
        let of = "use a number of m, h, d, w, M, q or y: 1m 5m 15m 30m 60m 120m 1d 1w 1M, and sums such as 3m 4h 2d 1q";
        let most = "at most 1440 minutes, 366 days, 53 weeks or 120 months";
        Refusal::Invalid(format!("{name}={}: {of}; {most}", repeated(text)))
    };
    let (count, unit) = counted(text).ok_or_else(wrong)?;
    let (_, unit, units) = UNITS.iter().find(|(name, ..)| *name == unit).ok_or_else(wrong)?;
    Timeframe::new(*unit, count.saturating_mul(*units)).ok_or_else(wrong)
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
pub fn range(
    hours: Hours,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<(Option<UnixSeconds>, Option<UnixSeconds>), Refusal> {
    let parse = |name, text: Option<&str>, edge| text.map(|text| time::parse(hours, name, text, edge)).transpose();
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

/// The form of an answer
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FormatName {
    #[default]
    Json,
    Csv,
    Arrow,
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
