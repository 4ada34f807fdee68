//! What the writing transactions write. Rows go as arrays, one statement a table: a statement a row would cost a round trip each.
//! These statements are SQL, because diesel has no UNNEST in the place of tables.

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Double, Nullable, Text};

use klined_market::bars::{Checkpoint, Halt, SymbolSnapshot};
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::universe::UniverseRow;

use super::super::connection::AnyConnection;
use super::super::data::{Listing, MarketWrite, RollupWrite};
use super::super::error::{During, StoreError};
use super::super::schema::sql_types::FixedPoint;
use super::super::schema::{market_klines, rollup_dirty};
use super::super::tables::symbols::{NewCheckpoint, NewRealtimePrice, NewStockState};
use super::super::tables::{MARKET_TABLES, SYMBOL_TABLES, identity, minutes, parameters, rollups};
use super::super::values::ExactPrice;
use super::klines::{self, KlineWrite};
use super::notify;

/// Removing years takes as long as it takes.
const NO_STATEMENT_TIMEOUT: &str = "SET LOCAL statement_timeout = 0";
/// The triggers leave no notes while a symbol is cleared.
const CLEARING: &str = "SET LOCAL klined.clearing = 'on'";

pub(super) fn universe(connection: &mut PgConnection, universe: &[UniverseRow]) -> Result<(), StoreError> {
    let text = |of: fn(&UniverseRow) -> &str| universe.iter().map(of).collect::<Vec<_>>();
    let number = |of: fn(&UniverseRow) -> f64| universe.iter().map(of).collect::<Vec<_>>();
    let bound = |of: fn(&UniverseRow) -> Option<f64>| universe.iter().map(of).collect::<Vec<_>>();
    let flag = |of: fn(&UniverseRow) -> bool| universe.iter().map(of).collect::<Vec<_>>();
    sql_query(include_str!("sql/insert_universe.sql"))
        .bind::<Array<Text>, _>(text(|row| &row.symbol))
        .bind::<Array<Text>, _>(text(|row| &row.name))
        .bind::<Array<Text>, _>(text(|row| &row.sector))
        .bind::<Array<Double>, _>(number(|row| row.base_price))
        .bind::<Array<Double>, _>(number(|row| row.base_volatility))
        .bind::<Array<Text>, _>(text(|row| &row.board))
        .bind::<Array<Bool>, _>(flag(|row| row.is_st))
        .bind::<Array<Double>, _>(number(|row| row.beta))
        .bind::<Array<Double>, _>(number(|row| row.daily_turnover))
        .bind::<Array<Bool>, _>(flag(|row| row.is_active))
        .bind::<Array<Double>, _>(number(|row| row.drift))
        .bind::<Array<Nullable<Double>>, _>(bound(|row| row.min_price))
        .bind::<Array<Nullable<Double>>, _>(bound(|row| row.max_price))
        .execute(connection)
        .during("fill stock_metadata")?;
    Ok(())
}

pub(super) fn minutes(connection: &mut PgConnection, write: &MarketWrite) -> Result<(), StoreError> {
    // Listings first: a listed symbol's watermark tells its bars from those of a symbol that no generator makes.
    upsert_listings(connection, &write.listings)?;
    upsert_checkpoints(connection, &write.checkpoints)?;
    parameters::put(&mut AnyConnection::Postgres(connection), &write.parameters)?;
    let horizon = identity::horizon(&mut AnyConnection::Postgres(connection))?;
    let kept = write.bars.iter().filter(|(_, bar)| horizon.keeps(bar));
    let bars: Vec<KlineWrite<'_>> =
        kept.map(|(symbol, bar)| KlineWrite { symbol, interval: Interval::Minute1, bar }).collect();
    klines::insert(connection, &bars)?;
    upsert_halts(connection, &write.halts)?;
    upsert_snapshots(connection, &write.snapshots)?;
    if let Some(status) = &write.status {
        minutes::put_status(&mut AnyConnection::Postgres(connection), status)?;
    }
    if let Some(clock) = &write.clock {
        minutes::put_clock(&mut AnyConnection::Postgres(connection), clock)?;
    }
    notify::of_minutes(connection, write)
}

fn upsert_snapshots(connection: &mut PgConnection, snapshots: &[SymbolSnapshot]) -> Result<(), StoreError> {
    if snapshots.is_empty() {
        return Ok(());
    }
    let symbols: Vec<&str> = snapshots.iter().map(|snapshot| snapshot.symbol.as_str()).collect();
    let prices: Vec<ExactPrice> = snapshots.iter().map(|snapshot| ExactPrice(snapshot.price)).collect();
    let last_bars: Vec<i64> = snapshots.iter().map(|snapshot| snapshot.last_bar.get()).collect();
    let states: Vec<NewStockState<'_>> = snapshots.iter().map(NewStockState::from).collect();
    sql_query(include_str!("sql/upsert_states.sql"))
        .bind::<Array<Text>, _>(&symbols)
        .bind::<Array<FixedPoint>, _>(&prices)
        .bind::<Array<Double>, _>(states.iter().map(|state| state.volatility.0).collect::<Vec<_>>())
        .bind::<Array<Double>, _>(states.iter().map(|state| state.trend.0).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(snapshots.iter().map(|snapshot| snapshot.regime.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(&last_bars)
        .bind::<Array<Bool>, _>(snapshots.iter().map(|snapshot| snapshot.is_halted).collect::<Vec<_>>())
        .execute(connection)
        .during("write stock_state")?;
    let changes = snapshots.iter().map(|snapshot| NewRealtimePrice::from(snapshot).change_percent.0);
    sql_query(include_str!("sql/upsert_realtime_prices.sql"))
        .bind::<Array<Text>, _>(&symbols)
        .bind::<Array<FixedPoint>, _>(&prices)
        .bind::<Array<Double>, _>(changes.collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(snapshots.iter().map(|snapshot| snapshot.day_volume).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(&last_bars)
        .execute(connection)
        .during("write stock_realtime_price")?;
    Ok(())
}

fn upsert_halts(connection: &mut PgConnection, halts: &[Halt]) -> Result<(), StoreError> {
    if halts.is_empty() {
        return Ok(());
    }
    sql_query(include_str!("sql/upsert_halts.sql"))
        .bind::<Array<Text>, _>(halts.iter().map(|halt| halt.symbol.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(halts.iter().map(|halt| halt.from.get()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(halts.iter().map(|halt| halt.until.get()).collect::<Vec<_>>())
        .execute(connection)
        .during("write stock_halt")?;
    Ok(())
}

fn upsert_checkpoints(connection: &mut PgConnection, checkpoints: &[Checkpoint]) -> Result<(), StoreError> {
    if checkpoints.is_empty() {
        return Ok(());
    }
    let rows = checkpoints.iter().map(NewCheckpoint::try_from).collect::<Result<Vec<_>, _>>()?;
    sql_query(include_str!("sql/upsert_checkpoints.sql"))
        .bind::<Array<Text>, _>(checkpoints.iter().map(|row| row.symbol.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(checkpoints.iter().map(|row| row.day.to_string()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(rows.iter().map(|row| &row.opening).collect::<Vec<_>>())
        .execute(connection)
        .during("write model_checkpoint")?;
    Ok(())
}

fn upsert_listings(connection: &mut PgConnection, listings: &[Listing]) -> Result<(), StoreError> {
    if listings.is_empty() {
        return Ok(());
    }
    let symbols: Vec<&str> = listings.iter().map(|listing| listing.symbol.as_str()).collect();
    sql_query(include_str!("sql/upsert_listings.sql"))
        .bind::<Array<Text>, _>(&symbols)
        .bind::<Array<Text>, _>(listings.iter().map(|row| row.first_day.to_string()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(
            listings.iter().map(|row| row.last_day.map(|day| day.to_string())).collect::<Vec<_>>(),
        )
        .execute(connection)
        .during("write stock_listing")?;
    sql_query(include_str!("sql/upsert_watermarks.sql"))
        .bind::<Array<Text>, _>(&symbols)
        .execute(connection)
        .during("write rollup_watermark")?;
    Ok(())
}

/// Removes one symbol's rows, or with none the whole market. The names of tables are constants.
pub(super) fn clear(connection: &mut PgConnection, symbol: Option<&Symbol>) -> Result<(), StoreError> {
    connection.batch_execute(NO_STATEMENT_TIMEOUT).during("remove bars")?;
    notify::of_removal(connection)?;
    let Some(symbol) = symbol else {
        return connection
            .batch_execute(&format!("TRUNCATE {}", MARKET_TABLES.join(", ")))
            .during("empty the market's tables");
    };
    connection.batch_execute(CLEARING).during("remove a symbol's bars")?;
    for table in SYMBOL_TABLES {
        sql_query(format!("DELETE FROM {table} WHERE symbol = $1"))
            .bind::<Text, _>(symbol.as_str())
            .execute(connection)
            .during("remove a symbol's rows")?;
    }
    Ok(())
}

pub(super) fn rollups(connection: &mut PgConnection, writes: &[RollupWrite]) -> Result<(), StoreError> {
    // Even to update nothing needs the right to.
    if writes.is_empty() {
        return Ok(());
    }
    let rolled: Vec<&str> = Interval::ROLLED.iter().map(|interval| interval.as_str()).collect();
    for (write, from) in writes.iter().filter_map(|write| Some((write, write.replace_from?))) {
        let outdated = market_klines::table
            .filter(market_klines::symbol.eq(write.symbol.as_str()))
            .filter(market_klines::interval.eq_any(&rolled))
            .filter(market_klines::time.ge(from.get()));
        diesel::delete(outdated).execute(connection).during("remove outdated roll-ups")?;
    }
    let horizon = identity::horizon(&mut AnyConnection::Postgres(connection))?;
    let mut bars: Vec<KlineWrite<'_>> = writes
        .iter()
        .flat_map(|write| write.bars.iter().map(move |(interval, bar)| (write, interval, bar)))
        .filter(|(_, _, bar)| horizon.keeps(bar))
        .map(|(write, &interval, bar)| KlineWrite { symbol: &write.symbol, interval, bar })
        .collect();
    if rollups::are_mostly_new(writes) {
        // In order of the key; of two bars of one place the later one comes after the other.
        bars.sort_by_key(|row| (row.symbol, row.interval.as_str(), row.bar.first));
        klines::insert(connection, &bars)?
    } else {
        klines::upsert(connection, &bars)?
    }

    let folded: Vec<(&str, UnixSeconds)> =
        writes.iter().filter_map(|write| Some((write.symbol.as_str(), write.folded_to?))).collect();
    sql_query(include_str!("sql/move_watermarks.sql"))
        .bind::<Array<Text>, _>(folded.iter().map(|(symbol, _)| *symbol).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(folded.iter().map(|(_, to)| to.get()).collect::<Vec<_>>())
        .execute(connection)
        .during("write rollup_watermark")?;

    let repaired: Vec<&str> =
        writes.iter().filter(|write| write.is_repaired).map(|write| write.symbol.as_str()).collect();
    if !repaired.is_empty() {
        let settled = rollup_dirty::table.filter(rollup_dirty::claimed).filter(rollup_dirty::symbol.eq_any(repaired));
        diesel::delete(settled).execute(connection).during("settle changed bars")?;
    }
    notify::of_rollups(connection, writes)
}
