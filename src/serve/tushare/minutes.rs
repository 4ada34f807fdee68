//! `stk_mins`: bars within the day, named by the end of their last minute.

use serde_json::json;

use super::answers::TushareAnswer;
use super::call::{Call, ts_code};
use super::columns::{Column, answer, rounded, rounded_or_null};
use crate::query::errors::Refusal;
use crate::query::{BarQuery, Label, ShownBar, TimeOrder};
use crate::serve::kit::parameters::counted;
use crate::serve::server::Server;
use klined_market::base::{Symbol, TimeUnit, Timeframe, Traded, UnixSeconds};
use klined_market::calendar::Calendar;

/// The most rows of an answer.
const ROWS_MOST: u32 = 8000;
/// The most rows that may be passed over; a client goes on with an earlier `end_date`.
const OFFSET_MOST: usize = 50_000;

struct MinuteRow {
    symbol: Symbol,
    /// The end of the bar by the market's clocks.
    ends: String,
    bar: ShownBar,
}

const COLUMNS: [Column<MinuteRow>; 8] = [
    Column::usual("ts_code", |row| json!(ts_code(&row.symbol))),
    Column::usual("trade_time", |row| json!(row.ends)),
    Column::usual("open", |row| rounded(row.bar.open, 2)),
    Column::usual("close", |row| rounded(row.bar.close, 2)),
    Column::usual("high", |row| rounded(row.bar.high, 2)),
    Column::usual("low", |row| rounded(row.bar.low, 2)),
    // Shares and units of money, unlike bars of days.
    Column::usual("vol", |row| json!(row.bar.volume)),
    Column::usual("amount", |row| rounded_or_null(row.bar.traded.map(Traded::turnover_units), 2)),
];

fn timeframe(call: &Call) -> Result<Timeframe, super::TushareError> {
    let wrong = || call.wrong("freq", "a number of minutes is needed, as 1min or 30min");
    let (count, unit) = counted(call.required("freq")?).ok_or_else(wrong)?;
    Some(unit).filter(|unit| *unit == "min").and_then(|_| Timeframe::new(TimeUnit::Minute, count)).ok_or_else(wrong)
}

/// The start of the bar that holds the minute which ends at or after an instant; or before it, for the last one.
fn bar_start(calendar: &Calendar, timeframe: Timeframe, end: UnixSeconds, is_last: bool) -> Option<UnixSeconds> {
    let minute = match is_last {
        // The last minute that has ended by then.
        true => calendar.last_completed(end).ok().flatten()?,
        false => calendar.minutes_in(UnixSeconds::new(end.get().saturating_sub(60)), UnixSeconds::MAX).next()?,
    };
    Some(calendar.bucket(minute, timeframe).first.start())
}

/// The bars of one stock whose ends are in the span, the newest first.
pub async fn stk_mins(server: &Server, call: &Call) -> TushareAnswer {
    let (code, timeframe, (offset, limit)) = (call.required("ts_code")?, timeframe(call)?, call.page(ROWS_MOST)?);
    if code.contains(',') {
        return Err(call.wrong("ts_code", "one code is needed"));
    }
    if offset > OFFSET_MOST {
        return Err(call.wrong("offset", "at most 50000 rows are passed over: use an earlier end_date"));
    }
    let (calendar, prices) = (server.reader.calendar(), server.reader.price_list().await?);
    let Some(symbol) = call.stocks(&prices).first().map(|row| row.symbol) else { return answer(call, &COLUMNS, &[]) };
    let instant = |name, is_end| {
        let time = call.time(name, is_end)?;
        Ok::<_, super::TushareError>(time.map(|time| calendar.hours().instant_of(time)).transpose()?)
    };
    let (from, to) = (instant("start_date", false)?, instant("end_date", true)?);
    let (start, end) = (
        from.and_then(|from| bar_start(&calendar, timeframe, from, false)),
        to.map(|to| bar_start(&calendar, timeframe, to, true).unwrap_or(UnixSeconds::EPOCH)),
    );
    let wanted = |ends: UnixSeconds| from.is_none_or(|from| from <= ends) && to.is_none_or(|to| ends <= to);
    let mut query = BarQuery { start, end, order: TimeOrder::Descending, ..BarQuery::latest(symbol, timeframe) };
    let (mut rows, mut passed) = (Vec::with_capacity(limit.min(1024)), 0);
    // The bars at the edges may not be wanted.
    while rows.len() < limit {
        query.limit = u16::try_from(limit - rows.len() + (offset - passed) + 2).unwrap_or(u16::MAX);
        let page = server.reader.bars(query).await?;
        for bar in &page.bars {
            let ends = bar.time(timeframe, Label::End, &calendar);
            if !wanted(ends) {
                continue;
            }
            if passed < offset {
                passed += 1;
            } else if rows.len() < limit {
                let ends = calendar.hours().local(ends).map_err(Refusal::from)?.format("%Y-%m-%d %H:%M:%S").to_string();
                rows.push(MinuteRow { symbol, ends, bar: *bar });
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    answer(call, &COLUMNS, &rows)
}
