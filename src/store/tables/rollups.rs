//! What the aggregator has rolled up and what it has to: watermarks and notes of changed bars.

use std::collections::BTreeMap;

use diesel::dsl::{max, min, not};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;

use klined_market::base::{Interval, Shard, Symbol, UnixSeconds};

use super::super::connection::{AnyConnection, on_either};
use super::super::data::{RollupBacklog, RollupTask, RollupWrite};
use super::super::error::{During, StoreError};
use super::super::schema::{market_klines, rollup_dirty, rollup_watermark, stock_listing, stock_state};
use super::symbol;

/// SQL, because diesel joins no queries in the place of tables.
const TASKS: &str = include_str!("rollup_tasks.sql");

/// From so many roll-ups a symbol on, most are new. Fewer are the open bars of each interval, which are stored already, so that
/// an attempt to insert many at once would fail.
const NEW_ROLLUPS_EACH: usize = 16;

/// Whether most of some roll-ups are not in the database yet.
pub(in crate::store) fn are_mostly_new(writes: &[RollupWrite]) -> bool {
    writes.iter().map(|write| write.bars.len()).sum::<usize>() >= NEW_ROLLUPS_EACH * writes.len()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = rollup_watermark, check_for_backend(Pg, Sqlite))]
struct WatermarkRow {
    symbol: String,
    folded_to: i64,
}

#[derive(QueryableByName)]
struct TaskRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    folded_to: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_bar: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    changed_from: Option<i64>,
}

pub(in crate::store) fn watermarks(
    connection: &mut AnyConnection<'_>,
) -> Result<BTreeMap<Symbol, UnixSeconds>, StoreError> {
    let rows: Vec<WatermarkRow> =
        on_either!(connection, |inner| rollup_watermark::table.select(WatermarkRow::as_select()).load(inner))
            .during("read rollup_watermark")?;
    rows.into_iter()
        .map(|row| Ok((symbol(&row.symbol, "rollup_watermark")?, UnixSeconds::new(row.folded_to))))
        .collect()
}

pub(in crate::store) fn backlog(connection: &mut AnyConnection<'_>) -> Result<Option<RollupBacklog>, StoreError> {
    let (folded_to, last_bar): (Option<i64>, Option<i64>) = on_either!(connection, |inner| {
        rollup_watermark::table
            .inner_join(stock_state::table.on(stock_state::symbol.eq(rollup_watermark::symbol)))
            .filter(rollup_watermark::folded_to.gt(0))
            .select((min(rollup_watermark::folded_to), max(stock_state::last_update)))
            .first(inner)
    })
    .during("read rollup_watermark")?;
    let [folded_to, last_bar] = [folded_to, last_bar].map(|instant| instant.map(UnixSeconds::new));
    Ok(folded_to.zip(last_bar).map(|(folded_to, last_bar)| RollupBacklog { folded_to, last_bar }))
}

/// Claims the notes of changed bars in a part of the market. Those of other parts are left to their own aggregators.
pub(in crate::store) fn claim_changes(connection: &mut AnyConnection<'_>, shard: Shard) -> Result<(), StoreError> {
    use rollup_dirty::{claimed, symbol, table};
    let action = "claim changed bars";
    if shard.is_whole() {
        on_either!(connection, |inner| diesel::update(table.filter(not(claimed))).set(claimed.eq(true)).execute(inner))
            .during(action)?;
        return Ok(());
    }
    let changed: Vec<String> =
        on_either!(connection, |inner| table.filter(not(claimed)).select(symbol).distinct().load(inner))
            .during(action)?;
    for name in changed.iter().filter(|name| shard.holds_name(name)) {
        on_either!(connection, |inner| {
            diesel::update(table.filter(not(claimed)).filter(symbol.eq(name))).set(claimed.eq(true)).execute(inner)
        })
        .during(action)?;
    }
    Ok(())
}

/// Makes missing rows of `rollup_watermark` again in a part of the market. How far the roll-ups go shows the newest of them; its
/// buckets are noted as changed, because they may hold minutes after its first, which a fold would count twice.
pub(in crate::store) fn restore_watermarks(connection: &mut AnyConnection<'_>, shard: Shard) -> Result<(), StoreError> {
    let action = "make rollup_watermark again";
    let lacking: Vec<String> = on_either!(connection, |inner| {
        stock_state::table
            .inner_join(stock_listing::table.on(stock_listing::symbol.eq(stock_state::symbol)))
            .left_join(rollup_watermark::table.on(rollup_watermark::symbol.eq(stock_state::symbol)))
            .filter(rollup_watermark::symbol.is_null())
            .select(stock_state::symbol)
            .distinct()
            .load(inner)
    })
    .during(action)?;
    for name in lacking.iter().filter(|name| shard.holds_name(name)) {
        let shortest = market_klines::interval.eq(Interval::ROLLED[0].as_str());
        let newest: Option<i64> = on_either!(connection, |inner| {
            market_klines::table
                .filter(market_klines::symbol.eq(name).and(shortest))
                .select(max(market_klines::time))
                .first(inner)
        })
        .during(action)?;
        let watermark = (rollup_watermark::symbol.eq(name), rollup_watermark::folded_to.eq(newest.unwrap_or(0)));
        on_either!(connection, |inner| diesel::insert_into(rollup_watermark::table).values(watermark).execute(inner))
            .during(action)?;
        if let Some(newest) = newest {
            let note = (rollup_dirty::symbol.eq(name), rollup_dirty::time.eq(newest), rollup_dirty::claimed.eq(false));
            on_either!(connection, |inner| diesel::insert_into(rollup_dirty::table).values(note).execute(inner))
                .during(action)?;
        }
    }
    Ok(())
}

/// What there is to roll up in a part of the market. Tasks of symbols that no instrument can have are left out: nothing of them
/// is rolled up.
pub(in crate::store) fn tasks(connection: &mut AnyConnection<'_>, shard: Shard) -> Result<Vec<RollupTask>, StoreError> {
    let rows: Vec<TaskRow> =
        on_either!(connection, |inner| sql_query(TASKS).load(inner)).during("look for bars to roll up")?;
    let parse = |row: TaskRow| {
        let symbol = row.symbol.parse().ok().filter(|&symbol| shard.holds(symbol))?;
        let instants = [row.folded_to, row.last_bar, row.changed_from];
        let [folded_to, last_bar, changed_from] = instants.map(|instant| instant.map(UnixSeconds::new));
        Some(RollupTask { symbol, folded_to, last_bar, changed_from })
    };
    let mut tasks: Vec<RollupTask> = rows.into_iter().filter_map(parse).collect();
    tasks.sort_by_key(|task| task.symbol);
    Ok(tasks)
}
