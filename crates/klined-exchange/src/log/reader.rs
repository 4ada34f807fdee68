//! Reading a log, whole or torn, by anyone: nothing of the file is believed before it is checked.

use std::io::{Read, Seek, SeekFrom};

use super::columns;
use super::format::{
    CHUNK_HEADER_BYTES, ChunkHeader, HEADER_BYTES, INDEX_END_BYTES, INDEX_ENTRY_BYTES, IndexEntry, index_end,
    index_entry,
};
use super::{Header, LogError};
use crate::event::{Event, EventType, RECORD_BYTES};

/// LZ4 makes at most this many bytes of one.
const EXPANSION_MAX: u64 = 255;

/// Stands where an event will be decoded.
const BLANK: Event = Event { ts_ns: 0, event_type: EventType::AddBid, price_ticks: 0, qty: 0, order_id: 0 };

/// A chunk of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Where its header starts in the file.
    pub offset: u64,
    /// Times of its first and its last event, in nanoseconds since midnight.
    pub first_ts_ns: u64,
    pub last_ts_ns: u64,
    /// Events in it.
    pub count: u32,
    /// Bytes of its block.
    pub compressed: u32,
}

impl Chunk {
    /// Where the chunk ends in the file.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset + CHUNK_HEADER_BYTES as u64 + self.compressed as u64
    }

    pub(crate) fn entry(&self) -> IndexEntry {
        IndexEntry {
            offset: self.offset,
            first_ts_ns: self.first_ts_ns,
            last_ts_ns: self.last_ts_ns,
            count: self.count,
        }
    }
}

/// What follows the last whole chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing: the log is still being written, or its writer was killed between two chunks, or it has no events.
    Nothing,
    /// The index, at this byte.
    Index { offset: u64 },
    /// A torn chunk, from this byte on.
    Torn { offset: u64, bytes: u64 },
}

/// A log that is read.
#[derive(Debug)]
pub struct LogReader<F> {
    file: F,
    header: Header,
    chunks: Vec<Chunk>,
    tail: Tail,
    len: u64,
    blocks: Blocks,
}

impl<F: Read + Seek> LogReader<F> {
    /// Opens a log: reads its header and its index, or finds its chunks where it has no index.
    ///
    /// # Errors
    /// [`LogError`] where it is no log, or its index is damaged. A log without an index may end in a torn chunk, see [`Self::tail`].
    pub fn open(file: F) -> Result<Self, LogError> {
        let mut reader = Self::bare(file)?;
        reader.find_chunks()?;
        if reader.header.indexed {
            reader.check_index()?;
        }
        Ok(reader)
    }

    /// Opens a log for those who mean to repair it: a damaged index is overlooked.
    pub(crate) fn open_leniently(file: F) -> Result<Self, LogError> {
        let mut reader = Self::bare(file)?;
        reader.find_chunks()?;
        if reader.check_index().is_err() {
            let offset = reader.chunks.last().map_or(HEADER_BYTES as u64, Chunk::end);
            reader.tail = match reader.len - offset {
                0 => Tail::Nothing,
                bytes => Tail::Torn { offset, bytes },
            };
        }
        Ok(reader)
    }

    fn bare(mut file: F) -> Result<Self, LogError> {
        let len = file.seek(SeekFrom::End(0)).map_err(LogError::io(0))?;
        if len < HEADER_BYTES as u64 {
            return Err(LogError::TooShort { len });
        }
        let mut bytes = [0; HEADER_BYTES];
        read_at(&mut file, 0, &mut bytes)?;
        let header = Header::from_bytes(&bytes)?;
        Ok(Self { file, header, chunks: Vec::new(), tail: Tail::Nothing, len, blocks: Blocks::default() })
    }

    /// Finds chunks by their headers, each of which says where the next one is.
    fn find_chunks(&mut self) -> Result<(), LogError> {
        let mut offset = HEADER_BYTES as u64;
        while let Some(chunk) = chunk_at(&mut self.file, offset, self.len, &self.header)? {
            self.chunks.push(chunk);
            offset = chunk.end();
            // All but the last are full.
            if chunk.count != self.header.chunk_capacity {
                break;
            }
        }
        self.tail = match self.len - offset {
            0 => Tail::Nothing,
            bytes => Tail::Torn { offset, bytes },
        };
        Ok(())
    }

    /// Compares the index with the chunks that were found.
    fn check_index(&mut self) -> Result<(), LogError> {
        let end = self.len.saturating_sub(INDEX_END_BYTES as u64).max(HEADER_BYTES as u64);
        let bad = |offset, reason| LogError::Index { offset, reason };
        if self.len - end < INDEX_END_BYTES as u64 {
            return Err(bad(end, "the file ends before it"));
        }
        let mut bytes = [0; INDEX_END_BYTES];
        read_at(&mut self.file, end, &mut bytes)?;
        let (count, index_offset) = index_end(&bytes, self.len).map_err(|reason| bad(end, reason))?;
        let expected = self.chunks.last().map_or(HEADER_BYTES as u64, Chunk::end);
        if index_offset != expected || count as usize != self.chunks.len() {
            return Err(bad(index_offset, "its chunks are not those of the file"));
        }
        let mut bytes = vec![0; self.chunks.len() * INDEX_ENTRY_BYTES];
        read_at(&mut self.file, index_offset, &mut bytes)?;
        for (nth, (entry, chunk)) in bytes.chunks_exact(INDEX_ENTRY_BYTES).zip(&self.chunks).enumerate() {
            if index_entry(entry) != chunk.entry() {
                return Err(bad(index_offset + (nth * INDEX_ENTRY_BYTES) as u64, "an entry is not that of its chunk"));
            }
        }
        self.tail = Tail::Index { offset: index_offset };
        Ok(())
    }

    /// The log's header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The whole chunks, in order.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// What follows the last whole chunk.
    #[must_use]
    pub const fn tail(&self) -> Tail {
        self.tail
    }

    /// Bytes of the file.
    #[must_use]
    pub const fn len_bytes(&self) -> u64 {
        self.len
    }

    /// Events in whole chunks.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.count)).sum()
    }

    /// Events of a log, from its index alone where it has one: two short reads, for those who count many logs.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn count_of(file: F) -> Result<u64, LogError> {
        let mut reader = Self::bare(file)?;
        if let Some(end) = reader.len.checked_sub((INDEX_END_BYTES + INDEX_ENTRY_BYTES) as u64)
            && reader.header.indexed
            && end >= HEADER_BYTES as u64
        {
            let mut bytes = [0; INDEX_ENTRY_BYTES + INDEX_END_BYTES];
            read_at(&mut reader.file, end, &mut bytes)?;
            let (entry, rest) = bytes.split_at(INDEX_ENTRY_BYTES);
            if let Some((chunks, _)) = rest.first_chunk().and_then(|rest| index_end(rest, reader.len).ok()) {
                let full = u64::from(chunks.saturating_sub(1)) * u64::from(reader.header.chunk_capacity);
                return Ok(full + u64::from(index_entry(entry).count));
            }
        }
        reader.find_chunks()?;
        Ok(reader.count())
    }

    /// The first chunk with an event at `ts_ns` or later, or the number of chunks.
    #[must_use]
    pub fn chunk_at_time(&self, ts_ns: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.last_ts_ns < ts_ns)
    }

    /// Appends the events of a chunk.
    ///
    /// # Errors
    /// [`LogError::Chunk`] or [`LogError::Record`] where it is damaged; `events` is then as before.
    pub fn read_chunk(&mut self, nth: usize, events: &mut Vec<Event>) -> Result<(), LogError> {
        let Some(&chunk) = self.chunks.get(nth) else {
            return Err(LogError::Chunk { offset: self.len, reason: "the log has no such chunk" });
        };
        self.blocks.read(&mut self.file, chunk, events)
    }

    /// Gives every event to `each`, chunk by chunk.
    ///
    /// # Errors
    /// Those of [`Self::read_chunk`], and of `each`.
    pub fn for_each_chunk<E: From<LogError>>(
        &mut self,
        mut each: impl FnMut(&[Event]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut events = Vec::new();
        for nth in 0..self.chunks.len() {
            events.clear();
            self.read_chunk(nth, &mut events)?;
            each(&events)?;
        }
        Ok(())
    }

    pub(crate) fn into_inner(self) -> F {
        self.file
    }
}

/// The chunk whose header is at `offset`, if that can be one of a file of `len` bytes.
pub fn chunk_at<F: Read + Seek>(
    file: &mut F,
    offset: u64,
    len: u64,
    header: &Header,
) -> Result<Option<Chunk>, LogError> {
    let block_start = offset + CHUNK_HEADER_BYTES as u64;
    if block_start > len {
        return Ok(None);
    }
    let mut bytes = [0; CHUNK_HEADER_BYTES];
    read_at(file, offset, &mut bytes)?;
    let ChunkHeader { uncompressed, compressed, count, first_ts_ns, last_ts_ns } = ChunkHeader::from_bytes(&bytes);
    let possible = (1..=header.chunk_capacity).contains(&count)
        && u64::from(uncompressed) == u64::from(count) * RECORD_BYTES as u64
        && u64::from(uncompressed) <= u64::from(compressed) * EXPANSION_MAX
        && u64::from(compressed) <= len - block_start
        && first_ts_ns <= last_ts_ns;
    Ok(possible.then_some(Chunk { offset, first_ts_ns, last_ts_ns, count, compressed }))
}

/// Reads chunks' blocks, and keeps the room that it takes.
#[derive(Debug, Default)]
pub struct Blocks {
    block: Vec<u8>,
    raw: Vec<u8>,
}

impl Blocks {
    /// Appends the events of a chunk.
    ///
    /// # Errors
    /// [`LogError::Chunk`] or [`LogError::Record`] where it is damaged; `events` is then as before.
    pub fn read<F: Read + Seek>(
        &mut self,
        file: &mut F,
        chunk: Chunk,
        events: &mut Vec<Event>,
    ) -> Result<(), LogError> {
        let offset = chunk.offset;
        let bad = |reason| LogError::Chunk { offset, reason };
        self.block.resize(chunk.compressed as usize, 0);
        read_at(file, offset + CHUNK_HEADER_BYTES as u64, &mut self.block)?;
        let start = events.len();
        events.resize(start + chunk.count as usize, BLANK);
        let decoded = columns::decode(&self.block, &mut events[start..]);
        if decoded.is_some()
            && events.get(start).is_some_and(|first| first.ts_ns == chunk.first_ts_ns)
            && events.last().is_some_and(|last| last.ts_ns == chunk.last_ts_ns)
        {
            return Ok(());
        }
        events.truncate(start);
        let length = chunk.count as usize * RECORD_BYTES;
        self.raw.resize(length, 0);
        let read =
            lz4_flex::block::decompress_into(&self.block, &mut self.raw).map_err(|_| bad("its block is no LZ4"))?;
        if read != length {
            return Err(bad("its block has another number of records than its header says"));
        }
        decode(&self.raw, chunk, events).inspect_err(|_| events.truncate(start))
    }
}

fn decode(raw: &[u8], chunk: Chunk, events: &mut Vec<Event>) -> Result<(), LogError> {
    let offset = chunk.offset;
    let (records, _) = raw.as_chunks::<RECORD_BYTES>();
    let start = events.len();
    events.reserve(records.len());
    let mut before_ns = chunk.first_ts_ns;
    for (nth, record) in records.iter().enumerate() {
        let event = Event::from_record(record).map_err(|bad| LogError::Record { offset, nth, bad })?;
        if event.ts_ns < before_ns {
            return Err(LogError::Order { order_id: event.order_id });
        }
        before_ns = event.ts_ns;
        events.push(event);
    }
    let first = events.get(start).map_or(0, |event| event.ts_ns);
    if first != chunk.first_ts_ns || before_ns != chunk.last_ts_ns {
        return Err(LogError::Chunk { offset, reason: "its first and last times are not those of its header" });
    }
    Ok(())
}

pub fn read_at<F: Read + Seek>(file: &mut F, offset: u64, bytes: &mut [u8]) -> Result<(), LogError> {
    file.seek(SeekFrom::Start(offset)).map_err(LogError::io(offset))?;
    file.read_exact(bytes).map_err(LogError::io(offset))
}
