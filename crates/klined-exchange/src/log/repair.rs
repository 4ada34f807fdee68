//! Making a whole log of a torn or damaged one.

use std::io::{Read, Seek, Write};

use super::{LogError, LogReader, LogWriter};

/// What a repair kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repaired {
    /// Chunks and events that were kept.
    pub chunks: usize,
    pub events: u64,
    /// Where the first byte that could not be kept was, and how many there were; index bytes do not count.
    pub lost_from: u64,
    pub lost_bytes: u64,
}

/// Writes the whole chunks of a log to another file, with an index. Stops at the first chunk that is damaged: events behind a gap do
/// not follow from those before.
///
/// # Errors
/// [`LogError`] where the header is damaged, or writing fails.
pub fn repair<R: Read + Seek, W: Write + Seek>(damaged: R, whole: W) -> Result<Repaired, LogError> {
    let mut reader = LogReader::open_leniently(damaged)?;
    let mut writer = LogWriter::create(whole, *reader.header())?;
    let mut repaired = Repaired { chunks: 0, events: 0, lost_from: super::format::HEADER_BYTES as u64, lost_bytes: 0 };
    let mut events = Vec::new();
    for nth in 0..reader.chunks().len() {
        events.clear();
        if reader.read_chunk(nth, &mut events).is_err() || writer.append(&events).is_err() {
            break;
        }
        repaired.chunks += 1;
        repaired.events += events.len() as u64;
        repaired.lost_from = reader.chunks()[nth].end();
    }
    let end = match reader.tail() {
        super::Tail::Index { offset } => offset,
        super::Tail::Nothing | super::Tail::Torn { .. } => reader.len_bytes(),
    };
    repaired.lost_bytes = end - repaired.lost_from;
    writer.finish()?;
    Ok(repaired)
}
