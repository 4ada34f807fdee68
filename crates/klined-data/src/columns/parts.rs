//! The parts of columns: texts that repeat, prices, instants.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
    TimestampNanosecondArray,
};
use arrow_buffer::{NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, TimeUnit};
use klined_market::base::{Nanos, UnixNanos, UnixSeconds, price::TICKS_PER_UNIT};
use klined_market::calendar::Calendar;
use thiserror::Error;

/// Digits of a price in decimal, and those after the point, as `numeric(10,2)` has them.
const PRECISION: u8 = 10;
const SCALE: i8 = 2;
/// Digits of a sum of prices times shares in decimal.
const SUM_PRECISION: u8 = 18;
/// In place of a price that is not there. No price is 0.
const NO_PRICE: i64 = 0;

/// The type of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prices {
    /// Double precision: the double nearest to the price.
    #[default]
    Float,
    /// Decimal with two decimals: the price itself.
    Decimal,
}

/// A text that is no type of prices.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a type of prices: use float or decimal")]
pub struct UnknownPrices(String);

impl FromStr for Prices {
    type Err = UnknownPrices;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "float" => Ok(Self::Float),
            "decimal" => Ok(Self::Decimal),
            _ => Err(UnknownPrices(text.to_owned())),
        }
    }
}

impl fmt::Display for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Float => "float",
            Self::Decimal => "decimal",
        })
    }
}

impl Prices {
    /// The column of prices of a name.
    pub(super) fn field(self, name: &str, is_nullable: bool) -> Field {
        let kind = match self {
            Self::Float => DataType::Float64,
            Self::Decimal => DataType::Decimal128(PRECISION, SCALE),
        };
        Field::new(name, kind, is_nullable)
    }

    /// The column of sums of prices times shares, which rows of earlier versions do not have.
    pub(super) fn sum_field(self, name: &str) -> Field {
        let kind = match self {
            Self::Float => DataType::Float64,
            Self::Decimal => DataType::Decimal128(SUM_PRECISION, SCALE),
        };
        Field::new(name, kind, true)
    }
}

/// The name of a market's time zone in the database of time zones.
pub(crate) fn zone_name(calendar: &Calendar) -> Arc<str> {
    calendar.hours().zone().name().into()
}

/// The column of a market's instants.
pub(crate) fn timestamps(name: &str, unit: TimeUnit, calendar: &Calendar) -> Field {
    Field::new(name, DataType::Timestamp(unit, Some(zone_name(calendar))), false)
}

/// What a vector has; it has room for as much again, because batches are of one size.
pub(super) fn emptied<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(values.len());
    std::mem::replace(values, room)
}

/// A text that is the same in many rows after one another.
#[derive(Debug, Default)]
pub(super) struct RepeatedTexts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

impl RepeatedTexts {
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        // A batch is many times smaller than the range of its offsets.
        self.ends.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    /// The text in so many rows.
    pub fn push_many(&mut self, text: &str, rows: usize) {
        let begun = self.bytes.len();
        self.bytes.extend(text.as_bytes().repeat(rows));
        let ends = (1..=rows).map(|row| i32::try_from(begun + row * text.len()).unwrap_or(i32::MAX));
        self.ends.extend(ends);
    }

    pub fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let (bytes, ends) = (emptied(&mut self.bytes), emptied(&mut self.ends));
        let mut offsets = Vec::with_capacity(ends.len() + 1);
        offsets.push(0);
        offsets.extend(ends);
        Ok(Arc::new(StringArray::try_new(OffsetBuffer::new(offsets.into()), bytes.into(), None)?))
    }
}

/// Prices in ticks.
#[derive(Debug, Default)]
pub(super) struct PriceColumn {
    ticks: Vec<i64>,
}

impl PriceColumn {
    #[inline]
    pub fn push(&mut self, ticks: i64) {
        self.ticks.push(ticks);
    }

    pub fn extend(&mut self, ticks: impl Iterator<Item = i64>) {
        self.ticks.extend(ticks);
    }

    pub fn push_option(&mut self, ticks: Option<i64>) {
        self.ticks.push(ticks.unwrap_or(NO_PRICE));
    }

    pub fn take(&mut self, kind: &DataType) -> Result<ArrayRef, ArrowError> {
        let ticks = emptied(&mut self.ticks);
        let nulls = present(&ticks);
        Ok(match kind {
            DataType::Decimal128(..) => {
                let values: ScalarBuffer<i128> = ticks.into_iter().map(i128::from).collect::<Vec<_>>().into();
                Arc::new(Decimal128Array::try_new(values, nulls)?.with_precision_and_scale(PRECISION, SCALE)?)
            }
            _ => Arc::new(Float64Array::try_new(units(ticks), nulls)?),
        })
    }
}

/// Numbers that may be unknown: counts, and sums of prices times shares in hundredths of the currency unit.
#[derive(Debug)]
pub(super) struct OptionColumn {
    values: Vec<i64>,
    nulls: NullBufferBuilder,
}

impl Default for OptionColumn {
    fn default() -> Self {
        Self { values: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }
}

impl OptionColumn {
    pub fn extend(&mut self, values: impl Iterator<Item = Option<i64>> + Clone) {
        let begun = self.values.len();
        self.values.extend(values.clone().map(Option::unwrap_or_default));
        if values.clone().all(|value| value.is_some()) {
            self.nulls.append_n_non_nulls(self.values.len() - begun);
        } else {
            values.for_each(|value| self.nulls.append(value.is_some()));
        }
    }

    fn take(&mut self) -> (Vec<i64>, Option<NullBuffer>) {
        (emptied(&mut self.values), self.nulls.finish())
    }

    pub fn take_counts(&mut self) -> Result<ArrayRef, ArrowError> {
        let (counts, nulls) = self.take();
        Ok(Arc::new(Int64Array::try_new(counts.into(), nulls)?))
    }

    pub fn take_sums(&mut self, kind: &DataType) -> Result<ArrayRef, ArrowError> {
        let (hundredths, nulls) = self.take();
        Ok(match kind {
            DataType::Decimal128(..) => {
                let sums: ScalarBuffer<i128> = hundredths.into_iter().map(i128::from).collect::<Vec<_>>().into();
                Arc::new(Decimal128Array::try_new(sums, nulls)?.with_precision_and_scale(SUM_PRECISION, SCALE)?)
            }
            _ => Arc::new(Float64Array::try_new(units(hundredths), nulls)?),
        })
    }
}

/// Hundredths in units: the nearest doubles.
fn units(hundredths: Vec<i64>) -> ScalarBuffer<f64> {
    let unit = TICKS_PER_UNIT as f64;
    hundredths.into_iter().map(|count| count as f64 / unit).collect::<Vec<_>>().into()
}

/// Which prices are there; none when all are.
fn present(ticks: &[i64]) -> Option<NullBuffer> {
    ticks.contains(&NO_PRICE).then(|| ticks.iter().map(|&ticks| ticks != NO_PRICE).collect::<Vec<bool>>().into())
}

/// Instants of bars.
pub(crate) fn seconds_column(instants: Vec<UnixSeconds>, calendar_zone: &Arc<str>) -> ArrayRef {
    let micros = instants.into_iter().map(|instant| instant.count_of(Nanos::MICROSECOND));
    let micros = micros.collect::<Vec<_>>().into();
    Arc::new(TimestampMicrosecondArray::new(micros, None).with_timezone(calendar_zone.clone()))
}

/// Instants of trades and quotes.
pub(super) fn nanos_column(instants: Vec<UnixNanos>, calendar_zone: &Arc<str>) -> ArrayRef {
    let nanos = instants.into_iter().map(UnixNanos::get);
    Arc::new(TimestampNanosecondArray::from_iter_values(nanos).with_timezone(calendar_zone.clone()))
}
