//! Bars of a pair, of a day and of all pairs. A bar is made of the middle price; its volume is the number of its quotes.

use std::sync::Arc;

use axum::extract::State;
use klined::query::parameters::repeated;
use klined::serve::kit::parameters::{QueryOf, Segments};
use klined::serve::polygon::answers::{PolygonAnswer, aggregates, aggregates_page, invalid};
use klined::serve::polygon::parameters::{
    AdjustedParameter, External, PolygonPath, PolygonQuery, RangeParameters, Sort, date, limit, moment, same_as_path,
};
use klined_fx::base::Pair;
use klined_fx::market::MidBar;
use klined_market::base::Nanos;
use serde::Serialize;

use super::{UtcDays, pair_of, ticker_of};
use crate::prices::{BarQuery, mean_price, units};
use crate::server::FxServer;
use crate::windows::{DAY, Window, midnight};

/// How many days back the one before is looked for.
const DAYS_BACK: i64 = 9;

/// A bar.
#[derive(Debug, Serialize)]
pub struct FxAggregate {
    /// Only in answers with several tickers.
    #[serde(rename = "T", skip_serializing_if = "Option::is_none")]
    ticker: Option<String>,
    v: i64,
    vw: f64,
    o: f64,
    c: f64,
    h: f64,
    l: f64,
    /// Start of its window, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<i64>,
    n: i64,
}

impl FxAggregate {
    /// The bar of a pair, of a window that begins at a second.
    pub fn of(pair: Pair, start: Option<i64>, bar: &MidBar) -> Self {
        let MidBar { open, high, low, close, quotes, .. } = *bar;
        let [o, h, l, c] = [open, high, low, close].map(|ticks| units(pair, ticks));
        let (vw, t) = (mean_price(pair, bar), start.map(|start| start * 1000));
        Self { ticker: None, v: quotes, vw, o, c, h, l, t, n: quotes }
    }

    fn named(pair: Pair, start: i64, bar: &MidBar) -> Self {
        Self { ticker: Some(ticker_of(pair)), ..Self::of(pair, Some(start), bar) }
    }
}

/// Bars of a pair over a time.
pub async fn range(
    State(server): State<Arc<FxServer>>,
    External(external): External,
    Segments((ticker, multiplier, timespan, from, to), ..): PolygonPath<(String, String, String, String, String)>,
    QueryOf(asked, ..): PolygonQuery<RangeParameters>,
) -> PolygonAnswer {
    let window = Window::parse(&multiplier, &timespan)?;
    let bound = |name, text| moment(UtcDays, name, text, Nanos::MILLISECOND);
    let (first, last) = (bound("from", &from)?.from.seconds().get(), bound("to", &to)?.to.seconds().get());
    if last < first {
        return Err(invalid("The parameter 'to' cannot be a time that occurs before 'from'"));
    }
    let asked_limit = limit(asked.limit, 5000, 50_000)?;
    let sort = asked.sort.unwrap_or(Sort::Asc);
    let Some(pair) = pair_of(&ticker) else {
        return aggregates::<FxAggregate>(Some(&repeated(&ticker)), &[], asked.adjusted);
    };
    let limit = usize::try_from(i64::from(asked_limit) / window.base()).unwrap_or(1).max(1);
    let after = asked.cursor.map(|cursor| cursor.clamp(0, last));
    let query = BarQuery { pair, window, from: first, to: last, order: sort.into(), limit, after };
    let now = server.now();
    let (bars, next) = server.ask(Vec::new(), move |question| question.bars(&query, now)).await?;
    let results: Vec<FxAggregate> = bars.iter().map(|(start, bar)| FxAggregate::of(pair, Some(*start), bar)).collect();
    let next_url = next.map(|next| {
        let (adjusted, sort) = (asked.adjusted.unwrap_or(true), sort.as_str());
        let path = format!("/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}");
        format!("{external}{path}?adjusted={adjusted}&sort={sort}&limit={asked_limit}&cursor={next}")
    });
    let query_count = results.len() * usize::try_from(window.base()).unwrap_or(1);
    aggregates_page(Some(&ticker), &results, asked.adjusted, query_count, next_url)
}

/// The bar of the last day before today that has a quote.
pub async fn previous(
    State(server): State<Arc<FxServer>>,
    Segments(ticker, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<AdjustedParameter>,
) -> PolygonAnswer {
    let Some(pair) = pair_of(&ticker) else {
        return aggregates::<FxAggregate>(Some(&repeated(&ticker)), &[], asked.adjusted);
    };
    let today = Window::DAY.start(server.now());
    let found = server.ask(Vec::new(), move |question| {
        for start in (1..DAYS_BACK).map(|days| today - days * DAY) {
            if let Some(bar) = question.bar(pair, start, start + DAY)? {
                return Ok(Some(FxAggregate::named(pair, start, &bar)));
            }
        }
        Ok(None)
    });
    aggregates(Some(&ticker), &Vec::from_iter(found.await?), asked.adjusted)
}

/// Every pair's bar of a day.
pub async fn grouped(
    State(server): State<Arc<FxServer>>,
    Segments((locale, market, text), ..): PolygonPath<(String, String, String)>,
    QueryOf(asked, ..): PolygonQuery<AdjustedParameter>,
) -> PolygonAnswer {
    let start = midnight(date(&text)?);
    same_as_path("locale", asked.locale.as_deref(), &locale)?;
    same_as_path("market_type", asked.market_type.as_deref(), &market)?;
    if (locale.as_str(), market.as_str()) != ("global", "fx") {
        return aggregates::<FxAggregate>(None, &[], asked.adjusted);
    }
    let end = (start + DAY).min(server.now());
    let bars = server.ask(Vec::new(), move |question| question.bars_of_all(start, end)).await?;
    let named = Pair::all().into_iter().zip(bars);
    let results: Vec<FxAggregate> =
        named.filter_map(|(pair, bar)| Some(FxAggregate::named(pair, start, &bar?))).collect();
    aggregates(None, &results, asked.adjusted)
}
