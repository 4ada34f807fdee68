//! What a log may hold.

/// The most records that a chunk has room for. Bounds what a reader must hold.
pub const CHUNK_CAPACITY_MAX: u32 = 1 << 20;
