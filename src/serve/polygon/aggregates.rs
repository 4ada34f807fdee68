//! Aggregates: bars of a ticker, of a day and of the whole market. Each is stored or a sum of what is stored; bars of seconds are
//! sums of trades.

use std::sync::Arc;

use axum::extract::State;
use chrono::NaiveDate;
use serde::Serialize;

use super::answers::{PolygonAnswer, PolygonError, aggregates, aggregates_page, invalid, plain};
use super::parameters::{
    AdjustedParameter, External, NanosSpan, PolygonPath, PolygonQuery, RangeParameters, Sort, date, limit, moment,
    number, same_as_path,
};
use crate::query::errors::Refusal;
use crate::query::parameters::repeated;
use crate::query::{BarPage, BarQuery, EmptyMinutes, SECONDS_MOST, SecondQuery, ShownBar};
use crate::serve::kit::links::escaped;
use crate::serve::kit::parameters::{QueryOf, Segments};
use crate::serve::server::Server;
use crate::store::{BarRange, StoredBar};
use klined_market::base::{Interval, Nanos, Symbol, TimeUnit, Timeframe, Traded, UnixSeconds};
use klined_market::calendar::{Calendar, Hours};

/// A bar.
#[derive(Debug, Serialize)]
pub struct AggregateBody {
    /// Only in answers with several tickers.
    #[serde(rename = "T", skip_serializing_if = "Option::is_none")]
    pub ticker: Option<String>,
    /// Shares.
    pub v: i64,
    pub o: f64,
    pub c: f64,
    pub h: f64,
    pub l: f64,
    /// Start of its first minute, Unix milliseconds.
    pub t: i64,
    /// Mean price by volume. Left out of bars of earlier versions, as is the number of trades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vw: Option<f64>,
    /// Number of trades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
}

impl AggregateBody {
    pub fn of(bar: &ShownBar) -> Self {
        let ShownBar { start, open, high, low, close, volume, traded } = *bar;
        let (vw, n) = (bar.mean_price(), traded.map(Traded::trades));
        Self { ticker: None, v: volume, o: open, c: close, h: high, l: low, t: start.millis(), vw, n }
    }
}

/// The length of the bars that are asked for.
enum Length {
    Seconds(u16),
    Bars(Timeframe, u16),
}

impl Length {
    fn of(multiplier: &str, timespan: &str) -> Result<Self, PolygonError> {
        if timespan != "second" {
            return window(multiplier, timespan).map(|(timeframe, base)| Self::Bars(timeframe, base));
        }
        let seconds = u16::try_from(number("multiplier", multiplier)?).ok();
        let seconds = seconds.filter(|seconds| (1..=SECONDS_MOST).contains(seconds));
        seconds.map(Self::Seconds).ok_or_else(|| {
            invalid(format!("a window of {} second is no bar: use 1 to {SECONDS_MOST} second", repeated(multiplier)))
        })
    }

    /// How many of the vendor's base aggregates (seconds, minutes or days) one bar takes.
    fn base(&self) -> u16 {
        match self {
            Self::Seconds(seconds) => *seconds,
            Self::Bars(_, base) => *base,
        }
    }
}

/// The timeframe of a window, and how many of the vendor's base aggregates (minutes or days) one of its bars takes.
pub fn window(multiplier: &str, timespan: &str) -> Result<(Timeframe, u16), PolygonError> {
    let (unit, units, base) = match timespan {
        "minute" => (TimeUnit::Minute, 1, 1),
        "hour" => (TimeUnit::Minute, 60, 1),
        "day" => (TimeUnit::Day, 1, 1),
        "week" => (TimeUnit::Week, 1, 7),
        "month" => (TimeUnit::Month, 1, 31),
        "quarter" => (TimeUnit::Month, 3, 31),
        "year" => (TimeUnit::Month, 12, 31),
        _ => {
            let timespan = repeated(timespan);
            return Err(invalid(format!(
                "Could not parse the timespan \"{timespan}\". Use minute, hour, day, week, month, quarter or year, or second \
                 for aggregates"
            )));
        }
    };
    let count = u32::try_from(number("multiplier", multiplier)?).unwrap_or(u32::MAX);
    let timeframe = Timeframe::new(unit, count.saturating_mul(units)).ok_or_else(|| {
        let most = u32::from(unit.most()) / units;
        invalid(format!("a window of {} {timespan} is no bar: use 1 to {most} {timespan}", repeated(multiplier)))
    })?;
    Ok((timeframe, timeframe.count() * base))
}

/// Where the first bar begins of a span that begins at an instant: the vendor counts in the bar that holds it.
fn snapped(calendar: &Calendar, timeframe: Timeframe, from: UnixSeconds) -> UnixSeconds {
    let first = calendar.minutes_in(from, UnixSeconds::MAX).next();
    first.map_or(from, |minute| calendar.bucket(minute, timeframe).first.start())
}

/// Bars of a ticker over a time.
pub async fn range(
    State(server): State<Arc<Server>>,
    External(external): External,
    Segments((ticker, multiplier, timespan, from, to), ..): PolygonPath<(String, String, String, String, String)>,
    QueryOf(asked, ..): PolygonQuery<RangeParameters>,
) -> PolygonAnswer {
    let length = Length::of(&multiplier, &timespan)?;
    let base = length.base();
    let span = NanosSpan {
        from: moment(server.hours(), "from", &from, Nanos::MILLISECOND)?.from,
        to: moment(server.hours(), "to", &to, Nanos::MILLISECOND)?.to,
    };
    if span.to < span.from {
        return Err(invalid("The parameter 'to' cannot be a time that occurs before 'from'"));
    }
    let asked_limit = limit(asked.limit, 5000, 50_000)?;
    let sort = asked.sort.unwrap_or(Sort::Asc);
    let Ok(symbol) = ticker.parse::<Symbol>() else {
        return aggregates::<AggregateBody>(Some(&repeated(&ticker)), &[], asked.adjusted);
    };
    let (first, last) = (span.from.seconds(), span.to.seconds());
    let (order, limit) = (sort.into(), (asked_limit / base).max(1));
    let after = asked.cursor.map(|cursor| UnixSeconds::new(cursor.clamp(0, i64::MAX - 1)));
    let found = match length {
        Length::Seconds(seconds) => {
            server.second_bars(SecondQuery { symbol, seconds, from: first, to: last, order, limit, after }).await
        }
        Length::Bars(timeframe, _) => {
            let (start, end) = (Some(snapped(&server.reader.calendar(), timeframe, first)), Some(last));
            let empty_minutes = EmptyMinutes::Untraded;
            let query = BarQuery { symbol, timeframe, start, end, order, empty_minutes, limit, after };
            server.reader.bars(query).await
        }
    };
    let found = match found {
        Ok(found) => found,
        Err(Refusal::UnknownTicker(_)) => BarPage { bars: Vec::new(), next: None },
        Err(refusal) => return Err(refusal.into()),
    };
    let results: Vec<AggregateBody> = found.bars.iter().map(AggregateBody::of).collect();
    let adjusted = asked.adjusted.unwrap_or(true);
    let next_url = found.next.map(|next| {
        let ticker = escaped(symbol.as_str());
        let path = format!("/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{from}/{to}");
        let sort = sort.as_str();
        format!("{external}{path}?adjusted={adjusted}&sort={sort}&limit={asked_limit}&cursor={next}")
    });
    let query_count = results.len() * usize::from(base);
    aggregates_page(Some(symbol.as_str()), &results, asked.adjusted, query_count, next_url)
}

/// The market's present day.
pub async fn today(server: &Server) -> Result<NaiveDate, PolygonError> {
    Ok(server.market_day().await?.ok_or(Refusal::NoMarket)?)
}

/// The bar of the last trading day before the present one.
pub async fn previous(
    State(server): State<Arc<Server>>,
    Segments(ticker, ..): PolygonPath<String>,
    QueryOf(asked, ..): PolygonQuery<AdjustedParameter>,
) -> PolygonAnswer {
    let Ok(symbol) = ticker.parse::<Symbol>() else {
        return aggregates::<AggregateBody>(Some(&repeated(&ticker)), &[], asked.adjusted);
    };
    let to = server.reader.calendar().midnight(today(&server).await?).map_err(Refusal::from)?;
    let range = BarRange { symbol, interval: Interval::Day, from: UnixSeconds::EPOCH, to };
    let found = server.reader.ask(move |store, _| Ok(store.last_bars(&[range], 1)?)).await?;
    let shown =
        |bar: &_| AggregateBody { ticker: Some(symbol.to_string()), ..AggregateBody::of(&ShownBar::from(*bar)) };
    let results: Vec<AggregateBody> = found.iter().filter(|bar| bar.is_priced()).map(shown).collect();
    aggregates(Some(symbol.as_str()), &results, asked.adjusted)
}

/// The first instant of a day, and that of the next.
fn bounds(hours: Hours, date: NaiveDate) -> Result<(UnixSeconds, UnixSeconds), Refusal> {
    let to = date.succ_opt().map_or(Ok(UnixSeconds::MAX), |next| hours.midnight(next))?;
    Ok((hours.midnight(date)?, to))
}

/// Every stock's bar of a day.
pub async fn grouped(
    State(server): State<Arc<Server>>,
    Segments((locale, market, text), ..): PolygonPath<(String, String, String)>,
    QueryOf(asked, ..): PolygonQuery<AdjustedParameter>,
) -> PolygonAnswer {
    let date = date(&text)?;
    same_as_path("locale", asked.locale.as_deref(), &locale)?;
    same_as_path("market_type", asked.market_type.as_deref(), &market)?;
    if (locale.as_str(), market.as_str()) != ("us", "stocks") {
        return aggregates::<AggregateBody>(None, &[], asked.adjusted);
    }
    let (from, to) = bounds(server.hours(), date)?;
    let prices = server.reader.price_list().await?;
    let symbols: Vec<Symbol> = prices.rows.iter().map(|row| row.symbol).collect();
    let results = server
        .reader
        .ask(move |store, _| {
            let range = |symbol: &Symbol| BarRange { symbol: *symbol, interval: Interval::Day, from, to };
            let ranges: Vec<BarRange> = symbols.iter().map(range).collect();
            let bars = store.traded_bars(&ranges, ranges.len())?;
            let shown = |bar: &StoredBar| AggregateBody {
                ticker: symbols.get(bar.range).map(Symbol::to_string),
                ..AggregateBody::of(&ShownBar::from(*bar))
            };
            Ok(bars.iter().filter(|bar| bar.is_priced()).map(shown).collect::<Vec<_>>())
        })
        .await?;
    aggregates(None, &results, asked.adjusted)
}

#[derive(Debug, Serialize)]
struct OpenClose<'a> {
    status: &'static str,
    from: String,
    symbol: &'a str,
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: i64,
}

/// Open and close of a day. There is no trade before and after hours.
pub async fn open_close(
    State(server): State<Arc<Server>>,
    Segments((ticker, text), ..): PolygonPath<(String, String)>,
    _: PolygonQuery<AdjustedParameter>,
) -> PolygonAnswer {
    let date = date(&text)?;
    let symbol: Symbol = ticker.parse().map_err(|_| PolygonError::NotFound("Data not found."))?;
    let (from, to) = bounds(server.hours(), date)?;
    let range = BarRange { symbol, interval: Interval::Day, from, to };
    let found = server.reader.ask(move |store, _| Ok(store.traded_bars(&[range], 1)?)).await?;
    let bar = found.first().filter(|bar| bar.is_priced()).ok_or(PolygonError::NotFound("Data not found."))?;
    let StoredBar { open, high, low, close, volume, .. } = *bar;
    plain(OpenClose { status: "OK", from: date.to_string(), symbol: symbol.as_str(), open, high, low, close, volume })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::TimeOrder;

    #[test]
    fn a_window_is_any_number_of_units_that_one_bar_can_have() {
        let taken =
            |multiplier, timespan| window(multiplier, timespan).ok().map(|(window, base)| (window.to_string(), base));
        for (multiplier, timespan, name, base) in [
            ("1", "minute", "1m", 1),
            ("7", "minute", "7m", 7),
            ("2", "hour", "120m", 120),
            ("24", "hour", "1440m", 1440),
            ("3", "day", "3d", 3),
            ("2", "week", "2w", 14),
            ("1", "quarter", "3M", 93),
            ("10", "year", "120M", 3720),
        ] {
            assert_eq!(taken(multiplier, timespan), Some((name.to_owned(), base)), "{multiplier} {timespan}");
        }
        for (multiplier, timespan) in
            [("1441", "minute"), ("25", "hour"), ("11", "year"), ("0", "day"), ("-1", "day"), ("", "day"), ("1", "Day")]
        {
            assert_eq!(taken(multiplier, timespan), None, "{multiplier} {timespan}");
        }
        assert_eq!(TimeOrder::from(Sort::Desc), TimeOrder::Descending);
    }
}
