//! What can be wrong with a log.

use std::io;

use thiserror::Error;

use super::limits::CHUNK_CAPACITY_MAX;
use crate::event::BadRecord;

/// A log that cannot be read or written. Offsets are bytes from the file's start.
#[derive(Debug, Error)]
pub enum LogError {
    #[error("reading or writing at byte {offset} failed: {source}")]
    Io { offset: u64, source: io::Error },
    #[error("the file has {len} bytes: a log's header alone has 64")]
    TooShort { len: u64 },
    #[error("the file starts with {found:02x?}: a log starts with \"QRSDPLOG\"")]
    Magic { found: [u8; 8] },
    #[error("the log has format version {major}.{minor}: only 1.0 is known")]
    Version { major: u16, minor: u16 },
    #[error("the log's records have {found} bytes: those of format 1.0 have 26")]
    RecordSize { found: u32 },
    #[error("the log's chunks have room for {found} records: 1 to {CHUNK_CAPACITY_MAX} are possible")]
    ChunkCapacity { found: u32 },
    #[error("the chunk at byte {offset} is torn or damaged: {reason}")]
    Chunk { offset: u64, reason: &'static str },
    #[error("record {nth} of the chunk at byte {offset} is damaged: {bad}")]
    Record { offset: u64, nth: usize, bad: BadRecord },
    #[error("the index that ends the file is damaged at byte {offset}: {reason}")]
    Index { offset: u64, reason: &'static str },
    #[error("the log has {found} where {expected} is expected: {name}")]
    Other { name: &'static str, found: u64, expected: u64 },
    #[error("the events of a log must follow one another in time: event {order_id} is before the one that it follows")]
    Order { order_id: u64 },
}

impl LogError {
    pub(crate) fn io(offset: u64) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { offset, source }
    }
}
