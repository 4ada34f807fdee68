//! Whose market a database holds: its identity, its universe, its horizon, and how often its roles were taken.
//!
//! The horizon is the instant from which on bars are kept. It is committed before any bar is removed, so a removal that is
//! interrupted leaves bars that no reader sees any more, and a later one finishes it.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use klined_market::bars::Bar;
use klined_market::base::{Shard, UnixSeconds};
use klined_market::universe::UniverseRow;

use super::super::connection::{AnyConnection, on_either};
use super::super::data::Identity;
use super::super::error::{During, StoreError};
use super::super::role::Role;
use super::super::schema::{market_identity, role_epoch, stock_metadata};
use super::super::values::Units;
use super::corrupt;

#[derive(Queryable, Selectable)]
#[diesel(table_name = market_identity, check_for_backend(Pg, Sqlite))]
struct IdentityRow {
    seed: String,
    model: String,
    calendar: String,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = market_identity)]
struct NewIdentity<'a> {
    id: i32,
    seed: String,
    model: &'a str,
    calendar: &'static str,
}

impl<'a> NewIdentity<'a> {
    fn of(Identity { seed, model, hours }: &'a Identity) -> Self {
        Self { id: 1, seed: seed.to_string(), model, calendar: hours.as_str() }
    }
}

/// A row of `stock_metadata`, unchecked.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = stock_metadata, check_for_backend(Pg, Sqlite))]
pub(in crate::store) struct MetadataRow {
    symbol: String,
    name: String,
    sector: String,
    base_price: Units,
    base_volatility: Units,
    board: String,
    is_st: bool,
    beta: Units,
    daily_turnover: Units,
    is_active: bool,
    drift: Units,
    min_price: Option<Units>,
    max_price: Option<Units>,
}

impl From<&UniverseRow> for MetadataRow {
    fn from(row: &UniverseRow) -> Self {
        Self {
            symbol: row.symbol.clone(),
            name: row.name.clone(),
            sector: row.sector.clone(),
            base_price: Units(row.base_price),
            base_volatility: Units(row.base_volatility),
            board: row.board.clone(),
            is_st: row.is_st,
            beta: Units(row.beta),
            daily_turnover: Units(row.daily_turnover),
            is_active: row.is_active,
            drift: Units(row.drift),
            min_price: row.min_price.map(Units),
            max_price: row.max_price.map(Units),
        }
    }
}

impl From<MetadataRow> for UniverseRow {
    fn from(row: MetadataRow) -> Self {
        Self {
            symbol: row.symbol,
            name: row.name,
            sector: row.sector,
            base_price: row.base_price.0,
            base_volatility: row.base_volatility.0,
            board: row.board,
            is_st: row.is_st,
            beta: row.beta.0,
            daily_turnover: row.daily_turnover.0,
            is_active: row.is_active,
            drift: row.drift.0,
            min_price: row.min_price.map(f64::from),
            max_price: row.max_price.map(f64::from),
        }
    }
}

pub(in crate::store) fn identity(connection: &mut AnyConnection<'_>) -> Result<Option<Identity>, StoreError> {
    let row = on_either!(connection, |inner| {
        market_identity::table.select(IdentityRow::as_select()).first(inner).optional()
    })
    .during("read market_identity")?;
    row.map(|row| {
        let seed = row.seed.parse().map_err(|error| corrupt("the seed", "market_identity", error))?;
        let hours = row.calendar.parse().map_err(|error| corrupt("the calendar", "market_identity", error))?;
        Ok(Identity { seed, model: row.model, hours })
    })
    .transpose()
}

/// Claims the database for an identity unless it has one; whether it had none.
pub(in crate::store) fn claim(connection: &mut AnyConnection<'_>, identity: &Identity) -> Result<bool, StoreError> {
    let row = NewIdentity::of(identity);
    let claimed = on_either!(connection, |inner| {
        diesel::insert_into(market_identity::table)
            .values(&row)
            .on_conflict(market_identity::id)
            .do_nothing()
            .execute(inner)
    });
    Ok(claimed.during("claim the database")? > 0)
}

/// Gives the database an identity, whatever it has. The horizon stays.
pub(in crate::store) fn replace(connection: &mut AnyConnection<'_>, identity: &Identity) -> Result<(), StoreError> {
    let row = NewIdentity::of(identity);
    on_either!(connection, |inner| {
        diesel::insert_into(market_identity::table)
            .values(&row)
            .on_conflict(market_identity::id)
            .do_update()
            .set(&row)
            .execute(inner)
    })
    .during("write market_identity")?;
    Ok(())
}

/// Fails when the database holds another market.
pub(in crate::store) fn check(connection: &mut AnyConnection<'_>, wanted: &Identity) -> Result<(), StoreError> {
    match identity(connection)? {
        Some(found) if found != *wanted => Err(StoreError::OtherMarket { found, wanted: wanted.clone() }),
        _ => Ok(()),
    }
}

pub(in crate::store) fn universe(connection: &mut AnyConnection<'_>) -> Result<Vec<UniverseRow>, StoreError> {
    let rows: Vec<MetadataRow> =
        on_either!(connection, |inner| stock_metadata::table.select(MetadataRow::as_select()).load(inner))
            .during("read stock_metadata")?;
    let mut rows: Vec<UniverseRow> = rows.into_iter().map(UniverseRow::from).collect();
    // Sorted here because databases order text by their own collations.
    rows.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    Ok(rows)
}

/// Takes the next epoch of a role for a part of the market. The epochs of every other division of the market are counted up as
/// well: none of their holders lives, but one that has lost its lock may not know so yet.
pub(in crate::store) fn next_epoch(
    connection: &mut AnyConnection<'_>,
    role: Role,
    shard: Shard,
) -> Result<i64, StoreError> {
    use role_epoch::{epoch, role as name, table};
    let (own, whole) = (role.name_for(shard), role.as_str());
    let shards = format!("{whole} %");
    let action = "end leases of another division of the market";
    on_either!(connection, |inner| {
        if shard.is_whole() {
            diesel::update(table.filter(name.like(&shards))).set(epoch.eq(epoch + 1)).execute(inner)
        } else {
            let same_count = format!("{whole} %/{}", shard.of());
            let others = name.eq(whole).or(name.like(&shards).and(name.not_like(same_count)));
            diesel::update(table.filter(others)).set(epoch.eq(epoch + 1)).execute(inner)
        }
    })
    .during(action)?;
    on_either!(connection, |inner| {
        diesel::insert_into(table)
            .values((name.eq(&own), epoch.eq(1)))
            .on_conflict(name)
            .do_update()
            .set(epoch.eq(epoch + 1))
            .execute(inner)
            .and_then(|_| table.find(&own).select(epoch).first(inner))
    })
    .during("count the holder of the role")
}

/// The newest epoch of a role for a part of the market. On PostgreSQL the row stays locked until the transaction ends, so that no
/// process takes the role over in its middle.
pub(in crate::store) fn newest_epoch(
    connection: &mut AnyConnection<'_>,
    role: Role,
    shard: Shard,
) -> Result<Option<i64>, StoreError> {
    use role_epoch::{epoch, table};
    let row = table.find(role.name_for(shard)).select(epoch);
    match connection {
        AnyConnection::Postgres(inner) => row.for_share().first(&mut **inner),
        AnyConnection::Sqlite(inner) => row.first(&mut **inner),
    }
    .optional()
    .during("check the role")
}

/// From when on bars are kept.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Horizon(Option<UnixSeconds>);

impl Horizon {
    pub fn keeps(self, bar: &Bar) -> bool {
        self.keeps_all_from(bar.first.start())
    }

    /// Whether nothing from an instant on lies before it.
    pub fn keeps_all_from(self, instant: UnixSeconds) -> bool {
        self.0.is_none_or(|from| instant >= from)
    }
}

pub(in crate::store) fn retained_from(connection: &mut AnyConnection<'_>) -> Result<Option<UnixSeconds>, StoreError> {
    let row: Option<Option<i64>> = on_either!(connection, |inner| {
        market_identity::table.select(market_identity::retained_from).first(inner).optional()
    })
    .during("read market_identity")?;
    Ok(row.flatten().map(UnixSeconds::new))
}

/// The horizon as a writing transaction has to obey it.
pub(in crate::store) fn horizon(connection: &mut AnyConnection<'_>) -> Result<Horizon, StoreError> {
    retained_from(connection).map(Horizon)
}

/// Moves the horizon forward; never back.
pub(in crate::store) fn set_horizon(connection: &mut AnyConnection<'_>, from: UnixSeconds) -> Result<(), StoreError> {
    use market_identity::{retained_from, table};
    on_either!(connection, |inner| {
        diesel::update(table.filter(retained_from.is_null().or(retained_from.lt(from.get()))))
            .set(retained_from.eq(from.get()))
            .execute(inner)
    })
    .during("write market_identity")?;
    Ok(())
}
