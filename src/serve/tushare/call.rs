//! A call of an API: its name, its parameters and the fields of its rows; and the refusals of wrong ones.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveDateTime};
use serde::Deserialize;
use serde_json::Value;

use super::answers::TushareError;
use super::api::ApiName;
use crate::access::guard::Credentials;
use crate::query::PriceList;
use crate::query::errors::Refusal;
use crate::query::parameters::repeated;
use crate::store::PriceRow;
use klined_market::base::{Symbol, Venue};

/// The most rows that a call may pass over.
const OFFSET_MOST: u32 = 100_000;
/// A parameter that the vendor's client adds to every call: where it sends it.
const OF_CLIENT: &str = "ts_type_name";
/// The parameters that every API takes.
const OF_ALL: [&str; 2] = ["limit", "offset"];

/// A call as it is sent.
#[derive(Deserialize)]
struct Sent {
    api_name: Option<String>,
    #[serde(default)]
    params: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    fields: Option<String>,
}

#[derive(Deserialize)]
struct SentToken {
    token: Option<String>,
}

/// The token of a call.
pub fn token(body: &[u8]) -> Option<Credentials> {
    let sent: SentToken = serde_json::from_slice(body).ok()?;
    sent.token.filter(|token| !token.is_empty()).map(Credentials::Whole)
}

/// A call of an API.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub api: ApiName,
    /// Those with a value.
    parameters: BTreeMap<String, String>,
    /// The columns that are asked for; the usual ones where there are none.
    pub fields: Vec<String>,
}

impl Call {
    /// A call by its body, and by the name in its path.
    pub fn read(body: &[u8], in_path: Option<&str>) -> Result<Self, TushareError> {
        let wrong = |error: serde_json::Error| {
            let of = "a body of JSON is needed: {\"api_name\":…,\"token\":…,\"params\":{…},\"fields\":…}";
            TushareError::Refused(Refusal::Invalid(format!("{of}; {error}")))
        };
        let sent: Sent = serde_json::from_slice(body).map_err(wrong)?;
        let name = sent.api_name.as_deref().filter(|name| !name.is_empty()).or(in_path).unwrap_or_default();
        let found = ApiName::ALL.iter().find(|(known, _)| *known == name && in_path.is_none_or(|path| path == name));
        let Some((_, api)) = found.copied() else { return Err(TushareError::Api(repeated(name))) };
        let mut parameters = BTreeMap::new();
        for (name, value) in sent.params.unwrap_or_default() {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                Value::Bool(is_set) => u8::from(is_set).to_string(),
                _ => return Err(TushareError::Parameter(api, format!("{} is no text and no number", repeated(&name)))),
            };
            if name == OF_CLIENT || text.is_empty() {
                continue;
            }
            if !api.parameters().contains(&&*name) && !OF_ALL.contains(&&*name) {
                let known = [api.parameters(), &OF_ALL].concat().join(", ");
                let name = repeated(&name);
                return Err(TushareError::Parameter(api, format!("there is no parameter {name}; there are {known}")));
            }
            parameters.insert(name, text);
        }
        let fields = sent.fields.unwrap_or_default();
        let fields = fields.split(',').map(str::trim).filter(|name| !name.is_empty()).map(repeated).collect();
        Ok(Self { api, parameters, fields })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    pub fn required(&self, name: &'static str) -> Result<&str, TushareError> {
        self.get(name).ok_or(TushareError::Missing(self.api, name))
    }

    /// A parameter that is not understood.
    pub fn wrong(&self, name: &str, of: &str) -> TushareError {
        let value = repeated(self.get(name).unwrap_or_default());
        TushareError::Parameter(self.api, format!("{name}={value}: {of}"))
    }

    fn number(&self, name: &str, most: u32) -> Result<Option<u32>, TushareError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number <= most);
        number.map(Some).ok_or_else(|| self.wrong(name, &format!("a number up to {most} is needed")))
    }

    /// How many rows are passed over, and how many are wanted of those that the API gives at once. A larger limit is taken as the most.
    pub fn page(&self, most: u32) -> Result<(usize, usize), TushareError> {
        let offset = self.number("offset", OFFSET_MOST)?.unwrap_or(0);
        let limit = self.number("limit", u32::MAX)?.map_or(most, |limit| limit.min(most));
        Ok((offset as usize, limit as usize))
    }

    /// A date: `20260302`, or with dashes.
    pub fn date(&self, name: &str) -> Result<Option<NaiveDate>, TushareError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        // Every number has all of its digits, and no sign.
        let form = match (text.len(), text.bytes().filter(u8::is_ascii_digit).count()) {
            (8, 8) => Some("%Y%m%d"),
            (10, 8) => Some("%Y-%m-%d"),
            _ => None,
        };
        let date = form.and_then(|form| NaiveDate::parse_from_str(text, form).ok());
        date.map(Some).ok_or_else(|| self.wrong(name, "a date is needed, as 20260302"))
    }

    /// A time by the market's clocks: `2026-03-02 09:30:00`, or a date, which is its first or its last instant.
    pub fn time(&self, name: &str, is_end: bool) -> Result<Option<NaiveDateTime>, TushareError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let form = match (text.len(), text.bytes().filter(u8::is_ascii_digit).count()) {
            (17, 14) => Some("%Y%m%d %H:%M:%S"),
            (19, 14) => Some("%Y-%m-%d %H:%M:%S"),
            _ => None,
        };
        if let Some(time) = form.and_then(|form| NaiveDateTime::parse_from_str(text, form).ok()) {
            return Ok(Some(time));
        }
        let of = "a time is needed, as 2026-03-02 09:30:00";
        let date = self.date(name).map_err(|_| self.wrong(name, of))?;
        Ok(date.and_then(|date| if is_end { date.and_hms_opt(23, 59, 59) } else { date.and_hms_opt(0, 0, 0) }))
    }

    /// The stocks of `ts_code`, which commas separate, each once and in order of symbol; all of them without one. A code that there is
    /// not has no rows.
    pub fn stocks<'p>(&self, prices: &'p PriceList) -> Vec<&'p PriceRow> {
        let Some(codes) = self.get("ts_code") else { return prices.rows.iter().collect() };
        let mut found: Vec<&PriceRow> = codes.split(',').filter_map(|code| find(prices, code.trim())).collect();
        found.sort_by_key(|row| row.symbol);
        found.dedup_by_key(|row| row.symbol);
        found
    }
}

/// A stock by its code.
fn find<'p>(prices: &'p PriceList, code: &str) -> Option<&'p PriceRow> {
    let has_code = |row: &&PriceRow| ts_code(&row.symbol).eq_ignore_ascii_case(code);
    let bare = code.rsplit_once('.').map_or(code, |(bare, _)| bare);
    [bare, code].into_iter().find_map(|name| prices.find_any_case(name).filter(has_code))
}

/// The code of a stock: `600519.SH`; the ticker alone of a stock that is on no exchange of A-shares.
pub fn ts_code(symbol: &Symbol) -> String {
    match Venue::of(symbol) {
        Some(venue) => format!("{symbol}.{}", venue.short()),
        None => symbol.to_string(),
    }
}

/// Reads every parameter of any call.
#[cfg(test)]
pub fn values(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    for (_, api) in ApiName::ALL {
        let names = api.parameters().iter().chain(&OF_ALL);
        let parameters = names.map(|name| ((*name).to_owned(), text.clone())).collect();
        let call = Call { api, parameters, fields: vec![text.clone()] };
        let _ = (call.page(6000), call.stocks(&PriceList::default()).len());
        for name in ["start_date", "end_date", "trade_date"] {
            let _ = (call.date(name), call.time(name, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, path: Option<&str>) -> Result<Call, TushareError> {
        Call::read(body.as_bytes(), path)
    }

    #[test]
    fn a_call_is_read_as_the_vendors_client_sends_it() {
        let body = r#"{"api_name":"daily","token":"t","params":{"ts_code":"600000.SH","offset":null,"limit":5,
            "ts_type_name":"http://x","start_date":""},"fields":"ts_code, close"}"#;
        let call = read(body, Some("daily")).unwrap();
        assert_eq!((call.api, call.get("ts_code"), call.page(6000)), (ApiName::Daily, Some("600000.SH"), Ok((0, 5))));
        assert_eq!(call.fields, ["ts_code", "close"]);
        assert_eq!(call.date("start_date"), Ok(None));
        assert_eq!(read(r#"{"params":{}}"#, Some("rt_k")).map(|call| call.api), Ok(ApiName::RtK));
        assert_eq!(token(body.as_bytes()), Some(Credentials::Whole("t".to_owned())));
        for (body, path) in [
            (r#"{"api_name":"daily"}"#, Some("weekly")),
            (r#"{"api_name":"income"}"#, None),
            (r#"{"api_name":"daily","params":{"code":"x"}}"#, None),
            (r#"{"api_name":"daily","params":{"ts_code":["x"]}}"#, None),
            (r#"{"api_name":"daily","params":[]}"#, None),
            ("[]", Some("daily")),
            ("", Some("daily")),
        ] {
            assert!(read(body, path).is_err(), "{body}");
        }
    }

    #[test]
    fn dates_and_times_are_the_vendors() {
        let call = |value: &str| {
            let body = serde_json::json!({"api_name": "stk_mins", "params": {"start_date": value}});
            read(&body.to_string(), None).unwrap()
        };
        for text in ["20260302", "2026-03-02"] {
            assert_eq!(
                call(text).date("start_date").map(|date| date.unwrap().to_string()),
                Ok("2026-03-02".to_owned())
            );
            let end = call(text).time("start_date", true).map(|time| time.unwrap().to_string());
            assert_eq!(end, Ok("2026-03-02 23:59:59".to_owned()));
        }
        let at = call("2026-03-02 09:31:00").time("start_date", false).map(|time| time.unwrap().to_string());
        assert_eq!(at, Ok("2026-03-02 09:31:00".to_owned()));
        for text in ["2026030", "20260230", "03/02/2026", "2026-03-02T09:30:00", "+2026-3-2", "now"] {
            assert!(call(text).date("start_date").is_err() && call(text).time("start_date", false).is_err(), "{text}");
        }
    }

    #[test]
    fn a_code_ends_with_its_exchange() {
        let code = |symbol: &str| ts_code(&symbol.parse().unwrap());
        assert_eq!([code("600519"), code("300750"), code("920001")], ["600519.SH", "300750.SZ", "920001.BJ"]);
        assert_eq!(code("AAPL"), "AAPL");
    }
}
