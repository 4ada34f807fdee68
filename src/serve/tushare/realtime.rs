//! `rt_k`: what stands of each stock's day, up to the last trade.

use serde_json::{Value, json};

use super::answers::TushareAnswer;
use super::call::{Call, ts_code};
use super::columns::{Column, answer, rounded, rounded_or_null};
use crate::query::{DayFigures, StockSnapshot};
use crate::serve::server::Server;
use klined_market::bars::ticks::Level;
use klined_market::base::{Price, Symbol, Traded};
use klined_market::calendar::Calendar;

/// The most rows of an answer.
const ROWS_MOST: u32 = 6000;

struct NowRow {
    symbol: Symbol,
    name: String,
    figures: DayFigures,
    ask: Option<Level>,
    bid: Option<Level>,
    /// The time of the last trade by the market's clocks.
    time: Option<String>,
}

fn price(level: Option<Level>) -> Value {
    rounded_or_null(level.map(|level| Price::units(level.price)), 2)
}

fn shares(level: Option<Level>) -> Value {
    level.map_or(Value::Null, |level| json!(level.shares))
}

const COLUMNS: [Column<NowRow>; 15] = [
    Column::usual("ts_code", |row| json!(ts_code(&row.symbol))),
    Column::usual("name", |row| json!(row.name)),
    Column::usual("pre_close", |row| rounded_or_null(row.figures.previous_close, 2)),
    Column::usual("high", |row| rounded(row.figures.high, 2)),
    Column::usual("open", |row| rounded(row.figures.open, 2)),
    Column::usual("low", |row| rounded(row.figures.low, 2)),
    Column::usual("close", |row| rounded(row.figures.close, 2)),
    // Shares and units of money, unlike bars of days.
    Column::usual("vol", |row| json!(row.figures.volume)),
    Column::usual("amount", |row| rounded_or_null(row.figures.traded.map(Traded::turnover_units), 2)),
    Column::usual("num", |row| row.figures.traded.map_or(Value::Null, |traded| json!(traded.trades()))),
    Column::further("ask_price1", |row| price(row.ask)),
    Column::further("ask_volume1", |row| shares(row.ask)),
    Column::further("bid_price1", |row| price(row.bid)),
    Column::further("bid_volume1", |row| shares(row.bid)),
    Column::further("trade_time", |row| json!(row.time)),
];

/// Whether a code is one of a pattern's, in which `*` stands for any text.
fn is_like(code: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => code.eq_ignore_ascii_case(pattern),
        Some((begin, end)) => {
            let (code, begin, end) = (code.to_ascii_uppercase(), begin.to_ascii_uppercase(), end.to_ascii_uppercase());
            code.strip_prefix(begin.as_str()).is_some_and(|rest| rest.ends_with(end.as_str()))
        }
    }
}

/// The stocks of `ts_code`, in which `*` stands for any text: `600000.SH,3*.SZ`.
pub async fn rt_k(server: &Server, call: &Call) -> TushareAnswer {
    let patterns: Vec<&str> = call.required("ts_code")?.split(',').map(str::trim).collect();
    if patterns.iter().any(|pattern| pattern.matches('*').count() > 1) {
        return Err(call.wrong("ts_code", "one * stands for any text"));
    }
    let (prices, (offset, limit)) = (server.reader.price_list().await?, call.page(ROWS_MOST)?);
    let is_wanted = |symbol: &Symbol| {
        let code = ts_code(symbol);
        patterns.iter().any(|pattern| is_like(&code, pattern))
    };
    let symbols = prices.rows.iter().map(|row| row.symbol).filter(is_wanted).skip(offset).take(limit).collect();
    let calendar = server.reader.calendar();
    let row = |snapshot: StockSnapshot| now_row(&calendar, &snapshot, prices.find(&snapshot.days.symbol)?.name.clone());
    let rows: Vec<NowRow> = server.snapshots(symbols).await?.into_iter().filter_map(row).collect();
    answer(call, &COLUMNS, &rows)
}

fn now_row(calendar: &Calendar, snapshot: &StockSnapshot, name: String) -> Option<NowRow> {
    let StockSnapshot { days, present, latest, .. } = snapshot;
    let figures = present.of_day(days.figures(), calendar);
    let local = |at: klined_market::base::UnixNanos| calendar.hours().local(at.seconds()).ok();
    let time = latest.trade.and_then(|trade| local(trade.at)).map(|at| at.format("%H:%M:%S").to_string());
    let (ask, bid) = (latest.quote.and_then(|quote| quote.ask), latest.quote.and_then(|quote| quote.bid));
    Some(NowRow { symbol: days.symbol, name, figures, ask, bid, time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, is_it) in [
            ("600000.SH", true),
            ("600000.sh", true),
            ("6*.SH", true),
            ("*", true),
            ("3*.SZ", false),
            ("600000", false),
        ] {
            assert_eq!(is_like("600000.SH", pattern), is_it, "{pattern}");
        }
        // What stands before the star and after it do not overlap.
        assert!(!is_like("60", "60*0"));
    }
}
