//! The stocks of a universe and the days of a calendar as columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use chrono::NaiveDate;
use klined_market::base::Seconds;
use klined_market::calendar::{Calendar, Minute};
use klined_market::universe::UniverseRow;

use crate::columns::{seconds_column, timestamps, zone_name};

/// The stocks, a row each: `symbol`, `name`, `sector`, `base_price` in currency units, `base_volatility` as the standard deviation of a
/// day's return, `board`, `is_st`, `beta`, `daily_turnover` in currency units, `is_active`, `drift` as a fraction per year, `min_price` and `max_price`
/// in currency units, null without a bound.
///
/// # Errors
/// None that a caller can cause.
pub fn universe(rows: &[UniverseRow]) -> Result<RecordBatch, ArrowError> {
    let texts =
        |text: fn(&UniverseRow) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(text))) };
    let numbers = |number: fn(&UniverseRow) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(number)))
    };
    let bounds = |bound: fn(&UniverseRow) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(rows.iter().map(bound)))
    };
    let flags = |flag: fn(&UniverseRow) -> bool| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(flag(row))).collect::<BooleanArray>())
    };
    batch(
        vec![
            Field::new("symbol", DataType::Utf8, false),
            Field::new("name", DataType::Utf8, false),
            Field::new("sector", DataType::Utf8, false),
            Field::new("base_price", DataType::Float64, false),
            Field::new("base_volatility", DataType::Float64, false),
            Field::new("board", DataType::Utf8, false),
            Field::new("is_st", DataType::Boolean, false),
            Field::new("beta", DataType::Float64, false),
            Field::new("daily_turnover", DataType::Float64, false),
            Field::new("is_active", DataType::Boolean, false),
            Field::new("drift", DataType::Float64, false),
            Field::new("min_price", DataType::Float64, true),
            Field::new("max_price", DataType::Float64, true),
        ],
        vec![
            texts(|row| &row.symbol),
            texts(|row| &row.name),
            texts(|row| &row.sector),
            numbers(|row| row.base_price),
            numbers(|row| row.base_volatility),
            texts(|row| &row.board),
            flags(|row| row.is_st),
            numbers(|row| row.beta),
            numbers(|row| row.daily_turnover),
            flags(|row| row.is_active),
            numbers(|row| row.drift),
            bounds(|row| row.min_price),
            bounds(|row| row.max_price),
        ],
    )
}

/// The sessions of some trading days, a row each: `date`, `session`, `open` and `close` as instants (the close is the first instant after the
/// session), `minutes` of trade, and `is_projected`, which is true where the exchange has not published the day.
///
/// # Errors
/// None that a caller can cause.
pub fn sessions(calendar: &Calendar, days: &[NaiveDate]) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<_> = days.iter().flat_map(|&day| calendar.sessions_of(day).map(move |span| (day, span))).collect();
    let minutes = rows.iter().map(|(_, span)| ((span.end - span.start) / Seconds::MINUTE) as i32);
    let instant = |name| timestamps(name, TimeUnit::Microsecond, calendar);
    let zone = zone_name(calendar);
    batch(
        vec![
            Field::new("date", DataType::Date32, false),
            Field::new("session", DataType::Utf8, false),
            instant("open"),
            instant("close"),
            Field::new("minutes", DataType::Int32, false),
            Field::new("is_projected", DataType::Boolean, false),
        ],
        vec![
            dates(rows.iter().map(|(day, _)| *day)),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, span)| span.session.as_str()))),
            seconds_column(rows.iter().map(|(_, span)| span.start).collect(), &zone),
            seconds_column(rows.iter().map(|(_, span)| span.end).collect(), &zone),
            Arc::new(Int32Array::from_iter_values(minutes)),
            Arc::new(rows.iter().map(|(day, _)| Some(calendar.is_projected(*day))).collect::<BooleanArray>()),
        ],
    )
}

/// The minutes of some trading days, a row each: `date`, and `time`, the instant at which the minute begins.
///
/// # Errors
/// None that a caller can cause.
pub fn minutes(calendar: &Calendar, days: &[NaiveDate]) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<(NaiveDate, Minute)> =
        days.iter().flat_map(|&day| calendar.minutes_of(day).map(move |minute| (day, minute))).collect();
    batch(
        vec![Field::new("date", DataType::Date32, false), timestamps("time", TimeUnit::Microsecond, calendar)],
        vec![
            dates(rows.iter().map(|(day, _)| *day)),
            seconds_column(rows.iter().map(|(_, minute)| minute.start()).collect(), &zone_name(calendar)),
        ],
    )
}

fn dates(days: impl Iterator<Item = NaiveDate>) -> ArrayRef {
    let since_epoch = |day: NaiveDate| (day - NaiveDate::default()).num_days() as i32;
    Arc::new(Date32Array::from_iter_values(days.map(since_epoch)))
}

fn batch(fields: Vec<Field>, columns: Vec<ArrayRef>) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
