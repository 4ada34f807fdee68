//! What the aggregator has rolled up and what it has to: watermarks, notes of changed bars, and the statements on them that
//! both databases understand.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::query_builder::SqlQuery;
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::data::{RollupBacklog, RollupTask, RollupWrite};
use super::error::{During, StoreError};
use super::rows::{Gives, Read, symbol};
use klined_market::base::{Shard, Symbol, UnixSeconds};

const WATERMARKS: &str = "SELECT symbol, folded_to FROM rollup_watermark";
const TASKS: &str = "SELECT a.symbol, w.folded_to, s.last_update AS last_bar, d.changed_from \
     FROM (SELECT symbol FROM rollup_watermark UNION SELECT symbol FROM rollup_dirty) a \
     LEFT JOIN rollup_watermark w ON w.symbol = a.symbol \
     LEFT JOIN stock_state s ON s.symbol = a.symbol \
     LEFT JOIN (SELECT symbol, min(time) AS changed_from FROM rollup_dirty WHERE claimed GROUP BY symbol) d \
     ON d.symbol = a.symbol \
     WHERE d.changed_from IS NOT NULL OR s.last_update > w.folded_to";
const BACKLOG: &str = "SELECT min(w.folded_to) AS folded_to, max(s.last_update) AS last_bar \
     FROM rollup_watermark w JOIN stock_state s ON s.symbol = w.symbol WHERE w.folded_to > 0";

/// Claims the notes of changed bars.
const CLAIM_CHANGES: &str = "UPDATE rollup_dirty SET claimed = true WHERE NOT claimed";

/// Claims those of one symbol, `$1`.
pub(super) const CLAIM_CHANGES_OF: &str = "UPDATE rollup_dirty SET claimed = true WHERE NOT claimed AND symbol = $1";
/// The symbols whose changed bars nobody has claimed.
const CHANGED: &str = "SELECT DISTINCT symbol FROM rollup_dirty WHERE NOT claimed";

/// From so many roll-ups a symbol on, most are new. Fewer are the open bars of each interval, which are there already, so
/// that to insert many at once is tried in vain.
const NEW_ROLLUPS_EACH: usize = 16;

/// Whether most of some roll-ups are not in the database yet.
pub(super) fn are_mostly_new(writes: &[RollupWrite]) -> bool {
    writes.iter().map(|write| write.bars.len()).sum::<usize>() >= NEW_ROLLUPS_EACH * writes.len()
}

#[derive(QueryableByName)]
pub(super) struct ChangedRow {
    #[diesel(sql_type = Text)]
    symbol: String,
}

#[derive(QueryableByName)]
pub(super) struct WatermarkRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = BigInt)]
    folded_to: i64,
}

#[derive(QueryableByName)]
pub(super) struct BacklogRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    folded_to: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_bar: Option<i64>,
}

#[derive(QueryableByName)]
pub(super) struct TaskRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    folded_to: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_bar: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    changed_from: Option<i64>,
}

pub(super) fn watermarks(connection: &mut impl Gives<WatermarkRow>) -> Read<BTreeMap<Symbol, UnixSeconds>> {
    let parse = |row: WatermarkRow| Ok((symbol(&row.symbol, "rollup_watermark")?, UnixSeconds::new(row.folded_to)));
    Ok(connection.give(WATERMARKS)?.into_iter().map(parse).collect())
}

pub(super) fn backlog(connection: &mut impl Gives<BacklogRow>) -> Read<Option<RollupBacklog>> {
    let row = connection.give(BACKLOG)?.pop();
    Ok(Ok(row.and_then(|row| {
        let (folded_to, last_bar) = (UnixSeconds::new(row.folded_to?), UnixSeconds::new(row.last_bar?));
        Some(RollupBacklog { folded_to, last_bar })
    })))
}

/// Claims the notes of changed bars in a part of the market. Others may be at work on theirs and are left alone.
pub(super) fn claim_changes<C>(
    connection: &mut C,
    shard: Shard,
    mut claim_of: impl FnMut(&mut C, &str) -> QueryResult<usize>,
) -> Result<(), StoreError>
where
    C: Gives<ChangedRow>,
    SqlQuery: ExecuteDsl<C>,
{
    let action = "claim changed bars";
    if shard.is_whole() {
        sql_query(CLAIM_CHANGES).execute(connection).during(action)?;
        return Ok(());
    }
    let changed = connection.give(CHANGED).during(action)?;
    for symbol in changed.into_iter().map(|row| row.symbol).filter(|symbol| shard.holds_name(symbol)) {
        claim_of(connection, &symbol).during(action)?;
    }
    Ok(())
}

/// What there is to roll up in a part of the market. Tasks of symbols that no instrument can have are left out: nothing of them
/// is rolled up.
pub(super) fn tasks(connection: &mut impl Gives<TaskRow>, shard: Shard) -> Read<Vec<RollupTask>> {
    let mut tasks: Vec<RollupTask> = connection
        .give(TASKS)?
        .into_iter()
        .filter_map(|row| {
            let symbol = row.symbol.parse().ok().filter(|&symbol| shard.holds(symbol))?;
            let instants = [row.folded_to, row.last_bar, row.changed_from];
            let [folded_to, last_bar, changed_from] = instants.map(|instant| instant.map(UnixSeconds::new));
            Some(RollupTask { symbol, folded_to, last_bar, changed_from })
        })
        .collect();
    tasks.sort_by_key(|task| task.symbol);
    Ok(Ok(tasks))
}
