//! Reading a log while it grows.

use std::io::{Read, Seek, SeekFrom};

use super::format::HEADER_BYTES;
use super::reader::{Blocks, chunk_at, read_at};
use super::{Chunk, Header, LogError};
use crate::event::Event;

/// A log that is read as far as its writer has come, and then on.
#[derive(Debug)]
pub struct LogFollower<F> {
    file: F,
    header: Header,
    /// Where the chunk that is read next starts.
    offset: u64,
    /// Events of that chunk that have been read before it was full.
    taken: usize,
    blocks: Blocks,
}

impl<F: Read + Seek> LogFollower<F> {
    /// Opens a log at its first event.
    ///
    /// # Errors
    /// [`LogError`] where it is no log. A log without a whole header yet is [`LogError::TooShort`].
    pub fn open(mut file: F) -> Result<Self, LogError> {
        let len = file_len(&mut file)?;
        let mut bytes = [0; HEADER_BYTES];
        if len < HEADER_BYTES as u64 {
            return Err(LogError::TooShort { len });
        }
        read_at(&mut file, 0, &mut bytes)?;
        let header = Header::from_bytes(&bytes)?;
        Ok(Self { file, header, offset: HEADER_BYTES as u64, taken: 0, blocks: Blocks::default() })
    }

    /// The log's header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Passes full chunks whose last event is before `ts_ns`, without reading their events.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn skip_before(&mut self, ts_ns: u64) -> Result<(), LogError> {
        while let Some(chunk) = self.chunk()?
            && chunk.last_ts_ns < ts_ns
            && chunk.count == self.header.chunk_capacity
        {
            self.pass(chunk);
        }
        Ok(())
    }

    /// Appends the events of the next chunk that have not been read yet. Their number is 0 when the writer has not come further.
    ///
    /// # Errors
    /// [`LogError`] where a whole chunk is damaged.
    pub fn read_more(&mut self, events: &mut Vec<Event>) -> Result<usize, LogError> {
        let Some(chunk) = self.chunk()? else { return Ok(0) };
        let start = events.len();
        let read = self.blocks.read(&mut self.file, chunk, events);
        // A chunk that is not full is written anew while it grows. Its block is whole when the header stayed the same meanwhile.
        if self.chunk()? != Some(chunk) {
            events.truncate(start);
            return Ok(0);
        }
        read?;
        let known = self.taken.min(events.len() - start);
        events.drain(start..start + known);
        if chunk.count == self.header.chunk_capacity {
            self.pass(chunk);
        } else {
            self.taken = self.taken.max(chunk.count as usize);
        }
        Ok(events.len() - start)
    }

    fn chunk(&mut self) -> Result<Option<Chunk>, LogError> {
        let len = file_len(&mut self.file)?;
        match chunk_at(&mut self.file, self.offset, len, &self.header) {
            // The writer that goes on with a log cuts its end off first.
            Err(LogError::Io { source, .. }) if source.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            chunk => chunk,
        }
    }

    fn pass(&mut self, chunk: Chunk) {
        self.offset = chunk.end();
        self.taken = 0;
    }
}

fn file_len<F: Seek>(file: &mut F) -> Result<u64, LogError> {
    file.seek(SeekFrom::End(0)).map_err(LogError::io(0))
}
