//! What the writing transactions write, row by row.

use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use klined_market::bars::{Checkpoint, Halt, SymbolSnapshot};
use klined_market::base::Interval;
use klined_market::universe::UniverseRow;

use super::super::connection::AnyConnection;
use super::super::data::{Listing, MarketWrite, RollupWrite};
use super::super::error::{During, StoreError};
use super::super::schema::sql_types::ClockTime;
use super::super::schema::{
    market_klines, model_checkpoint, rollup_dirty, rollup_watermark, stock_halt, stock_listing, stock_metadata,
    stock_realtime_price, stock_state,
};
use super::super::tables::identity::{self, MetadataRow};
use super::super::tables::scenarios::NewHalt;
use super::super::tables::symbols::{NewCheckpoint, NewListing, NewRealtimePrice, NewStockState};
use super::super::tables::{minutes, parameters};
use super::klines;

diesel::define_sql_function! {
    /// An instant as SQLite writes timestamps.
    #[sql_name = "datetime"]
    fn timestamp(of: Text) -> ClockTime;
}

pub(super) fn universe(connection: &mut SqliteConnection, universe: &[UniverseRow]) -> Result<(), StoreError> {
    for row in universe {
        diesel::insert_into(stock_metadata::table)
            .values(MetadataRow::from(row))
            .execute(connection)
            .during("fill stock_metadata")?;
    }
    Ok(())
}

pub(super) fn minutes(connection: &mut SqliteConnection, write: &MarketWrite) -> Result<(), StoreError> {
    before_bars(connection, write)?;
    let horizon = identity::horizon(&mut AnyConnection::Sqlite(connection))?;
    for (symbol, bar) in write.bars.iter().filter(|(_, bar)| horizon.keeps(bar)) {
        klines::upsert(connection, symbol, Interval::Minute1, bar)?;
    }
    after_bars(connection, write)
}

/// Listings come first: a listed symbol's watermark tells its bars from those of a symbol that no generator makes.
pub(super) fn before_bars(connection: &mut SqliteConnection, write: &MarketWrite) -> Result<(), StoreError> {
    write.listings.iter().try_for_each(|listing| upsert_listing(connection, listing))?;
    write.checkpoints.iter().try_for_each(|checkpoint| upsert_checkpoint(connection, checkpoint))?;
    parameters::put(&mut AnyConnection::Sqlite(connection), &write.parameters)
}

pub(super) fn after_bars(connection: &mut SqliteConnection, write: &MarketWrite) -> Result<(), StoreError> {
    write.halts.iter().try_for_each(|halt| upsert_halt(connection, halt))?;
    write.snapshots.iter().try_for_each(|snapshot| upsert_snapshot(connection, snapshot))?;
    if let Some(status) = &write.status {
        minutes::put_status(&mut AnyConnection::Sqlite(connection), status)?;
    }
    if let Some(clock) = &write.clock {
        minutes::put_clock(&mut AnyConnection::Sqlite(connection), clock)?;
    }
    Ok(())
}

fn upsert_snapshot(connection: &mut SqliteConnection, snapshot: &SymbolSnapshot) -> Result<(), StoreError> {
    let state = NewStockState::from(snapshot);
    diesel::insert_into(stock_state::table)
        .values(&state)
        .on_conflict(stock_state::symbol)
        .do_update()
        .set((&state, stock_state::updated_at.eq(timestamp("now"))))
        .execute(connection)
        .during("write stock_state")?;
    let price = NewRealtimePrice::from(snapshot);
    diesel::insert_into(stock_realtime_price::table)
        .values(&price)
        .on_conflict(stock_realtime_price::symbol)
        .do_update()
        .set((&price, stock_realtime_price::updated_at.eq(timestamp("now"))))
        .execute(connection)
        .during("write stock_realtime_price")?;
    Ok(())
}

fn upsert_halt(connection: &mut SqliteConnection, halt: &Halt) -> Result<(), StoreError> {
    diesel::replace_into(stock_halt::table)
        .values(NewHalt::from(halt))
        .execute(connection)
        .during("write stock_halt")?;
    Ok(())
}

fn upsert_checkpoint(connection: &mut SqliteConnection, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    let row = NewCheckpoint::try_from(checkpoint)?;
    diesel::insert_into(model_checkpoint::table)
        .values(&row)
        .on_conflict(model_checkpoint::symbol)
        .do_update()
        .set((&row, model_checkpoint::updated_at.eq(timestamp("now"))))
        .execute(connection)
        .during("write model_checkpoint")?;
    Ok(())
}

fn upsert_listing(connection: &mut SqliteConnection, listing: &Listing) -> Result<(), StoreError> {
    diesel::replace_into(stock_listing::table)
        .values(NewListing::from(listing))
        .execute(connection)
        .during("write stock_listing")?;
    diesel::insert_or_ignore_into(rollup_watermark::table)
        .values((rollup_watermark::symbol.eq(listing.symbol.as_str()), rollup_watermark::folded_to.eq(0)))
        .execute(connection)
        .during("write rollup_watermark")?;
    Ok(())
}

pub(super) fn rollups(connection: &mut SqliteConnection, writes: &[RollupWrite]) -> Result<(), StoreError> {
    let rolled: Vec<&str> = Interval::ROLLED.iter().map(|interval| interval.as_str()).collect();
    let horizon = identity::horizon(&mut AnyConnection::Sqlite(connection))?;
    for write in writes {
        if let Some(from) = write.replace_from {
            let outdated = market_klines::table
                .filter(market_klines::symbol.eq(write.symbol.as_str()))
                .filter(market_klines::interval.eq_any(&rolled))
                .filter(market_klines::time.ge(from.get()));
            diesel::delete(outdated).execute(connection).during("remove outdated roll-ups")?;
        }
        for (interval, bar) in write.bars.iter().filter(|(_, bar)| horizon.keeps(bar)) {
            klines::upsert(connection, &write.symbol, *interval, bar)?;
        }
    }
    settle_rollups(connection, writes)
}

/// Moves the watermarks and settles what is repaired.
pub(super) fn settle_rollups(connection: &mut SqliteConnection, writes: &[RollupWrite]) -> Result<(), StoreError> {
    for write in writes {
        if let Some(folded_to) = write.folded_to {
            diesel::update(rollup_watermark::table.find(write.symbol.as_str()))
                .set(rollup_watermark::folded_to.eq(folded_to.get()))
                .execute(connection)
                .during("write rollup_watermark")?;
        }
        if write.is_repaired {
            let settled = rollup_dirty::table
                .filter(rollup_dirty::symbol.eq(write.symbol.as_str()))
                .filter(rollup_dirty::claimed);
            diesel::delete(settled).execute(connection).during("settle changed bars")?;
        }
    }
    Ok(())
}
