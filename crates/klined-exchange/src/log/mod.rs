//! `.qrsdp` logs, format 1.0: a header, chunks of records as LZ4 blocks, and an index at the end.
//!
//! All numbers are little-endian. A log that is being written, or whose writer was killed, has no index yet and may end in a torn chunk: every
//! whole chunk is readable all the same. The header says in its flags, which are written last, that the index is there.

mod columns;
mod error;
mod follower;
mod format;
mod limits;
mod lz4;
mod reader;
mod repair;
mod writer;

pub use error::LogError;
pub use follower::LogFollower;
pub use format::Header;
pub use limits::CHUNK_CAPACITY_MAX;
pub use reader::{Chunk, LogReader, Tail};
pub use repair::{Repaired, repair};
pub use writer::LogWriter;
