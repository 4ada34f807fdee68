//! Writing a log, and going on with one.

use std::io::{Read, Seek, SeekFrom, Write};

use super::format::{CHUNK_HEADER_BYTES, ChunkHeader, HEADER_BYTES, IndexEntry, index_bytes};
use super::lz4::Encoder;
use super::{Header, LogError, LogReader};
use crate::event::{Event, RECORD_BYTES};

/// A log in the making. Chunks are written as they fill; [`LogWriter::finish`] writes the last one and the index.
#[derive(Debug)]
pub struct LogWriter<F> {
    file: F,
    header: Header,
    entries: Vec<IndexEntry>,
    /// Events of the chunk that is not full yet.
    pending: Vec<Event>,
    /// How many of them [`Self::flush`] has written.
    flushed: usize,
    /// Where the next chunk starts.
    offset: u64,
    encoder: Encoder,
    bytes: Vec<u8>,
    last_ts_ns: u64,
}

impl<F: Write + Seek> LogWriter<F> {
    /// Starts a log in an empty file.
    ///
    /// # Errors
    /// [`LogError::Io`], or [`LogError::ChunkCapacity`] for chunks of no possible size.
    pub fn create(mut file: F, header: Header) -> Result<Self, LogError> {
        let header = Header::from_bytes(&Header { indexed: false, ..header }.to_bytes())?;
        file.write_all(&header.to_bytes()).map_err(LogError::io(0))?;
        Ok(Self::at(file, header, Vec::new(), HEADER_BYTES as u64))
    }

    fn at(file: F, header: Header, entries: Vec<IndexEntry>, offset: u64) -> Self {
        let last_ts_ns = entries.last().map_or(0, |entry| entry.last_ts_ns);
        Self {
            file,
            header,
            entries,
            pending: Vec::new(),
            flushed: 0,
            offset,
            encoder: Encoder::default(),
            bytes: Vec::new(),
            last_ts_ns,
        }
    }

    /// Appends events, which must follow one another in time.
    ///
    /// # Errors
    /// [`LogError::Io`]: the log then holds whole chunks still, and this writer must not be used any more. [`LogError::Order`].
    pub fn append(&mut self, mut events: &[Event]) -> Result<(), LogError> {
        let capacity = self.header.chunk_capacity as usize;
        while !events.is_empty() {
            if self.pending.is_empty() && events.len() >= capacity {
                let (chunk, rest) = events.split_at(capacity);
                self.write_chunk(chunk)?;
                events = rest;
            } else {
                let (part, rest) = events.split_at((capacity - self.pending.len()).min(events.len()));
                self.pending.extend_from_slice(part);
                events = rest;
                if self.pending.len() == capacity {
                    let pending = std::mem::take(&mut self.pending);
                    self.write_chunk(&pending)?;
                    self.pending = pending;
                    self.pending.clear();
                    self.flushed = 0;
                }
            }
        }
        Ok(())
    }

    /// Events in whole chunks.
    #[must_use]
    pub fn whole_chunks_count(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.count)).sum()
    }

    /// The time of the last event in whole chunks, in nanoseconds since midnight; 0 where there is none.
    #[must_use]
    pub const fn last_ts_ns(&self) -> u64 {
        self.last_ts_ns
    }

    /// Encodes a chunk into `self.bytes`, its header before it.
    fn encode(&mut self, events: &[Event]) -> Result<IndexEntry, LogError> {
        let mut last_ts_ns = self.last_ts_ns;
        for event in events {
            if event.ts_ns < last_ts_ns {
                return Err(LogError::Order { order_id: event.order_id });
            }
            last_ts_ns = event.ts_ns;
        }
        let block = self.encoder.encode(events);
        let entry = IndexEntry {
            offset: self.offset,
            first_ts_ns: events.first().map_or(0, |event| event.ts_ns),
            last_ts_ns,
            count: events.len() as u32,
        };
        let header = ChunkHeader {
            uncompressed: (events.len() * RECORD_BYTES) as u32,
            compressed: block.len() as u32,
            count: entry.count,
            first_ts_ns: entry.first_ts_ns,
            last_ts_ns,
        };
        self.bytes.clear();
        self.bytes.extend_from_slice(&header.to_bytes());
        self.bytes.extend_from_slice(block);
        Ok(entry)
    }

    fn write_chunk(&mut self, events: &[Event]) -> Result<(), LogError> {
        let entry = self.encode(events)?;
        self.write_at(self.offset, 0..self.bytes.len())?;
        self.entries.push(entry);
        self.offset += self.bytes.len() as u64;
        self.last_ts_ns = entry.last_ts_ns;
        Ok(())
    }

    fn write_at(&mut self, offset: u64, range: std::ops::Range<usize>) -> Result<(), LogError> {
        self.file.seek(SeekFrom::Start(offset)).map_err(LogError::io(offset))?;
        self.file.write_all(&self.bytes[range]).map_err(LogError::io(offset))
    }

    /// Writes the chunk that is not full yet to where it will stand, so that a reader who follows the log sees its events. The chunk's header is
    /// zero while its block changes: who finds the same header, not zero, before and after it has read the block has read a whole one.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn flush(&mut self) -> Result<(), LogError> {
        if self.pending.len() == self.flushed {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        self.encode(&pending)?;
        self.flushed = pending.len();
        self.pending = pending;
        let header = self.bytes[..CHUNK_HEADER_BYTES].to_vec();
        self.bytes[..CHUNK_HEADER_BYTES].fill(0);
        let length = self.bytes.len();
        self.write_at(self.offset, 0..CHUNK_HEADER_BYTES)?;
        self.write_at(self.offset + CHUNK_HEADER_BYTES as u64, CHUNK_HEADER_BYTES..length)?;
        self.bytes[..CHUNK_HEADER_BYTES].copy_from_slice(&header);
        self.write_at(self.offset, 0..CHUNK_HEADER_BYTES)?;
        self.file.flush().map_err(LogError::io(self.offset))
    }

    /// Writes the last chunk and the index, and then says in the header that it is there. Returns the file, which ends where the log does.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn finish(mut self) -> Result<F, LogError> {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.write_chunk(&pending)?;
        }
        if self.entries.is_empty() {
            self.file.flush().map_err(LogError::io(0))?;
            return Ok(self.file);
        }
        self.bytes = index_bytes(&self.entries, self.offset);
        self.write_at(self.offset, 0..self.bytes.len())?;
        self.file.flush().map_err(LogError::io(self.offset))?;
        self.header.indexed = true;
        self.bytes = self.header.to_bytes().to_vec();
        self.write_at(0, 0..HEADER_BYTES)?;
        self.file.flush().map_err(LogError::io(0))?;
        Ok(self.file)
    }
}

/// A file whose end can be cut off.
pub trait Truncate {
    /// Cuts the file off at `len` bytes.
    ///
    /// # Errors
    /// The system's.
    fn truncate(&mut self, len: u64) -> std::io::Result<()>;
}

impl Truncate for std::fs::File {
    fn truncate(&mut self, len: u64) -> std::io::Result<()> {
        self.set_len(len)
    }
}

impl Truncate for std::io::Cursor<Vec<u8>> {
    fn truncate(&mut self, len: u64) -> std::io::Result<()> {
        self.get_mut().truncate(len as usize);
        Ok(())
    }
}

impl<F: Read + Write + Seek + Truncate> LogWriter<F> {
    /// Goes on with a log: everything behind its last full chunk is cut off, to be appended again. `each` is given the events of the
    /// chunks that stay.
    ///
    /// # Errors
    /// [`LogError::Other`] where the header is not `header`, others where the log cannot be read; then the file is unchanged. An error of `each`
    /// ends it too.
    pub fn resume<E: From<LogError>>(
        file: F,
        header: Header,
        mut each: impl FnMut(&[Event]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut reader = LogReader::open_leniently(file)?;
        reader.header().check_same(&header)?;
        let (mut entries, mut events) = (Vec::new(), Vec::new());
        let full = header.chunk_capacity;
        let mut offset = HEADER_BYTES as u64;
        for nth in 0..reader.chunks().len() {
            let chunk = reader.chunks()[nth];
            events.clear();
            if chunk.count != full || reader.read_chunk(nth, &mut events).is_err() {
                break;
            }
            each(&events)?;
            entries.push(chunk);
            offset = chunk.end();
        }
        let header = Header { indexed: false, ..header };
        let mut file = reader.into_inner();
        // First the flag: who reads in between must not look for an index.
        file.seek(SeekFrom::Start(0)).map_err(LogError::io(0))?;
        file.write_all(&header.to_bytes()).map_err(LogError::io(0))?;
        file.flush().map_err(LogError::io(0))?;
        file.truncate(offset).map_err(LogError::io(offset))?;
        let entries = entries.iter().map(super::Chunk::entry).collect();
        Ok(Self::at(file, header, entries, offset))
    }
}

impl Header {
    /// Refuses a header that is not the same but for its flags.
    pub(crate) fn check_same(&self, expected: &Self) -> Result<(), LogError> {
        let (a, b) = (&self.session, &expected.session);
        let fields = [
            ("seed", a.seed, b.seed),
            ("opening price in ticks", a.p0_ticks as u64, b.p0_ticks as u64),
            ("tick size", a.tick_size.into(), b.tick_size.into()),
            ("seconds of the session", a.session_seconds.into(), b.session_seconds.into()),
            ("levels", a.levels.into(), b.levels.into()),
            ("spread at the open", a.spread_ticks.into(), b.spread_ticks.into()),
            ("depth at the open", a.depth.into(), b.depth.into()),
            ("market's opening time in nanoseconds", a.market_open_ns, b.market_open_ns),
            ("records a chunk", self.chunk_capacity.into(), expected.chunk_capacity.into()),
        ];
        match fields.into_iter().find(|(_, found, expected)| found != expected) {
            Some((name, found, expected)) => Err(LogError::Other { name, found, expected }),
            None => Ok(()),
        }
    }
}
