//! `trade_cal` and `stock_basic`: the days, and the stocks.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

use super::answers::TushareAnswer;
use super::call::{Call, ts_code};
use super::columns::{Column, answer};
use crate::query::errors::Refusal;
use crate::serve::server::Server;
use crate::store::PriceRow;
use klined_market::base::{Board, Symbol, Venue};

/// The most rows of an answer.
const ROWS_MOST: u32 = 15_000;
/// The exchanges whose days are the market's.
const EXCHANGES: [&str; 3] = ["SSE", "SZSE", "BSE"];

/// A date, as the vendor writes one.
pub fn digits(date: NaiveDate) -> Value {
    json!(date.format("%Y%m%d").to_string())
}

struct CalendarRow {
    exchange: String,
    date: NaiveDate,
    is_open: bool,
    previous: Option<NaiveDate>,
}

const CALENDAR: [Column<CalendarRow>; 4] = [
    Column::usual("exchange", |row| json!(row.exchange)),
    Column::usual("cal_date", |row| digits(row.date)),
    Column::usual("is_open", |row| json!(i32::from(row.is_open))),
    Column::usual("pretrade_date", |row| row.previous.map_or(Value::Null, digits)),
];

/// Every date between two, the newest first; without an end to the last day of the market's present year.
pub async fn trade_cal(server: &Server, call: &Call) -> TushareAnswer {
    let exchange = call.get("exchange").unwrap_or(EXCHANGES[0]).to_owned();
    if !EXCHANGES.contains(&&*exchange) {
        return Err(call.wrong("exchange", "there are SSE, SZSE and BSE, which have the same days"));
    }
    let is_open = match call.get("is_open") {
        None => None,
        Some("0") => Some(false),
        Some("1") => Some(true),
        Some(_) => return Err(call.wrong("is_open", "0 or 1 is needed")),
    };
    let (calendar, (offset, limit)) = (server.reader.calendar(), call.page(ROWS_MOST)?);
    let today = calendar.date_of(server.market_time_or_wall().await?.seconds()).map_err(Refusal::from)?;
    let first = calendar.first_day();
    let from = call.date("start_date")?.unwrap_or(first).max(first);
    let year_end = NaiveDate::from_ymd_opt(today.year(), 12, 31).unwrap_or(today);
    let to = call.date("end_date")?.unwrap_or(year_end).min(calendar.last_day());
    let days = calendar.days(first, to);
    let row = |date: NaiveDate| {
        let before = days.partition_point(|day| *day < date);
        let is_open = days.get(before) == Some(&date);
        let previous = before.checked_sub(1).and_then(|place| days.get(place)).copied();
        CalendarRow { exchange: exchange.clone(), date, is_open, previous }
    };
    let dates = to.iter_days().rev().take_while(|date| *date >= from);
    let wanted = dates.map(row).filter(|row| is_open.is_none_or(|is_open| row.is_open == is_open));
    answer(call, &CALENDAR, &wanted.skip(offset).take(limit).collect::<Vec<_>>())
}

struct StockRow {
    row: PriceRow,
    listed: Option<(NaiveDate, Option<NaiveDate>)>,
}

impl StockRow {
    fn market(&self) -> Value {
        match self.row.board.parse() {
            Ok(Board::Main) => json!("主板"),
            Ok(Board::ChiNext) => json!("创业板"),
            Ok(Board::Star) => json!("科创板"),
            Ok(Board::Beijing) => json!("北交所"),
            Ok(Board::Free) | Err(_) => Value::Null,
        }
    }

    fn exchange(&self) -> Value {
        Venue::of(&self.row.symbol).map_or(Value::Null, |venue| json!(venue.long()))
    }

    fn status(&self) -> &'static str {
        if self.row.is_active { "L" } else { "D" }
    }
}

const STOCKS: [Column<StockRow>; 16] = [
    Column::usual("ts_code", |stock| json!(ts_code(&stock.row.symbol))),
    Column::usual("symbol", |stock| json!(stock.row.symbol.as_str())),
    Column::usual("name", |stock| json!(stock.row.name)),
    Column::usual("area", |_| Value::Null),
    Column::usual("industry", |stock| json!(stock.row.sector)),
    Column::usual("cnspell", |_| Value::Null),
    Column::usual("market", StockRow::market),
    Column::usual("list_date", |stock| stock.listed.map_or(Value::Null, |(first, _)| digits(first))),
    Column::usual("act_name", |_| Value::Null),
    Column::usual("act_ent_type", |_| Value::Null),
    Column::further("fullname", |stock| json!(stock.row.name)),
    Column::further("exchange", StockRow::exchange),
    Column::further("curr_type", |_| json!("CNY")),
    Column::further("list_status", |stock| json!(stock.status())),
    Column::further("delist_date", |stock| stock.listed.and_then(|(_, last)| last).map_or(Value::Null, digits)),
    Column::further("is_hs", |_| json!("N")),
];

/// The stocks in order of symbol; without a status those that are traded.
pub async fn stock_basic(server: &Server, call: &Call) -> TushareAnswer {
    let status = call.get("list_status").unwrap_or("L");
    if !["L", "D", "P", "G"].contains(&status) {
        return Err(call.wrong("list_status", "L, D, P or G is needed"));
    }
    if !["N", "H", "S"].contains(&call.get("is_hs").unwrap_or("N")) {
        return Err(call.wrong("is_hs", "N, H or S is needed"));
    }
    let (prices, (offset, limit)) = (server.reader.price_list().await?, call.page(ROWS_MOST)?);
    let listings = server.reader.ask(|store, _| Ok(store.listings()?)).await?;
    let mut listed: BTreeMap<Symbol, (NaiveDate, Option<NaiveDate>)> = BTreeMap::new();
    for listing in listings {
        let span = listed.entry(listing.symbol).or_insert((listing.first_day, listing.last_day));
        *span = (span.0.min(listing.first_day), listing.last_day);
    }
    let is_wanted = |name: &str, value: Value| call.get(name).is_none_or(|asked| value == asked);
    let stocks = call
        .stocks(&prices)
        .into_iter()
        .map(|row| StockRow { row: row.clone(), listed: listed.get(&row.symbol).copied() });
    let wanted = stocks.filter(|stock| {
        stock.status() == status
            && is_wanted("name", json!(stock.row.name))
            && is_wanted("market", stock.market())
            && is_wanted("exchange", stock.exchange())
            && call.get("is_hs").is_none_or(|asked| asked == "N")
    });
    answer(call, &STOCKS, &wanted.skip(offset).take(limit).collect::<Vec<_>>())
}
