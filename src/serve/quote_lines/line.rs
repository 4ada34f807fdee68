//! What a line says of a stock, and the codes that a path names.

use chrono::NaiveDateTime;

use crate::query::errors::Refusal;
use crate::query::parameters::repeated;
use crate::query::{DayFigures, PriceList, StockSnapshot};
use crate::store::PriceRow;
use klined_market::bars::ticks::Level;
use klined_market::base::{PriceLimits, Symbol, UnixNanos, Venue};
use klined_market::calendar::Calendar;

/// The most codes of one request.
const CODES_MOST: usize = 800;
/// Names that clients add so that no answer comes from a cache.
const PASSED_OVER: [&str; 3] = ["rn", "r", "_"];

/// The codes of a path such as `rn=1&list=sh600000,sz000001`.
///
/// # Errors
/// It has no codes, too many of them, or another name.
pub fn codes(name: &str, path: &str) -> Result<Vec<String>, Refusal> {
    let mut found = Vec::new();
    for pair in path.split('&') {
        match pair.split_once('=') {
            Some((of, values)) if of == name => {
                found.extend(values.split(',').filter(|code| !code.is_empty()).map(str::to_owned));
            }
            Some((of, _)) if PASSED_OVER.contains(&of) => {}
            _ => {
                let pair = repeated(pair);
                return Err(Refusal::Invalid(format!(
                    "\"{pair}\" is not understood; codes are asked for as {name}=sh600000,sz000001"
                )));
            }
        }
    }
    match found.len() {
        0 => Err(Refusal::Invalid(format!("no code is named; codes are asked for as {name}=sh600000,sz000001"))),
        1..=CODES_MOST => Ok(found),
        _ => Err(Refusal::Invalid(format!("at most {CODES_MOST} codes are taken at once"))),
    }
}

/// A code as an answer repeats it: only letters, digits and what symbols have.
pub fn shown(code: &str) -> String {
    code.chars().filter(|letter| letter.is_ascii_alphanumeric() || "._^:/-".contains(*letter)).take(22).collect()
}

/// The stock of a code: `sh600000`; the ticker alone of a stock that is on no exchange of A-shares.
pub fn find<'p>(prices: &'p PriceList, code: &str) -> Option<&'p PriceRow> {
    let with_venue = code.get(..2).zip(code.get(2..)).and_then(|(venue, digits)| {
        let symbol: Symbol = digits.parse().ok()?;
        prices
            .find(&symbol)
            .filter(|row| Venue::of(&row.symbol).is_some_and(|of| of.short().eq_ignore_ascii_case(venue)))
    });
    let bare = || prices.find_any_case(code).filter(|row| Venue::of(&row.symbol).is_none());
    with_venue.or_else(bare)
}

/// What stands of a stock.
#[derive(Debug, Clone, PartialEq)]
pub struct QuoteLine {
    pub symbol: Symbol,
    /// Without the characters that separate fields.
    pub name: String,
    pub figures: DayFigures,
    pub bid: Option<Level>,
    pub ask: Option<Level>,
    pub limits: Option<PriceLimits>,
    /// The time of the last trade by the market's clocks.
    pub time: NaiveDateTime,
}

impl QuoteLine {
    pub fn of(
        calendar: &Calendar,
        snapshot: &StockSnapshot,
        name: &str,
        limits: Option<PriceLimits>,
        now: UnixNanos,
    ) -> Option<Self> {
        let StockSnapshot { days, present, latest, .. } = snapshot;
        let at = latest.trade.map_or(now, |trade| trade.at);
        let quote = |side: fn(klined_market::bars::ticks::BestQuote) -> Option<Level>| latest.quote.and_then(side);
        Some(Self {
            symbol: days.symbol,
            name: name.replace([',', '~', '"', ';', '\n', '\r'], " "),
            figures: present.of_day(days.figures(), calendar),
            bid: quote(|quote| quote.bid),
            ask: quote(|quote| quote.ask),
            limits,
            time: calendar.hours().local(at.seconds()).ok()?.naive_local(),
        })
    }

    /// The close of the day before; the day's open where there is none.
    pub fn previous_close(&self) -> f64 {
        self.figures.previous_close.unwrap_or(self.figures.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_clients_write_them() {
        let read = |name, path: &str| codes(name, path).ok();
        let both = Some(vec!["sh600000".to_owned(), "sz000001".to_owned()]);
        assert_eq!(read("list", "list=sh600000,sz000001"), both);
        assert_eq!(read("list", "rn=1700000000000&list=sh600000,sz000001,"), both);
        assert_eq!(read("q", "q=sh600000,sz000001&r=0.5"), both);
        for path in ["", "list=", "q=sh600000", "list", "list=a&limit=3", &format!("list={}", "a,".repeat(801))] {
            assert_eq!(read("list", path), None, "{path}");
        }
    }
}
