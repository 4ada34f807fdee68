//! How often each role has been taken, for each part of the market: what tells a holder that it was overtaken.

use diesel::prelude::*;
use diesel::query_builder::SqlQuery;
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::sql_query;

use super::error::During;
use super::rows::{EpochRow, Gives};
use super::{Role, StoreError};
use klined_market::base::Shard;

/// What a role is called in `role_epoch`: `writer`, or `writer 2/4` for a part.
pub(super) fn name(role: Role, shard: Shard) -> String {
    if shard.is_whole() { role.as_str().to_owned() } else { format!("{} {shard}", role.as_str()) }
}

/// Counts a new holder, and overtakes those who divide the market otherwise: none of them lives, but one may not know yet that it
/// has lost its lock.
pub(super) fn next<C>(connection: &mut C, role: Role, shard: Shard) -> Result<i64, StoreError>
where
    C: Gives<EpochRow>,
    SqlQuery: ExecuteDsl<C>,
{
    let (own, whole) = (name(role, shard), role.as_str());
    let others = if shard.is_whole() {
        format!("role LIKE '{whole} %'")
    } else {
        format!("role = '{whole}' OR (role LIKE '{whole} %' AND role NOT LIKE '{whole} %/{}')", shard.of())
    };
    // Names of roles and numbers have no need to be bound.
    sql_query(format!("UPDATE role_epoch SET epoch = epoch + 1 WHERE {others}"))
        .execute(connection)
        .during("overtake who divided the market otherwise")?;
    let counted = connection
        .give(&format!(
            "INSERT INTO role_epoch (role, epoch) VALUES ('{own}', 1) \
             ON CONFLICT (role) DO UPDATE SET epoch = role_epoch.epoch + 1 RETURNING epoch"
        ))
        .during("count the holder of the role")?;
    counted.into_iter().next().map(|row| row.epoch).ok_or(StoreError::RoleLost { role })
}
