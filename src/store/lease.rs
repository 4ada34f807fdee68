//! Leases: what a process holds while it has a role.

use klined_market::base::Shard;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::role::Role;
use super::tables::identity::newest_epoch;

/// Holds a role until it is dropped or its process ends, however it ends.
pub struct Lease {
    pub(super) role: Role,
    pub(super) shard: Shard,
    /// How often the role had been taken when this lease was. Every writing transaction compares it, so that a process whose
    /// lock was lost with its connection cannot write after another process has taken the role.
    pub(super) epoch: i64,
    pub(super) lock: Box<dyn LeaseLock>,
}

/// The lock that a lease holds.
pub(super) trait LeaseLock: Send + Sync {
    /// Fails when the lock is lost. The lease may still be the newest of its role, but it no longer keeps other processes from
    /// the role, so the role has to be taken again.
    fn check(&self) -> Result<(), StoreError>;
}

impl Lease {
    /// The role held.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The part of the market that it is held for.
    #[must_use]
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// Fails unless the lock is held and this is the newest lease of its role. On PostgreSQL no process can take the role over
    /// before the connection's present transaction ends.
    pub(super) fn check(&self, connection: &mut AnyConnection<'_>) -> Result<(), StoreError> {
        self.lock.check()?;
        match newest_epoch(connection, self.role, self.shard)? {
            Some(newest) if newest == self.epoch => Ok(()),
            _ => Err(StoreError::RoleLost { role: self.role }),
        }
    }
}
