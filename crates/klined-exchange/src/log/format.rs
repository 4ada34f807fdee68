//! The bytes of header, chunk headers and index.

use super::LogError;
use super::limits::CHUNK_CAPACITY_MAX;
use crate::session::SessionSpec;

pub const HEADER_BYTES: usize = 64;
pub const CHUNK_HEADER_BYTES: usize = 32;
pub const INDEX_ENTRY_BYTES: usize = 32;
/// What follows the index's entries: their number, the magic and the index's offset.
pub const INDEX_END_BYTES: usize = 16;

const MAGIC: [u8; 8] = *b"QRSDPLOG";
const INDEX_MAGIC: [u8; 4] = *b"QIDX";
const FLAGS_OFFSET: usize = 52;
const FLAG_INDEXED: u32 = 1;

/// A log's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub session: SessionSpec,
    /// How many records each chunk but the last has.
    pub chunk_capacity: u32,
    /// Whether the index has been written.
    pub indexed: bool,
}

/// What is written before a chunk's block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkHeader {
    pub uncompressed: u32,
    pub compressed: u32,
    pub count: u32,
    pub first_ts_ns: u64,
    pub last_ts_ns: u64,
}

/// One chunk in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    pub offset: u64,
    pub first_ts_ns: u64,
    pub last_ts_ns: u64,
    pub count: u32,
}

/// Bytes at a place of a fixed array; the places are constants of this file.
fn at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[offset..offset + N]);
    part
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(at(bytes, offset))
}

pub fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(at(bytes, offset))
}

pub fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(at(bytes, offset))
}

impl Header {
    /// How many bytes it has.
    pub const BYTES: usize = HEADER_BYTES;

    /// The header's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let SessionSpec { seed, p0_ticks, tick_size, session_seconds, levels, spread_ticks, depth, market_open_ns } =
            self.session;
        let mut bytes = [0; HEADER_BYTES];
        let mut offset = 0;
        let mut put = |part: &[u8]| {
            bytes[offset..offset + part.len()].copy_from_slice(part);
            offset += part.len();
        };
        put(&MAGIC);
        put(&1u16.to_le_bytes());
        put(&0u16.to_le_bytes());
        put(&(crate::event::RECORD_BYTES as u32).to_le_bytes());
        put(&seed.to_le_bytes());
        put(&p0_ticks.to_le_bytes());
        for number in [tick_size, session_seconds, levels, spread_ticks, depth, self.chunk_capacity] {
            put(&number.to_le_bytes());
        }
        put(&u32::from(self.indexed).to_le_bytes());
        put(&market_open_ns.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`LogError`] where it is none of format 1.0.
    pub fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Result<Self, LogError> {
        let found = at(bytes, 0);
        if found != MAGIC {
            return Err(LogError::Magic { found });
        }
        let (major, minor) = (u16_at(bytes, 8), u16_at(bytes, 10));
        if (major, minor) != (1, 0) {
            return Err(LogError::Version { major, minor });
        }
        let found = u32_at(bytes, 12);
        if found != crate::event::RECORD_BYTES as u32 {
            return Err(LogError::RecordSize { found });
        }
        let chunk_capacity = u32_at(bytes, 48);
        if chunk_capacity == 0 || chunk_capacity > CHUNK_CAPACITY_MAX {
            return Err(LogError::ChunkCapacity { found: chunk_capacity });
        }
        let session = SessionSpec {
            seed: u64_at(bytes, 16),
            p0_ticks: i32::from_le_bytes(at(bytes, 24)),
            tick_size: u32_at(bytes, 28),
            session_seconds: u32_at(bytes, 32),
            levels: u32_at(bytes, 36),
            spread_ticks: u32_at(bytes, 40),
            depth: u32_at(bytes, 44),
            market_open_ns: u64_at(bytes, 56),
        };
        let indexed = u32_at(bytes, FLAGS_OFFSET) & FLAG_INDEXED != 0;
        Ok(Self { session, chunk_capacity, indexed })
    }
}

impl ChunkHeader {
    pub fn to_bytes(self) -> [u8; CHUNK_HEADER_BYTES] {
        let mut bytes = [0; CHUNK_HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.uncompressed.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.compressed.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first_ts_ns.to_le_bytes());
        bytes[24..].copy_from_slice(&self.last_ts_ns.to_le_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8; CHUNK_HEADER_BYTES]) -> Self {
        Self {
            uncompressed: u32_at(bytes, 0),
            compressed: u32_at(bytes, 4),
            count: u32_at(bytes, 8),
            first_ts_ns: u64_at(bytes, 16),
            last_ts_ns: u64_at(bytes, 24),
        }
    }
}

/// The index's bytes, its end included.
pub fn index_bytes(entries: &[IndexEntry], index_offset: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * INDEX_ENTRY_BYTES + INDEX_END_BYTES);
    for entry in entries {
        bytes.extend(entry.offset.to_le_bytes());
        bytes.extend(entry.first_ts_ns.to_le_bytes());
        bytes.extend(entry.last_ts_ns.to_le_bytes());
        bytes.extend(entry.count.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
    }
    bytes.extend((entries.len() as u32).to_le_bytes());
    bytes.extend(INDEX_MAGIC);
    bytes.extend(index_offset.to_le_bytes());
    bytes
}

/// The entries of an index that ends at `file_len`; `bytes` are those from `index_offset` on.
///
/// # Errors
/// Says what is wrong.
pub fn index_end(bytes: &[u8; INDEX_END_BYTES], file_len: u64) -> Result<(u32, u64), &'static str> {
    if at(bytes, 4) != INDEX_MAGIC {
        return Err("it does not end in \"QIDX\" and an offset");
    }
    let (count, offset) = (u32_at(bytes, 0), u64_at(bytes, 8));
    let length = u64::from(count) * INDEX_ENTRY_BYTES as u64 + INDEX_END_BYTES as u64;
    let fits = offset >= HEADER_BYTES as u64 && offset.checked_add(length) == Some(file_len);
    if fits { Ok((count, offset)) } else { Err("its offset and its number of entries do not fit the file's size") }
}

pub fn index_entry(bytes: &[u8]) -> IndexEntry {
    IndexEntry {
        offset: u64_at(bytes, 0),
        first_ts_ns: u64_at(bytes, 8),
        last_ts_ns: u64_at(bytes, 16),
        count: u32_at(bytes, 24),
    }
}
