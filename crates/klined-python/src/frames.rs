//! Frames of other libraries, read by Arrow's C interface batch after batch.

use std::ptr::NonNull;

use arrow_array::cast::AsArray;
use arrow_array::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::timezone::Tz;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::refused;

/// The name that Arrow's interface gives a stream.
const STREAM: &std::ffi::CStr = c"arrow_array_stream";

/// The batches of a frame: of pandas, polars, pyarrow, or a table of klined. `what` is its name in errors.
pub fn batches(frame: &Bound<'_, PyAny>, what: &str) -> PyResult<ArrowArrayStreamReader> {
    let no_frame = |_| {
        let kind = frame.get_type();
        refused(format!(
            "{what} is of the type {kind}: a frame of pandas, polars or pyarrow, or a klined.Table, is needed"
        ))
    };
    let capsule = frame.call_method0("__arrow_c_stream__").map_err(no_frame)?;
    let stream: NonNull<FFI_ArrowArrayStream> = capsule.cast::<PyCapsule>()?.pointer_checked(Some(STREAM))?.cast();
    #[allow(
        unsafe_code,
        reason = "a capsule of this name points to a stream, which is moved out and leaves an empty one"
    )]
    let reader = unsafe { ArrowArrayStreamReader::from_raw(stream.as_ptr()) };
    reader.map_err(|error| refused(format!("cannot read {what}: {error}")))
}

/// A column by its name.
pub fn column<'b>(batch: &'b RecordBatch, what: &str, name: &str) -> PyResult<&'b ArrayRef> {
    let array = batch.column_by_name(name).ok_or_else(|| refused(format!("{what} has no column \"{name}\"")))?;
    if array.null_count() > 0 {
        return Err(refused(format!("the column \"{name}\" of {what} has a null")));
    }
    Ok(array)
}

fn wrong_type(what: &str, name: &str, found: &DataType, needed: &str) -> PyErr {
    refused(format!("the column \"{name}\" of {what} has the type {found}: {needed} are needed"))
}

/// A column of texts.
pub fn texts<'b>(batch: &'b RecordBatch, what: &str, name: &str) -> PyResult<Vec<&'b str>> {
    let array = column(batch, what, name)?;
    let wrong = || wrong_type(what, name, array.data_type(), "texts");
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let values = plain_texts(dictionary.values()).ok_or_else(wrong)?;
        let value = |key: usize| values.get(key).copied().ok_or_else(wrong);
        return dictionary.normalized_keys().into_iter().map(value).collect();
    }
    plain_texts(array).ok_or_else(wrong)
}

fn plain_texts(array: &dyn Array) -> Option<Vec<&str>> {
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().map(Option::unwrap_or_default).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(Option::unwrap_or_default).collect(),
        DataType::Utf8View => array.as_string_view().iter().map(Option::unwrap_or_default).collect(),
        _ => return None,
    })
}

/// A column of numbers: floating, whole or decimal.
pub fn numbers(batch: &RecordBatch, what: &str, name: &str) -> PyResult<Vec<f64>> {
    let array = column(batch, what, name)?;
    Ok(match array.data_type() {
        DataType::Float64 => values::<Float64Type>(array, |value| value),
        DataType::Float32 => values::<Float32Type>(array, f64::from),
        DataType::Int64 => values::<Int64Type>(array, |value| value as f64),
        DataType::Int32 => values::<Int32Type>(array, f64::from),
        DataType::UInt64 => values::<UInt64Type>(array, |value| value as f64),
        DataType::UInt32 => values::<UInt32Type>(array, f64::from),
        DataType::Decimal128(_, scale) => {
            let unit = 10_f64.powi(i32::from(*scale));
            values::<Decimal128Type>(array, |value| value as f64 / unit)
        }
        other => return Err(wrong_type(what, name, other, "numbers")),
    })
}

fn values<T: ArrowPrimitiveType>(array: &dyn Array, value: impl Fn(T::Native) -> f64) -> Vec<f64> {
    array.as_primitive::<T>().values().iter().map(|&one| value(one)).collect()
}

/// A column of truth values.
pub fn flags(batch: &RecordBatch, what: &str, name: &str) -> PyResult<Vec<bool>> {
    let array = column(batch, what, name)?;
    let flags = array.as_boolean_opt().ok_or_else(|| wrong_type(what, name, array.data_type(), "truth values"))?;
    Ok(flags.iter().map(Option::unwrap_or_default).collect())
}

/// A column of timestamps as local times of its zone; those without a zone are taken as they stand.
pub fn local_times(batch: &RecordBatch, what: &str, name: &str) -> PyResult<Vec<NaiveDateTime>> {
    let array = column(batch, what, name)?;
    let DataType::Timestamp(unit, zone) = array.data_type() else {
        return Err(wrong_type(what, name, array.data_type(), "timestamps"));
    };
    let instants = match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
    };
    let zone: Option<Tz> = match zone {
        None => None,
        Some(zone) => Some(zone.parse().map_err(|error| refused(format!("the column \"{name}\" of {what}: {error}")))?),
    };
    let utc = |instant: i64| match unit {
        TimeUnit::Second => DateTime::from_timestamp(instant, 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(instant),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(instant),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(instant)),
    };
    let local = |&instant: &i64| {
        let time = utc(instant).map(|time| time.naive_utc());
        let time = time
            .ok_or_else(|| refused(format!("the column \"{name}\" of {what} has a time outside of all calendars")))?;
        Ok(zone.as_ref().map_or(time, |zone| time + zone.offset_from_utc_datetime(&time).fix()))
    };
    instants.iter().map(local).collect()
}
