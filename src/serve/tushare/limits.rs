//! `stk_limit`: the price limits of each day, of stocks that have any.

use std::collections::BTreeSet;

use serde_json::json;

use super::answers::TushareAnswer;
use super::basics::digits;
use super::call::{Call, ts_code};
use super::columns::{Column, answer, rounded, rounded_or_null};
use super::days::{DayRow, rows};
use crate::serve::server::Server;
use klined_market::base::{Price, PriceLimits};

struct LimitRow {
    day: DayRow,
    limits: PriceLimits,
}

const COLUMNS: [Column<LimitRow>; 5] = [
    Column::usual("trade_date", |row| digits(row.day.date)),
    Column::usual("ts_code", |row| json!(ts_code(&row.day.symbol))),
    Column::further("pre_close", |row| rounded_or_null(row.day.close_before, 2)),
    Column::usual("up_limit", |row| rounded(Price::units(row.limits.up), 2)),
    Column::usual("down_limit", |row| rounded(Price::units(row.limits.down), 2)),
];

pub async fn stk_limit(server: &Server, call: &Call) -> TushareAnswer {
    let days = rows(server, call).await?;
    let wanted: BTreeSet<_> = days.iter().map(|row| (row.symbol, row.date)).collect();
    let ticks = server.ticks.clone();
    let limits = server.reader.ask(move |_, _| ticks.limits_of_days(&wanted)).await?;
    let limited = |day: DayRow| Some(LimitRow { limits: *limits.get(&(day.symbol, day.date))?, day });
    answer(call, &COLUMNS, &days.into_iter().filter_map(limited).collect::<Vec<_>>())
}
