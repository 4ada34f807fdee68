//! Where each symbol stands: its checkpoint, its listings, its state and its last price.

use diesel::dsl::exists;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use klined_market::bars::{Checkpoint, SymbolSnapshot};
use klined_market::base::UnixSeconds;

use super::super::connection::{AnyConnection, on_either};
use super::super::data::{Listing, PriceRow, StateRow, SymbolProgress, to_decimals};
use super::super::error::{During, StoreError};
use super::super::schema::{model_checkpoint, stock_listing, stock_metadata, stock_realtime_price, stock_state};
use super::super::values::{DateValue, ExactPrice, Units};
use super::{corrupt, symbol};

#[derive(Queryable, Selectable)]
#[diesel(table_name = model_checkpoint, check_for_backend(Pg, Sqlite))]
struct CheckpointRow {
    symbol: String,
    day: DateValue,
    opening: String,
}

impl CheckpointRow {
    fn parse(self) -> Result<Checkpoint, StoreError> {
        let opening = serde_json::from_str(&self.opening)
            .map_err(|error| corrupt("model_checkpoint.opening", &self.symbol, error))?;
        Ok(Checkpoint { symbol: symbol(&self.symbol, "model_checkpoint")?, day: self.day.0, opening })
    }
}

/// What `model_checkpoint` keeps of a checkpoint.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = model_checkpoint, primary_key(symbol))]
pub(in crate::store) struct NewCheckpoint<'a> {
    symbol: &'a str,
    day: DateValue,
    pub opening: String,
}

impl<'a> TryFrom<&'a Checkpoint> for NewCheckpoint<'a> {
    type Error = StoreError;

    fn try_from(checkpoint: &'a Checkpoint) -> Result<Self, StoreError> {
        let opening = serde_json::to_string(&checkpoint.opening).map_err(|error| StoreError::Corrupt {
            what: format!("the state of {}", checkpoint.symbol),
            reason: error.to_string(),
        })?;
        Ok(Self { symbol: checkpoint.symbol.as_str(), day: DateValue(checkpoint.day), opening })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = stock_listing, check_for_backend(Pg, Sqlite))]
struct ListingRow {
    symbol: String,
    first_day: DateValue,
    last_day: Option<DateValue>,
}

/// What `stock_listing` keeps of a listing.
#[derive(Insertable)]
#[diesel(table_name = stock_listing)]
pub(in crate::store) struct NewListing<'a> {
    symbol: &'a str,
    first_day: DateValue,
    last_day: Option<DateValue>,
}

impl<'a> From<&'a Listing> for NewListing<'a> {
    fn from(listing: &'a Listing) -> Self {
        let last_day = listing.last_day.map(DateValue);
        Self { symbol: listing.symbol.as_str(), first_day: DateValue(listing.first_day), last_day }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = stock_state, check_for_backend(Pg, Sqlite))]
struct StockStateRow {
    symbol: String,
    current_price: Units,
    volatility: Units,
    trend: Units,
    market_state: String,
    last_update: i64,
    is_halted: bool,
}

/// What `stock_state` keeps of a symbol after a bar, rounded to the columns' decimals.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = stock_state, primary_key(symbol))]
pub(in crate::store) struct NewStockState<'a> {
    symbol: &'a str,
    current_price: ExactPrice,
    pub volatility: Units,
    pub trend: Units,
    market_state: &'static str,
    last_update: i64,
    is_halted: bool,
}

impl<'a> From<&'a SymbolSnapshot> for NewStockState<'a> {
    fn from(snapshot: &'a SymbolSnapshot) -> Self {
        Self {
            symbol: snapshot.symbol.as_str(),
            current_price: ExactPrice(snapshot.price),
            volatility: rounded(snapshot.volatility, 1e4),
            trend: rounded(snapshot.trend.0, 1e4),
            market_state: snapshot.regime.as_str(),
            last_update: snapshot.last_bar.get(),
            is_halted: snapshot.is_halted,
        }
    }
}

/// What `stock_realtime_price` keeps of a symbol after a bar, rounded and bounded to the columns' decimals.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = stock_realtime_price, primary_key(symbol))]
pub(in crate::store) struct NewRealtimePrice<'a> {
    symbol: &'a str,
    current_price: ExactPrice,
    pub change_percent: Units,
    volume: i64,
    last_update: i64,
}

impl<'a> From<&'a SymbolSnapshot> for NewRealtimePrice<'a> {
    fn from(snapshot: &'a SymbolSnapshot) -> Self {
        Self {
            symbol: snapshot.symbol.as_str(),
            current_price: ExactPrice(snapshot.price),
            change_percent: Units(rounded(snapshot.change_percent, 1e3).0.clamp(-999.999, 999.999)),
            volume: snapshot.day_volume,
            last_update: snapshot.last_bar.get(),
        }
    }
}

fn rounded(value: f64, scale: f64) -> Units {
    Units(to_decimals(value, scale))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = stock_metadata, check_for_backend(Pg, Sqlite))]
struct ShownStock {
    symbol: String,
    name: String,
    sector: String,
    board: String,
    is_active: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = stock_state, check_for_backend(Pg, Sqlite))]
struct ShownState {
    current_price: Units,
    last_update: i64,
    is_halted: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = stock_realtime_price, check_for_backend(Pg, Sqlite))]
struct ShownPrice {
    change_percent: Units,
    volume: i64,
}

pub(in crate::store) fn progress(connection: &mut AnyConnection<'_>) -> Result<Vec<SymbolProgress>, StoreError> {
    let open_listing = stock_listing::table
        .filter(stock_listing::symbol.eq(model_checkpoint::symbol))
        .filter(stock_listing::last_day.is_null());
    let rows: Vec<(CheckpointRow, Option<i64>, bool)> = on_either!(connection, |inner| {
        model_checkpoint::table
            .left_join(stock_state::table.on(stock_state::symbol.eq(model_checkpoint::symbol)))
            .select((CheckpointRow::as_select(), stock_state::last_update.nullable(), exists(open_listing)))
            .load(inner)
    })
    .during("read model_checkpoint")?;
    let parse = |(row, last_bar, is_listed): (CheckpointRow, Option<i64>, _)| {
        Ok(SymbolProgress { checkpoint: row.parse()?, last_bar: last_bar.map(UnixSeconds::new), is_listed })
    };
    let mut rows: Vec<SymbolProgress> = rows.into_iter().map(parse).collect::<Result<_, StoreError>>()?;
    rows.sort_by_key(|row| row.checkpoint.symbol);
    Ok(rows)
}

pub(in crate::store) fn listings(connection: &mut AnyConnection<'_>) -> Result<Vec<Listing>, StoreError> {
    let rows: Vec<ListingRow> =
        on_either!(connection, |inner| stock_listing::table.select(ListingRow::as_select()).load(inner))
            .during("read stock_listing")?;
    let parse = |row: ListingRow| {
        let (symbol, last_day) = (symbol(&row.symbol, "stock_listing")?, row.last_day.map(|day| day.0));
        Ok(Listing { symbol, first_day: row.first_day.0, last_day })
    };
    let mut rows: Vec<Listing> = rows.into_iter().map(parse).collect::<Result<_, StoreError>>()?;
    rows.sort_by_key(|row| (row.symbol, row.first_day));
    Ok(rows)
}

pub(in crate::store) fn states(connection: &mut AnyConnection<'_>) -> Result<Vec<StateRow>, StoreError> {
    let rows: Vec<StockStateRow> =
        on_either!(connection, |inner| stock_state::table.select(StockStateRow::as_select()).load(inner))
            .during("read stock_state")?;
    let unchecked = |row: StockStateRow| StateRow {
        symbol: row.symbol,
        current_price: row.current_price.0,
        volatility: row.volatility.0,
        trend: row.trend.0,
        market_state: row.market_state,
        last_update: UnixSeconds::new(row.last_update),
        is_halted: row.is_halted,
    };
    let mut rows: Vec<StateRow> = rows.into_iter().map(unchecked).collect();
    rows.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    Ok(rows)
}

/// Stocks whose symbol no instrument can have are left out: no client can ask for them.
pub(in crate::store) fn prices(connection: &mut AnyConnection<'_>) -> Result<Vec<PriceRow>, StoreError> {
    let rows: Vec<(ShownStock, ShownState, Option<ShownPrice>)> = on_either!(connection, |inner| {
        stock_metadata::table
            .inner_join(stock_state::table.on(stock_state::symbol.eq(stock_metadata::symbol)))
            .left_join(stock_realtime_price::table.on(stock_realtime_price::symbol.eq(stock_metadata::symbol)))
            .select((ShownStock::as_select(), ShownState::as_select(), Option::<ShownPrice>::as_select()))
            .load(inner)
    })
    .during("read stock_realtime_price")?;
    let shown = |(stock, state, price): (ShownStock, ShownState, Option<ShownPrice>)| {
        Some(PriceRow {
            symbol: stock.symbol.parse().ok()?,
            name: stock.name,
            sector: stock.sector,
            board: stock.board,
            is_active: stock.is_active,
            price: state.current_price.0,
            change_percent: price.as_ref().map(|price| price.change_percent.0),
            volume: price.map(|price| price.volume),
            last_update: UnixSeconds::new(state.last_update),
            is_halted: state.is_halted,
        })
    };
    let mut rows: Vec<PriceRow> = rows.into_iter().filter_map(shown).collect();
    rows.sort_by_key(|row| row.symbol);
    Ok(rows)
}
