//! The parameters of Alpaca's routes, and the refusal of a wrong one.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use chrono::NaiveDate;

use super::answers::AlpacaError;
use crate::query::TimeOrder;
use crate::query::errors::Refusal;
use crate::query::parameters::{read, repeated};
use crate::query::time::{self, Edge};
use crate::serve::kit::pages::SymbolCursor;
use crate::serve::kit::parameters::{counted, route};
use crate::serve::server::Server;
use klined_market::base::{Symbol, TimeUnit, Timeframe, UnixNanos, UnixSeconds};
use klined_market::calendar::Hours;

/// The most symbols of one request. With names of six letters and escaped commas they fit into a URL.
const SYMBOLS_MAX: usize = 6_000;
/// The most and the usual number of entries of a page.
const LIMIT_MAX: u16 = 10_000;
const LIMIT_USUAL: u16 = 1_000;
/// Every parameter that Alpaca's routes for stocks take.
pub const KNOWN: [&str; 23] = [
    "symbols",
    "timeframe",
    "start",
    "end",
    "limit",
    "page_token",
    "sort",
    "adjustment",
    "asof",
    "feed",
    "currency",
    "tape",
    "date_type",
    "status",
    "asset_class",
    "exchange",
    "attributes",
    "include_content",
    "exclude_contentless",
    "cusips",
    "types",
    "ids",
    "data_quality",
];

/// The parameters of each route, by what its pattern ends with. Those of one symbol do not take `symbols`.
const OF_ROUTE: [(&str, &[&str]); 15] = [
    ("/assets", &["status", "asset_class", "exchange", "attributes"]),
    ("/assets/{symbol}", &[]),
    ("/news", &["symbols", "start", "end", "limit", "page_token", "sort", "include_content", "exclude_contentless"]),
    (
        "/corporate-actions",
        &["symbols", "cusips", "types", "ids", "start", "end", "limit", "page_token", "sort", "data_quality"],
    ),
    ("/auctions", &["symbols", "start", "end", "limit", "page_token", "sort", "asof", "feed", "currency"]),
    ("/clock", &[]),
    ("/calendar", &["start", "end", "date_type"]),
    ("/latest", &["symbols", "feed", "currency"]),
    ("/snapshots", &["symbols", "feed", "currency"]),
    ("/snapshot", &["feed", "currency"]),
    ("/meta/exchanges", &[]),
    ("/meta/conditions/{kind}", &["tape"]),
    (
        "/bars",
        &[
            "symbols",
            "timeframe",
            "start",
            "end",
            "limit",
            "page_token",
            "sort",
            "adjustment",
            "asof",
            "feed",
            "currency",
        ],
    ),
    ("/trades", &["symbols", "start", "end", "limit", "page_token", "sort", "asof", "feed", "currency"]),
    ("/quotes", &["symbols", "start", "end", "limit", "page_token", "sort", "asof", "feed", "currency"]),
];
/// The values of parameters that change nothing here: there is one feed, and there are no corporate actions.
const FEEDS: [&str; 6] = ["sip", "iex", "delayed_sip", "otc", "boats", "overnight"];
const ADJUSTMENTS: [&str; 5] = ["raw", "split", "dividend", "spin-off", "all"];
const TAPES: [&str; 3] = ["A", "B", "C"];
/// Days are looked up by the day of the trade.
const DATE_TYPES: [&str; 1] = ["TRADING"];
/// What an asset's status may be asked for as.
const STATUSES: [&str; 3] = ["active", "inactive", "all"];
const SWITCHES: [&str; 2] = ["true", "false"];

/// A request's parameters by their names; those without a value are left out.
#[derive(Debug, Clone, Default)]
pub struct AlpacaQuery(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for AlpacaQuery {
    type Rejection = AlpacaError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(route(parts), read(&parts.uri)?)?)
    }
}

fn invalid(name: &str, value: &str) -> Refusal {
    Refusal::Invalid(format!("invalid {name}: {}", repeated(value)))
}

impl AlpacaQuery {
    fn of(route: &str, pairs: Vec<(String, String)>) -> Result<Self, Refusal> {
        let of_route = OF_ROUTE.iter().find(|(end, _)| route.ends_with(end)).map_or(&KNOWN[..], |(_, known)| known);
        let is_known = |name: &str| of_route.contains(&name) && !(name == "symbols" && route.contains("{symbol}"));
        let unknown: BTreeSet<_> =
            pairs.iter().filter(|(name, _)| !is_known(name)).map(|(name, _)| repeated(name)).collect();
        if !unknown.is_empty() {
            let names = unknown.into_iter().take(5).collect::<Vec<_>>().join(", ");
            return Err(Refusal::Invalid(format!("unexpected parameter(s): {names}")));
        }
        let query = Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect());
        query.check_values()?;
        Ok(query)
    }

    /// Refuses values of parameters that change nothing, where the vendor has no such value or would give other numbers.
    fn check_values(&self) -> Result<(), Refusal> {
        let is_one_of = |name, values: &[&str]| match self.text(name) {
            Some(text) if !text.split(',').all(|part| values.contains(&part)) => Err(invalid(name, text)),
            _ => Ok(()),
        };
        is_one_of("feed", &FEEDS)?;
        is_one_of("adjustment", &ADJUSTMENTS)?;
        is_one_of("tape", &TAPES)?;
        is_one_of("date_type", &DATE_TYPES)?;
        is_one_of("status", &STATUSES)?;
        is_one_of("include_content", &SWITCHES)?;
        is_one_of("exclude_contentless", &SWITCHES)?;
        match self.text("currency") {
            // Prices are not converted.
            Some(text) if text != "USD" => Err(invalid("currency", text)),
            _ => Ok(()),
        }?;
        match self.text("asof") {
            Some(text) if text != "-" && text.parse::<NaiveDate>().is_err() => Err(invalid("asof", text)),
            _ => Ok(()),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The symbols, each once, in order.
    pub fn symbols(&self) -> Result<BTreeSet<Symbol>, Refusal> {
        let named = self.text("symbols").ok_or_else(|| Refusal::Invalid("symbols parameter is required".to_owned()))?;
        let symbols: BTreeSet<Symbol> = named.split(',').map(|text| symbol(text.trim())).collect::<Result<_, _>>()?;
        if symbols.len() > SYMBOLS_MAX {
            return Err(Refusal::Invalid(format!("too many symbols: at most {SYMBOLS_MAX} are taken")));
        }
        Ok(symbols)
    }

    /// The symbols, where any are named.
    pub fn optional_symbols(&self) -> Result<(), Refusal> {
        self.text("symbols").map(|_| self.symbols().map(drop)).unwrap_or(Ok(()))
    }

    pub fn status(&self) -> Option<&str> {
        self.text("status")
    }

    pub fn asset_class(&self) -> Option<&str> {
        self.text("asset_class")
    }

    pub fn exchange(&self) -> Option<&str> {
        self.text("exchange")
    }

    pub fn attributes(&self) -> Option<&str> {
        self.text("attributes")
    }

    /// The timeframe of the bars.
    pub fn timeframe(&self) -> Result<Timeframe, Refusal> {
        let text =
            self.text("timeframe").ok_or_else(|| Refusal::Invalid("timeframe parameter is required".to_owned()))?;
        timeframe(text)
    }

    pub fn limit(&self) -> Result<u16, Refusal> {
        let Some(text) = self.text("limit") else { return Ok(LIMIT_USUAL) };
        match text.parse() {
            Ok(limit @ 1..=LIMIT_MAX) => Ok(limit),
            _ => Err(Refusal::Invalid(format!("invalid limit: {} is not from 1 to {LIMIT_MAX}", repeated(text)))),
        }
    }

    pub fn order(&self) -> Result<TimeOrder, Refusal> {
        match self.text("sort") {
            None | Some("asc") => Ok(TimeOrder::Ascending),
            Some("desc") => Ok(TimeOrder::Descending),
            Some(other) => Err(invalid("sort", other)),
        }
    }

    /// The first and the last instant, both included.
    pub fn range(&self, hours: Hours) -> Result<(Option<UnixNanos>, Option<UnixNanos>), Refusal> {
        let instant = |name, edge| self.text(name).map(|text| instant(hours, name, text, edge)).transpose();
        let (start, end) = (instant("start", Edge::Start)?, instant("end", Edge::End)?);
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            return Err(Refusal::Invalid("end should not be before start".to_owned()));
        }
        Ok((start, end))
    }

    pub fn page_token(&self) -> Result<Option<SymbolCursor>, Refusal> {
        let wrong = |text| invalid("page_token", text);
        self.text("page_token").map(|text| SymbolCursor::parse(text).ok_or_else(|| wrong(text))).transpose()
    }
}

/// A symbol by its name.
pub fn symbol(text: &str) -> Result<Symbol, Refusal> {
    text.parse().map_err(|_| invalid("symbol", text))
}

/// The first instant of a page: the beginning of the market's present day where none is given.
pub async fn start_or_today(server: &Server, start: Option<UnixNanos>) -> Result<UnixNanos, Refusal> {
    match start {
        Some(start) => Ok(start),
        None => {
            let midnight = server.market_day().await?.map(|day| server.reader.calendar().midnight(day)).transpose()?;
            Ok(midnight.map_or(UnixNanos::EPOCH, UnixSeconds::saturating_nanos))
        }
    }
}

fn instant(hours: Hours, name: &str, text: &str, edge: Edge) -> Result<UnixNanos, Refusal> {
    let (seconds, fraction) = time::precise(hours, name, text, edge).map_err(|_| invalid(name, text))?;
    Ok(seconds.saturating_nanos().saturating_add(fraction))
}

/// The timeframe behind Alpaca's name. An hour is 60 minutes of trading, and a day's bar is whole.
fn timeframe(text: &str) -> Result<Timeframe, Refusal> {
    let wrong = || invalid("timeframe", text);
    let (count, unit) =
        if text.starts_with(|c: char| c.is_ascii_digit()) { counted(text).ok_or_else(wrong)? } else { (1, text) };
    let (unit, units, most) = match unit {
        "Min" | "T" => (TimeUnit::Minute, 1, 59),
        "Hour" | "H" => (TimeUnit::Minute, 60, 23),
        "Day" | "D" => (TimeUnit::Day, 1, 1),
        "Week" | "W" => (TimeUnit::Week, 1, 1),
        "Month" | "M" if [1, 2, 3, 4, 6, 12].contains(&count) => (TimeUnit::Month, 1, 12),
        _ => return Err(wrong()),
    };
    Some(count)
        .filter(|count| (1..=most).contains(count))
        .and_then(|count| Timeframe::new(unit, count * units))
        .ok_or_else(wrong)
}

#[cfg(test)]
impl AlpacaQuery {
    /// Reads every parameter.
    pub fn all(&self) {
        let _ =
            (self.symbols(), self.timeframe(), self.limit(), self.order(), self.range(Hours::Sse), self.page_token());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klined_market::base::{Nanos, Seconds};

    fn of(name: &str, value: &str) -> AlpacaQuery {
        AlpacaQuery::of("/any", vec![(name.to_owned(), value.to_owned())]).unwrap_or_default()
    }

    #[test]
    fn a_timeframe_is_one_of_the_vendors_or_is_refused() {
        let taken = [
            ("1Min", "1m"),
            ("3Min", "3m"),
            ("15T", "15m"),
            ("59Min", "59m"),
            ("1Hour", "60m"),
            ("23H", "1380m"),
            ("1Day", "1d"),
            ("1W", "1w"),
            ("Month", "1M"),
            ("12Month", "12M"),
        ];
        for (text, name) in taken {
            assert_eq!(of("timeframe", text).timeframe().map(|named| named.to_string()), Ok(name.to_owned()), "{text}");
        }
        for text in
            ["60Min", "0Min", "24Hour", "2Day", "2Week", "5Month", "1Sec", "Minn", "1m", "-1Min", "99999999Hour"]
        {
            let refusal = of("timeframe", text).timeframe().unwrap_err();
            assert!(refusal.to_string().starts_with("invalid timeframe: "), "{text}: {refusal}");
        }
    }

    #[test]
    fn an_instant_has_nanoseconds_and_a_date_is_a_whole_day() {
        let second = UnixSeconds::new(1_772_415_000);
        for (text, nanos) in [("2026-03-02T01:30:00Z", 0), ("2026-03-02T09:30:00.000000001+08:00", 1)] {
            assert_eq!(
                of("start", text).range(Hours::Sse).map(|(start, _)| start),
                Ok(Some(second.saturating_nanos() + Nanos::new(nanos))),
                "{text}"
            );
        }
        let midnight = second - Seconds::minutes(9 * 60 + 30);
        let day =
            AlpacaQuery::of("/any", ["start", "end"].map(|name| (name.to_owned(), "2026-03-02".to_owned())).to_vec());
        let last = (midnight + Seconds::DAY).saturating_nanos().previous();
        assert_eq!(day.and_then(|day| day.range(Hours::Sse)), Ok((Some(midnight.saturating_nanos()), Some(last))));
    }

    #[test]
    fn a_page_token_comes_back_as_it_was_given() {
        for after in [None, Some(0), Some(i64::MAX)] {
            let token = SymbolCursor { symbol: "BRK.B".parse().unwrap(), after };
            assert_eq!(of("page_token", &token.text()).page_token(), Ok(Some(token)));
        }
        for text in ["x", "-1.AAPL", "1.", "9999999999999999999999.A", "null"] {
            let refused = Err(Refusal::Invalid(format!("invalid page_token: {text}")));
            assert_eq!(of("page_token", text).page_token(), refused);
        }
    }
}
