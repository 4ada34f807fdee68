//! Bars in a layout as columns.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, SchemaRef};
use chrono::{DateTime, NaiveDate};
use klined_market::bars::Bar;
use klined_market::base::{Interval, Symbol, Traded, UnixSeconds, Venue};
use klined_market::calendar::Calendar;

use super::Columns;
use super::layout::{Columned, Figure, Layout, vnpy_interval};
use super::parts::{seconds_column, zone_name};

/// Shares of a lot in Shanghai and Shenzhen.
const LOT: f64 = 100.0;

/// Bars in a layout that become a record batch.
#[derive(Debug)]
pub struct LayoutColumns<'c> {
    calendar: &'c Calendar,
    interval: Interval,
    columns: Columned,
    rows: Vec<Row>,
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    symbol: Symbol,
    bar: Bar,
    close_before: Option<f64>,
    /// Turnover by volume since the day's open; none where the turnover is not known.
    mean_price: Option<f64>,
}

/// The bar before.
#[derive(Debug, Clone, Copy)]
struct Last {
    symbol: Symbol,
    close: f64,
    day: NaiveDate,
    /// Turnover in currency units and volume in shares since the day's open.
    since_open: (Option<f64>, i64),
}

impl<'c> LayoutColumns<'c> {
    /// No bars yet.
    #[must_use]
    pub fn new(calendar: &'c Calendar, interval: Interval, layout: Layout) -> Self {
        Self { calendar, interval, columns: layout.columns(interval), rows: Vec::new(), last: None }
    }

    /// Adds a bar.
    pub fn push(&mut self, symbol: &Symbol, bar: &Bar) {
        let (last, ohlcv) = (self.last.filter(|last| last.symbol == *symbol), bar.ohlcv);
        let (close, day) = (ohlcv.close().units(), self.calendar.day_of(bar.first));
        let before = last.filter(|last| last.day == day).map_or((Some(0.0), 0), |last| last.since_open);
        let turnover = before.0.zip(ohlcv.traded()).map(|(before, traded)| before + traded.turnover_units());
        let volume = before.1.saturating_add(ohlcv.volume());
        let mean_price = if volume == 0 { Some(close) } else { turnover.map(|turnover| turnover / volume as f64) };
        let close_before = last.map(|last| last.close);
        self.rows.push(Row { symbol: *symbol, bar: *bar, close_before, mean_price });
        self.last = Some(Last { symbol: *symbol, close, day, since_open: (turnover, volume) });
    }

    fn column(&self, figure: Figure) -> ArrayRef {
        let rows = self.rows.iter();
        match figure {
            figure if figure.is_text() => {
                Arc::new(StringArray::from_iter_values(rows.map(|row| self.text(figure, row))))
            }
            Figure::Instant | Figure::Midnight => {
                let instants = rows.map(|row| match figure {
                    Figure::Midnight => self.calendar.midnight(self.day(row)).unwrap_or(row.bar.first.start()),
                    _ => row.bar.first.start(),
                });
                seconds_column(instants.collect(), &zone_name(self.calendar))
            }
            Figure::LocalInstant => Arc::new(TimestampMicrosecondArray::from_iter_values(
                rows.map(|row| self.local(row.bar.first.start()).and_utc().timestamp_micros()),
            )),
            Figure::Day => Arc::new(Date32Array::from_iter_values(
                rows.map(|row| (self.day(row) - NaiveDate::default()).num_days() as i32),
            )),
            Figure::Shares => Arc::new(Int64Array::from_iter_values(rows.map(|row| row.bar.ohlcv.volume()))),
            Figure::WholeLots => Arc::new(Int64Array::from_iter_values(
                rows.map(|row| (row.bar.ohlcv.volume() as f64 / LOT).round() as i64),
            )),
            _ => Arc::new(rows.map(|row| number(figure, row)).collect::<Float64Array>()),
        }
    }

    fn day(&self, row: &Row) -> NaiveDate {
        self.calendar.day_of(row.bar.first)
    }

    fn local(&self, instant: UnixSeconds) -> chrono::NaiveDateTime {
        let utc = || DateTime::from_timestamp(instant.get(), 0).unwrap_or_default().naive_utc();
        self.calendar.hours().local(instant).map_or_else(|_| utc(), |local| local.naive_local())
    }

    fn text(&self, figure: Figure, row: &Row) -> String {
        let (symbol, venue) = (row.symbol.as_str(), Venue::of(&row.symbol));
        let time = |instant| self.local(instant).format("%Y-%m-%d %H:%M:%S").to_string();
        match figure {
            Figure::SymbolWithVenue => {
                venue.map_or_else(|| symbol.to_owned(), |venue| format!("{symbol}.{}", venue.short()))
            }
            Figure::VenueWithSymbol => {
                venue.map_or_else(|| symbol.to_owned(), |venue| format!("{}{symbol}", venue.short()))
            }
            Figure::Exchange => venue.map_or("SMART", Venue::long).to_owned(),
            Figure::VnpyInterval => vnpy_interval(self.interval).unwrap_or_default().to_owned(),
            Figure::DayText => self.day(row).to_string(),
            Figure::DayDigits => self.day(row).format("%Y%m%d").to_string(),
            Figure::LocalText => time(row.bar.first.start()),
            Figure::LocalEndText => time(self.calendar.bucket(row.bar.first, self.interval).last.end()),
            _ => symbol.to_owned(),
        }
    }
}

/// A number; none where it is not known.
fn number(figure: Figure, row: &Row) -> Option<f64> {
    let Bar { ohlcv, .. } = row.bar;
    let turnover = || ohlcv.traded().map(Traded::turnover_units);
    let (close, before) = (ohlcv.close().units(), row.close_before);
    match figure {
        Figure::Open => Some(ohlcv.open().units()),
        Figure::High => Some(ohlcv.high().units()),
        Figure::Low => Some(ohlcv.low().units()),
        Figure::Close => Some(close),
        Figure::CloseBefore => before,
        Figure::Change => before.map(|before| rounded(close - before, 2)),
        Figure::ChangePercent(decimals) => before.map(|before| rounded((close / before - 1.0) * 100.0, decimals)),
        Figure::Amplitude => {
            before.map(|before| rounded((ohlcv.high().units() - ohlcv.low().units()) / before * 100.0, 2))
        }
        Figure::MeanPrice => row.mean_price.map(|price| rounded(price, 3)),
        Figure::Lots => Some(ohlcv.volume() as f64 / LOT),
        Figure::Turnover => turnover(),
        Figure::TurnoverThousands => turnover().map(|turnover| turnover / 1_000.0),
        Figure::Zero => Some(0.0),
        Figure::One => Some(1.0),
        _ => None,
    }
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

impl Columns for LayoutColumns<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.iter().map(|(_, figure)| self.column(*figure)).collect();
        self.rows.clear();
        RecordBatch::try_new(schema.clone(), columns)
    }
}
