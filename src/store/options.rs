//! How a store is opened, and what its pool is doing.

use std::time::Duration;

use super::url::DatabaseUrl;

/// How a store is reached.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub url: DatabaseUrl,
    /// The most connections held at once.
    pub pool_size: u32,
    /// How long to wait for a connection, and for a lock that another connection holds.
    pub timeout: Duration,
}

/// How many connections a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// In use.
    pub busy: u32,
    /// Open and not in use.
    pub idle: u32,
    /// The most that may be open.
    pub max: u32,
}

impl PoolUse {
    pub(super) fn of(state: &diesel::r2d2::State, max: u32) -> Self {
        Self { busy: state.connections.saturating_sub(state.idle_connections), idle: state.idle_connections, max }
    }
}
