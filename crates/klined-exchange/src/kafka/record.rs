//! A run's events as records.

use chrono::NaiveDate;
use rdkafka::message::{Header, OwnedHeaders};

use super::connection::LastRecord;
use crate::event::{Event, RECORD_BYTES};
use crate::run::{RunError, RunEvent, RunSpec};

const DAY: &str = "day";
const SESSION: &str = "session";

/// The partition of a key, as the client of Kafka in C chooses it.
#[must_use]
pub fn partition_of(symbol: &str, partitions: i32) -> i32 {
    // A remainder of `partitions` fits it.
    (crc32fast::hash(symbol.as_bytes()) % partitions.max(1) as u32) as i32
}

/// The headers of a session's records.
pub fn headers(run: &RunSpec, day: u32) -> Result<OwnedHeaders, RunError> {
    let date = run.date(day)?.to_string();
    let session = format!("{}.{day}", run.id());
    let header = |key, value| Header { key, value: Some(value) };
    Ok(OwnedHeaders::new_with_capacity(2).insert(header(DAY, &date)).insert(header(SESSION, &session)))
}

/// Which event of the run a record is.
///
/// # Errors
/// Says why it is none of this run.
pub fn event_of(run: &RunSpec, record: &LastRecord) -> Result<RunEvent, String> {
    let symbol = std::str::from_utf8(&record.key).map_err(|_| "its key is no text".to_owned())?;
    let nth = (0..run.securities_count()).find(|&nth| run.symbol(nth) == symbol);
    let nth = nth.ok_or_else(|| format!("its key is \"{symbol}\""))?;
    let value = record.value.as_slice();
    let bytes: &[u8; RECORD_BYTES] =
        value.try_into().map_err(|_| format!("its value has {} bytes, not {RECORD_BYTES}", value.len()))?;
    let event = Event::from_record(bytes).map_err(|bad| bad.to_string())?;
    let text = |name: &str| {
        let found = record.headers.iter().find(|(key, _)| key == name);
        let text = found.and_then(|(_, value)| std::str::from_utf8(value).ok());
        text.ok_or_else(|| format!("it has no header \"{name}\""))
    };
    let session = text(SESSION)?;
    let day = session.strip_prefix(&format!("{}.", run.id())).and_then(|day| day.parse().ok());
    let day: u32 = day.ok_or_else(|| format!("its session is \"{session}\", and the run is {}", run.id()))?;
    let date: NaiveDate = text(DAY)?.parse().map_err(|_| "its day is no date".to_owned())?;
    match run.date(day) {
        Ok(expected) if expected == date => Ok(RunEvent { nth, day, event }),
        _ => Err(format!("its day is {date}, which is not that of session {day}")),
    }
}
