//! Prices and figures of symbols: the last prices, best quotes, the trading day, and windows of time.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answers::{BinanceAnswer, BinanceError, answer};
use super::klines::{count, quote_volume};
use super::pairs::{NamedRow, Pairs};
use super::parameters::BinanceQuery;
use super::windows::{Window, WindowFigures};
use crate::access::faults::Freshness;
use crate::query::{DayFigures, LatestTicks, Period, TickQuery, TimeOrder, mean_price};
use crate::serve::server::Server;
use crate::store::{BarRange, BarStore, PriceRow};
use klined_market::bars::ticks::{BestQuote, Level, Trade};
use klined_market::base::{Interval, Symbol, Traded, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};

/// The most symbols that a request may name where their figures are worked out.
const NAMED_MOST: usize = 100;
/// The most stocks whose best quotes an answer for all symbols has; with more, they are left at 0.
const WITH_QUOTES_MOST: usize = 1_000;
/// The minutes of [`average_price`].
const AVERAGE_MINUTES: u16 = 5;
/// The most trades that an average is taken of; the oldest are left out.
const AVERAGE_TRADES_MOST: u16 = 20_000;
/// The most minutes that the windows of one answer have together.
const WINDOW_MINUTES_MOST: usize = 100_000;

/// The fields of a day's figures that `type=MINI` leaves out.
const FULL_ONLY: [&str; 9] = [
    "priceChange",
    "priceChangePercent",
    "weightedAvgPrice",
    "prevClosePrice",
    "lastQty",
    "bidPrice",
    "bidQty",
    "askPrice",
    "askQty",
];

/// One object where `symbol` was given, a list otherwise.
fn one_or_list(parameters: &BinanceQuery, mut bodies: Vec<Value>) -> BinanceAnswer {
    match (parameters.get("symbol"), bodies.pop()) {
        (Some(_), Some(body)) => answer(&body),
        (_, last) => {
            bodies.extend(last);
            answer(&bodies)
        }
    }
}

/// The symbols of a request, which may name some or none.
fn named<'p>(parameters: &BinanceQuery, prices: &'p Pairs) -> Result<Vec<NamedRow<'p>>, BinanceError> {
    match parameters.symbols(prices)? {
        Some(rows) if rows.len() > NAMED_MOST => Err(BinanceError::NotValid("symbols")),
        Some(rows) => Ok(rows),
        None => parameters.symbols_or_all(prices),
    }
}

/// Last prices: of `symbol` that of the last trade, of more the closes of the last minute.
pub async fn price(State(server): State<Arc<Server>>, freshness: Freshness, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = Pairs::of(&server).await?;
    let found = parameters.symbols_or_all(&prices)?;
    let body = |named: &NamedRow<'_>, price: f64| json!({"symbol": named.name(), "price": format!("{price:.2}")});
    if let (Some(_), [named]) = (parameters.get("symbol"), found.as_slice()) {
        let PriceRow { symbol, price, .. } = *named.row;
        let minute = server.open_minute(symbol, freshness.age()).await?.minute;
        return answer(&body(named, minute.map_or(price, |(_, bar)| bar.close().units())));
    }
    answer(&found.iter().map(|named| body(named, named.row.price)).collect::<Vec<_>>())
}

/// The price and the size of one side of a quote.
pub fn level(level: Option<Level>) -> [String; 2] {
    level.map_or_else(
        || ["0.00".to_owned(), "0".to_owned()],
        |level| [level.price.to_string(), level.shares.to_string()],
    )
}

/// Both sides of a quote.
pub fn sides(quote: Option<BestQuote>) -> [[String; 2]; 2] {
    [level(quote.and_then(|quote| quote.bid)), level(quote.and_then(|quote| quote.ask))]
}

/// Best bids and asks.
pub async fn best_quotes(
    State(server): State<Arc<Server>>,
    freshness: Freshness,
    parameters: BinanceQuery,
) -> BinanceAnswer {
    let prices = Pairs::of(&server).await?;
    let found = named(&parameters, &prices)?;
    let symbols: Vec<Symbol> = found.iter().map(|named| named.row.symbol).collect();
    let latest = if symbols.len() > WITH_QUOTES_MOST {
        BTreeMap::new()
    } else {
        server.latest_ticks_of_many(symbols, freshness.age()).await?
    };
    let body = |named: &NamedRow<'_>| {
        let quote = latest.get(&named.row.symbol).and_then(|latest: &LatestTicks| latest.quote);
        let [[bid, bid_size], [ask, ask_size]] = sides(quote);
        json!({"symbol": named.name(), "bidPrice": bid, "bidQty": bid_size, "askPrice": ask, "askQty": ask_size})
    };
    one_or_list(&parameters, found.iter().map(body).collect())
}

/// The figures of a trading day so far, with the best quote.
struct DayState {
    day: DayFigures,
    quote: Option<BestQuote>,
}

/// The days of some stocks, in their order; none for a stock without a bar.
async fn days(server: &Server, symbols: Vec<Symbol>) -> Result<Vec<Option<DayState>>, BinanceError> {
    let calendar = server.reader.calendar();
    let mut found = BTreeMap::new();
    if symbols.len() > WITH_QUOTES_MOST {
        for day in server.reader.days(symbols.clone()).await? {
            found.insert(day.symbol, DayState { day: day.figures(), quote: None });
        }
    } else {
        for snapshot in server.snapshots(symbols.clone()).await? {
            let day = snapshot.present.of_day(snapshot.days.figures(), &calendar);
            found.insert(snapshot.days.symbol, DayState { day, quote: snapshot.present.quote });
        }
    }
    Ok(symbols.iter().map(|symbol| found.remove(symbol)).collect())
}

fn day_open(day: &DayFigures, calendar: &Calendar) -> UnixSeconds {
    let open = calendar.date_of(day.last).and_then(|date| calendar.open_of(date));
    open.map_or(day.last, |minute| minute.start())
}

/// A mean price by size as it is written; `0.00` where it is not known.
pub fn weighted(traded: Option<Traded>, volume: i64) -> String {
    mean_price(traded, volume).map_or_else(|| "0.00".to_owned(), |mean| format!("{mean:.4}"))
}

/// A price as it is written.
pub fn money(price: f64) -> String {
    format!("{price:.2}")
}

/// A change in per cent.
pub fn percent(of: f64, before: f64) -> String {
    format!("{:.3}", (of / before - 1.0) * 100.0)
}

/// The trading day so far, where Binance has 24 hours.
pub async fn day(State(server): State<Arc<Server>>, parameters: BinanceQuery) -> BinanceAnswer {
    let is_mini = parameters.is_mini()?;
    let prices = Pairs::of(&server).await?;
    let found = named(&parameters, &prices)?;
    let states = days(&server, found.iter().map(|named| named.row.symbol).collect()).await?;
    let calendar = &server.reader.calendar();
    let body = |(named, state): (&NamedRow<'_>, Option<DayState>)| {
        let DayState { day, quote } = state?;
        let previous = day.previous_close.unwrap_or(day.open);
        let [[bid, bid_size], [ask, ask_size]] = sides(quote);
        let mut body = json!({
            "symbol": named.name(),
            "priceChange": money(day.close - previous),
            "priceChangePercent": percent(day.close, previous),
            "weightedAvgPrice": weighted(day.traded, day.volume),
            "prevClosePrice": money(previous),
            "lastPrice": money(day.close),
            "lastQty": "0",
            "bidPrice": bid,
            "bidQty": bid_size,
            "askPrice": ask,
            "askQty": ask_size,
            "openPrice": money(day.open),
            "highPrice": money(day.high),
            "lowPrice": money(day.low),
            "volume": day.volume.to_string(),
            "quoteVolume": quote_volume(day.traded),
            "openTime": day_open(&day, calendar).millis(),
            "closeTime": Minute::end_of(day.last).millis() - 1,
            "firstId": -1,
            "lastId": -1,
            "count": count(day.traded),
        });
        without_full(&mut body, is_mini);
        Some(body)
    };
    one_or_list(&parameters, found.iter().zip(states).filter_map(body).collect())
}

fn without_full(body: &mut Value, is_mini: bool) {
    if let Some(body) = body.as_object_mut().filter(|_| is_mini) {
        body.retain(|name, _| !FULL_ONLY.contains(&name.as_str()));
    }
}

/// The trading day so far against its own open.
pub async fn trading_day(State(server): State<Arc<Server>>, parameters: BinanceQuery) -> BinanceAnswer {
    let is_mini = parameters.is_mini()?;
    parameters.check_zone(server.hours())?;
    let prices = Pairs::of(&server).await?;
    let found = match parameters.symbols(&prices)? {
        None => return Err(BinanceError::Missing("symbol")),
        Some(_) => named(&parameters, &prices)?,
    };
    let states = days(&server, found.iter().map(|named| named.row.symbol).collect()).await?;
    let calendar = &server.reader.calendar();
    let body = |(named, state): (&NamedRow<'_>, Option<DayState>)| {
        let day = state?.day;
        let figures = WindowFigures {
            open: day.open,
            high: day.high,
            low: day.low,
            close: day.close,
            volume: day.volume,
            traded: day.traded,
        };
        let span = (day_open(&day, calendar), Minute::end_of(day.last));
        Some(window_body(named, &figures, span, is_mini))
    };
    one_or_list(&parameters, found.iter().zip(states).filter_map(body).collect())
}

fn window_body(
    named: &NamedRow<'_>,
    figures: &WindowFigures,
    (from, until): (UnixSeconds, UnixSeconds),
    is_mini: bool,
) -> Value {
    let WindowFigures { open, high, low, close, volume, traded } = *figures;
    let mut body = json!({
        "symbol": named.name(),
        "priceChange": money(close - open),
        "priceChangePercent": percent(close, open),
        "weightedAvgPrice": weighted(traded, volume),
        "openPrice": money(open),
        "highPrice": money(high),
        "lowPrice": money(low),
        "lastPrice": money(close),
        "volume": volume.to_string(),
        "quoteVolume": quote_volume(traded),
        "openTime": from.millis(),
        "closeTime": until.millis() - 1,
        "firstId": -1,
        "lastId": -1,
        "count": count(traded),
    });
    without_full(&mut body, is_mini);
    body
}

/// The figures of the committed minutes of a window that ends with the newest of them.
pub async fn window(State(server): State<Arc<Server>>, parameters: BinanceQuery) -> BinanceAnswer {
    let is_mini = parameters.is_mini()?;
    let window = Window::parse(parameters.get("windowSize").unwrap_or("1d"));
    let window = window.ok_or(BinanceError::NotValid("windowSize"))?;
    let prices = Pairs::of(&server).await?;
    let found = match parameters.symbols(&prices)? {
        None => return Err(BinanceError::Missing("symbol")),
        Some(_) => named(&parameters, &prices)?,
    };
    if found.len() * window.minutes() > WINDOW_MINUTES_MOST {
        return Err(BinanceError::NotValid("windowSize"));
    }
    let mut bodies = Vec::with_capacity(found.len());
    for named in &found {
        let PriceRow { symbol, last_update, price, .. } = *named.row;
        let until = Minute::end_of(last_update);
        let from = until - window.span();
        let range = BarRange { symbol, interval: Interval::Minute1, from, to: until };
        let read = move |store: &dyn BarStore, _: &Calendar| Ok(store.bars(&[range], window.minutes())?);
        let bars = server.reader.ask(read).await?;
        bodies.push(window_body(named, &WindowFigures::of(&bars, price), (from, until), is_mini));
    }
    one_or_list(&parameters, bodies)
}

/// The mean price of the shares that the newest minutes traded.
pub async fn average_price(State(server): State<Arc<Server>>, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = Pairs::of(&server).await?;
    let PriceRow { symbol, last_update, price, .. } = *parameters.symbol(&prices)?.row;
    let from = Period::Minutes(AVERAGE_MINUTES).start(&server.reader.calendar(), last_update);
    let query = TickQuery {
        from: from.saturating_nanos(),
        order: TimeOrder::Descending,
        ..TickQuery::newest(symbol, AVERAGE_TRADES_MOST)
    };
    let trades = server.tick_page::<Trade>(query).await?.ticks;
    let money: f64 = trades.iter().map(|trade| trade.price.units() * trade.shares as f64).sum();
    let shares: i64 = trades.iter().map(|trade| trade.shares).sum();
    let mean = if shares > 0 { money / shares as f64 } else { price };
    let last = trades.first().map_or(Minute::end_of(last_update).saturating_nanos(), |trade| trade.at);
    answer(&json!({"mins": AVERAGE_MINUTES, "price": format!("{mean:.8}"), "closeTime": last.millis()}))
}

/// The book, which has one level as far as it is known.
pub async fn depth(State(server): State<Arc<Server>>, freshness: Freshness, parameters: BinanceQuery) -> BinanceAnswer {
    let prices = Pairs::of(&server).await?;
    let symbol = parameters.symbol(&prices)?.row.symbol;
    parameters.limit(100, 5000)?;
    let quote = server.latest_ticks(symbol, freshness.age()).await?.quote;
    let [bids, asks] = levels(quote);
    answer(&json!({"lastUpdateId": quote.map_or(0, |quote| quote.id().number()), "bids": bids, "asks": asks}))
}

/// The levels of both sides: the best one, if there is one.
pub fn levels(quote: Option<BestQuote>) -> [Vec<[String; 2]>; 2] {
    let side = |best: Option<Level>| best.map(|best| level(Some(best))).into_iter().collect();
    [side(quote.and_then(|quote| quote.bid)), side(quote.and_then(|quote| quote.ask))]
}
