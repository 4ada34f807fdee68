//! Bars of days, weeks and months, and what there is of each day: `daily`, `weekly`, `monthly`, `adj_factor`, `daily_basic`.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::answers::{TushareAnswer, TushareError};
use super::api::ApiName;
use super::basics::digits;
use super::call::{Call, ts_code};
use super::columns::{Column, answer, rounded, rounded_or_null};
use crate::query::ShownBar;
use crate::query::errors::Refusal;
use crate::serve::server::Server;
use crate::store::{BarRange, BarStore};
use klined_market::base::{Interval, Symbol, Traded, UnixSeconds};
use klined_market::calendar::{Calendar, CalendarError};

/// The most rows of an answer.
const ROWS_MOST: u32 = 6000;
/// The most bars that are read for an answer.
const BARS_MOST: usize = 400_000;
/// The days before a day that its volume is compared with.
const DAYS_COMPARED: usize = 5;
/// Shares of a lot (手), in which volumes are counted.
const LOT: f64 = 100.0;

/// A bar of a day or longer.
pub struct DayRow {
    pub symbol: Symbol,
    /// The last trading day of the bar.
    pub date: NaiveDate,
    bar: ShownBar,
    /// The close of the bar before; none of a stock's first bar.
    pub close_before: Option<f64>,
    /// Its volume to the mean of those before it; none where there are too few.
    volume_ratio: Option<f64>,
}

impl DayRow {
    fn change(&self) -> Option<f64> {
        self.close_before.map(|before| self.bar.close - before)
    }

    fn percent(&self) -> Option<f64> {
        self.close_before.map(|before| (self.bar.close - before) / before * 100.0)
    }
}

const CODE: Column<DayRow> = Column::usual("ts_code", |row| json!(ts_code(&row.symbol)));
const DATE: Column<DayRow> = Column::usual("trade_date", |row| digits(row.date));
const OPEN: Column<DayRow> = Column::usual("open", |row| rounded(row.bar.open, 2));
const HIGH: Column<DayRow> = Column::usual("high", |row| rounded(row.bar.high, 2));
const LOW: Column<DayRow> = Column::usual("low", |row| rounded(row.bar.low, 2));
const CLOSE: Column<DayRow> = Column::usual("close", |row| rounded(row.bar.close, 2));
const BEFORE: Column<DayRow> = Column::usual("pre_close", |row| rounded_or_null(row.close_before, 2));
const CHANGE: Column<DayRow> = Column::usual("change", |row| rounded_or_null(row.change(), 2));
const PERCENT: Column<DayRow> = Column::usual("pct_chg", |row| rounded_or_null(row.percent(), 4));
const LOTS: Column<DayRow> = Column::usual("vol", |row| rounded(row.bar.volume as f64 / LOT, 2));
const THOUSANDS: Column<DayRow> = Column::usual("amount", |row| {
    rounded_or_null(row.bar.traded.map(Traded::turnover_units).map(|units| units / 1000.0), 5)
});

const DAILY: [Column<DayRow>; 11] = [CODE, DATE, OPEN, HIGH, LOW, CLOSE, BEFORE, CHANGE, PERCENT, LOTS, THOUSANDS];
const LONGER: [Column<DayRow>; 11] = [CODE, DATE, CLOSE, OPEN, HIGH, LOW, BEFORE, CHANGE, PERCENT, LOTS, THOUSANDS];
const FACTOR: [Column<DayRow>; 3] = [CODE, DATE, Column::usual("adj_factor", |_| json!(1.0))];

/// A figure of a company's books, which a synthetic stock does not have.
const fn unknown(name: &'static str) -> Column<DayRow> {
    Column::usual(name, |_| Value::Null)
}

const BASIC: [Column<DayRow>; 18] = [
    CODE,
    DATE,
    CLOSE,
    unknown("turnover_rate"),
    unknown("turnover_rate_f"),
    Column::usual("volume_ratio", |row| rounded_or_null(row.volume_ratio, 2)),
    unknown("pe"),
    unknown("pe_ttm"),
    unknown("pb"),
    unknown("ps"),
    unknown("ps_ttm"),
    unknown("dv_ratio"),
    unknown("dv_ttm"),
    unknown("total_share"),
    unknown("float_share"),
    unknown("free_share"),
    unknown("total_mv"),
    unknown("circ_mv"),
];

pub async fn daily(server: &Server, call: &Call) -> TushareAnswer {
    answer(call, &DAILY, &rows(server, call).await?)
}

/// Bars of weeks or months, which are named by their last trading day.
pub async fn longer(server: &Server, call: &Call) -> TushareAnswer {
    answer(call, &LONGER, &rows(server, call).await?)
}

/// Factors of adjustment, which are 1: there are no corporate actions.
pub async fn adj_factor(server: &Server, call: &Call) -> TushareAnswer {
    answer(call, &FACTOR, &rows(server, call).await?)
}

pub async fn daily_basic(server: &Server, call: &Call) -> TushareAnswer {
    answer(call, &BASIC, &rows(server, call).await?)
}

/// The dates that rows may have: `trade_date`, or from `start_date` to `end_date`.
fn dates(call: &Call, calendar: &Calendar) -> Result<(NaiveDate, NaiveDate), TushareError> {
    let (start, end) = (call.date("start_date")?, call.date("end_date")?);
    match call.date("trade_date")? {
        Some(_) if start.or(end).is_some() => {
            Err(call.wrong("trade_date", "it stands in place of start_date and end_date"))
        }
        Some(date) => Ok((date, date)),
        None => {
            Ok((start.unwrap_or(calendar.first_day()), end.unwrap_or(calendar.last_day()).min(calendar.last_day())))
        }
    }
}

/// The rows of a call, the newest first, and those of a day in order of symbol.
pub async fn rows(server: &Server, call: &Call) -> Result<Vec<DayRow>, TushareError> {
    let interval = match call.api {
        ApiName::Weekly => Interval::Week,
        ApiName::Monthly => Interval::Month,
        _ => Interval::Day,
    };
    let (calendar, prices) = (server.reader.calendar(), server.reader.price_list().await?);
    let ((from, to), (offset, limit)) = (dates(call, &calendar)?, call.page(ROWS_MOST)?);
    let stocks: Vec<Symbol> = call.stocks(&prices).iter().map(|row| row.symbol).collect();
    // The bars before a row's own give its previous close and the mean of volumes.
    let before = if call.api == ApiName::DailyBasic { DAYS_COMPARED } else { 1 };
    // Bars that end after the last date are read too, one at most.
    let in_span = calendar.days(from, to).len() + 1;
    let of_stock = in_span.min(if stocks.len() == 1 { offset + limit + 1 } else { usize::MAX }) + before;
    if of_stock.saturating_mul(stocks.len()) > BARS_MOST {
        let of = format!("{} stocks over {in_span} days are too much at once: name fewer codes or days", stocks.len());
        return Err(TushareError::Parameter(call.api, of));
    }
    let made = move |store: &dyn BarStore, calendar: &Calendar| {
        // A week or a month that has its last day in the span may begin before it, and one that ends later is not wanted.
        let until = bucket_end(calendar, interval, to);
        let range = |symbol: &Symbol| BarRange { symbol: *symbol, interval, from: UnixSeconds::EPOCH, to: until };
        let found = store.last_bars(&stocks.iter().map(range).collect::<Vec<_>>(), of_stock)?;
        let mut rows: Vec<DayRow> = Vec::new();
        let mut volumes: Vec<i64> = Vec::new();
        let (mut close_before, mut place) = (None, usize::MAX);
        for stored in found.iter().filter(|bar| bar.is_priced()) {
            if stored.range != place {
                (close_before, place) = (None, stored.range);
                volumes.clear();
            }
            let Ok(minute) = calendar.minute_starting(stored.time) else { continue };
            let date = calendar.day_of(calendar.bucket(minute, interval).last);
            let compared = &volumes[volumes.len().saturating_sub(DAYS_COMPARED)..];
            let mean = compared.iter().sum::<i64>() as f64 / DAYS_COMPARED as f64;
            let is_compared = compared.len() == DAYS_COMPARED && mean > 0.0;
            let volume_ratio = is_compared.then(|| stored.volume as f64 / mean);
            if (from..=to).contains(&date) {
                let (symbol, bar) = (stocks[stored.range], ShownBar::from(*stored));
                rows.push(DayRow { symbol, date, bar, close_before, volume_ratio });
            }
            close_before = Some(stored.close);
            volumes.push(stored.volume);
        }
        rows.sort_by(|one, other| other.date.cmp(&one.date).then(one.symbol.cmp(&other.symbol)));
        Ok(rows.into_iter().skip(offset).take(limit).collect::<Vec<DayRow>>())
    };
    Ok(server.reader.ask(made).await?)
}

/// The first instant after the bars that begin by the end of a date.
fn bucket_end(calendar: &Calendar, interval: Interval, to: NaiveDate) -> UnixSeconds {
    let midnight = to.succ_opt().and_then(|next| calendar.hours().midnight(next).ok());
    let Some(midnight) = midnight else { return UnixSeconds::MAX };
    // After the calendar's last day there are no bars.
    let last = calendar.last_starting_before(midnight).ok().flatten();
    last.map_or(midnight, |minute| calendar.bucket(minute, interval).first.start().next())
}

/// A query outside of the calendar is the caller's.
impl From<CalendarError> for TushareError {
    fn from(error: CalendarError) -> Self {
        Self::Refused(Refusal::from(error))
    }
}
