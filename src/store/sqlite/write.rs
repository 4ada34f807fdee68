//! What the transactions write.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Text};
use diesel::sqlite::SqliteConnection;
use diesel::upsert::excluded;

use super::super::data::{Batch, Identity, Listing, RollupWrite};
use super::super::error::During;
use super::super::{StoreError, clock, columns, retention, rows};
use klined_market::bars::{Bar, Checkpoint, Halt, SymbolSnapshot};
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::universe::UniverseRow;

diesel::table! {
    market_klines (symbol, interval, time) {
        symbol -> Text,
        interval -> Text,
        time -> BigInt,
        open -> Double,
        high -> Double,
        low -> Double,
        close -> Double,
        volume -> BigInt,
    }
}

diesel::table! {
    stock_metadata (symbol) {
        symbol -> Text,
        name -> Text,
        sector -> Text,
        base_price -> Double,
        base_volatility -> Double,
        board -> Text,
        is_st -> Bool,
        beta -> Double,
        daily_turnover -> Double,
        is_active -> Bool,
    }
}

diesel::table! {
    stock_state (symbol) {
        symbol -> Text,
        current_price -> Double,
        volatility -> Double,
        trend -> Double,
        market_state -> Text,
        last_update -> BigInt,
        is_halted -> Bool,
        updated_at -> Text,
    }
}

diesel::table! {
    stock_realtime_price (symbol) {
        symbol -> Text,
        current_price -> Double,
        change_percent -> Double,
        volume -> BigInt,
        last_update -> BigInt,
        updated_at -> Text,
    }
}

diesel::table! {
    market_status (id) {
        id -> Integer,
        is_trading -> Bool,
        current_session -> Text,
        session_start -> BigInt,
        session_end -> BigInt,
        last_update -> BigInt,
    }
}

diesel::table! {
    model_checkpoint (symbol) {
        symbol -> Text,
        day -> Text,
        opening -> Text,
        updated_at -> Text,
    }
}

diesel::table! {
    stock_listing (symbol, first_day) {
        symbol -> Text,
        first_day -> Text,
        last_day -> Nullable<Text>,
    }
}

diesel::table! {
    stock_halt (symbol, from_time) {
        symbol -> Text,
        from_time -> BigInt,
        until_time -> BigInt,
    }
}

diesel::table! {
    rollup_watermark (symbol) {
        symbol -> Text,
        folded_to -> BigInt,
    }
}

diesel::table! {
    rollup_dirty (symbol) {
        symbol -> Text,
        claimed -> Bool,
    }
}

diesel::define_sql_function! {
    /// The present moment as SQLite writes timestamps.
    #[sql_name = "datetime"]
    fn timestamp(of: Text) -> Text;
}

pub(super) fn claim(
    connection: &mut SqliteConnection,
    identity: &Identity,
    default_universe: &[UniverseRow],
) -> Result<(), StoreError> {
    let is_new = sql_query(rows::CLAIM)
        .bind::<Text, _>(identity.seed.to_string())
        .bind::<Text, _>(&identity.model)
        .execute(connection)
        .during("claim the database")?
        > 0;
    rows::settle_claim(connection, identity, is_new, |connection| {
        default_universe.iter().try_for_each(|row| insert_metadata(connection, row))
    })
}

fn insert_metadata(connection: &mut SqliteConnection, row: &UniverseRow) -> Result<(), StoreError> {
    use stock_metadata::dsl;
    diesel::insert_into(dsl::stock_metadata)
        .values((
            dsl::symbol.eq(&row.symbol),
            dsl::name.eq(&row.name),
            dsl::sector.eq(&row.sector),
            dsl::base_price.eq(row.base_price),
            dsl::base_volatility.eq(row.base_volatility),
            dsl::board.eq(&row.board),
            dsl::is_st.eq(row.is_st),
            dsl::beta.eq(row.beta),
            dsl::daily_turnover.eq(row.daily_turnover),
            dsl::is_active.eq(row.is_active),
        ))
        .execute(connection)
        .during("fill stock_metadata")?;
    Ok(())
}

pub(super) fn batch(connection: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    batch_before_bars(connection, batch)?;
    let horizon = retention::horizon(connection)?;
    for (symbol, bar) in batch.bars.iter().filter(|(_, bar)| horizon.keeps(bar)) {
        upsert_bar(connection, symbol, Interval::Minute1, bar)?;
    }
    batch_after_bars(connection, batch)
}

/// Listings come first: a listed symbol's watermark tells its bars from those of a symbol nobody generates.
pub(super) fn batch_before_bars(connection: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    batch.listings.iter().try_for_each(|listing| upsert_listing(connection, listing))?;
    batch.checkpoints.iter().try_for_each(|checkpoint| upsert_checkpoint(connection, checkpoint))
}

pub(super) fn batch_after_bars(connection: &mut SqliteConnection, batch: &Batch) -> Result<(), StoreError> {
    batch.halts.iter().try_for_each(|halt| upsert_halt(connection, halt))?;
    batch.quotes.iter().try_for_each(|quote| upsert_quote(connection, quote))?;
    if let Some(status) = &batch.status {
        use market_status::dsl;
        let columns = (
            dsl::id.eq(1),
            dsl::is_trading.eq(status.is_trading()),
            dsl::current_session.eq(status.span.session.as_str()),
            dsl::session_start.eq(status.span.start.get()),
            dsl::session_end.eq(status.span.end.get()),
            dsl::last_update.eq(status.last_update.get()),
        );
        let is_late = dsl::market_status
            .filter(dsl::last_update.gt(status.last_update.get()))
            .count()
            .get_result::<i64>(connection)
            .during("read market_status")?
            > 0;
        if !is_late {
            diesel::replace_into(dsl::market_status)
                .values(columns)
                .execute(connection)
                .during("write market_status")?;
        }
    }
    if let Some(now) = &batch.clock {
        let (pace, speed) = clock::pace_columns(now.pace);
        sql_query(clock::PUT_CLOCK)
            .bind::<Text, _>(pace)
            .bind::<Double, _>(speed)
            .bind::<BigInt, _>(now.open_minute.get())
            .bind::<BigInt, _>(now.opened_at.get())
            .execute(connection)
            .during("write market_clock")?;
    }
    Ok(())
}

/// Two plain statements instead of one with ON CONFLICT: diesel keeps these prepared, and compiling the statement with
/// its triggers anew for every bar costs several times as much as running it. Nearly every bar is new, and needs only one.
pub(super) fn upsert_bar(
    connection: &mut SqliteConnection,
    symbol: &Symbol,
    interval: Interval,
    bar: &Bar,
) -> Result<(), StoreError> {
    use market_klines::dsl;
    let key = (symbol.as_str(), interval.as_str(), bar.first.start().get());
    let ohlcv = (
        dsl::open.eq(bar.ohlcv.open().units()),
        dsl::high.eq(bar.ohlcv.high().units()),
        dsl::low.eq(bar.ohlcv.low().units()),
        dsl::close.eq(bar.ohlcv.close().units()),
        dsl::volume.eq(bar.ohlcv.volume()),
    );
    let inserted = diesel::insert_or_ignore_into(dsl::market_klines)
        .values((dsl::symbol.eq(key.0), dsl::interval.eq(key.1), dsl::time.eq(key.2), ohlcv))
        .execute(connection)
        .during("write bars")?;
    if inserted == 0 {
        diesel::update(dsl::market_klines.find(key)).set(ohlcv).execute(connection).during("write bars")?;
    }
    Ok(())
}

fn upsert_quote(connection: &mut SqliteConnection, quote: &SymbolSnapshot) -> Result<(), StoreError> {
    let columns = columns::QuoteColumns::from(quote);
    {
        use stock_state::dsl;
        diesel::insert_into(dsl::stock_state)
            .values((
                dsl::symbol.eq(quote.symbol.as_str()),
                dsl::current_price.eq(quote.price.units()),
                dsl::volatility.eq(columns.volatility),
                dsl::trend.eq(columns.trend),
                dsl::market_state.eq(quote.regime.as_str()),
                dsl::last_update.eq(quote.last_bar.get()),
                dsl::is_halted.eq(quote.is_halted),
            ))
            .on_conflict(dsl::symbol)
            .do_update()
            .set((
                dsl::current_price.eq(excluded(dsl::current_price)),
                dsl::volatility.eq(excluded(dsl::volatility)),
                dsl::trend.eq(excluded(dsl::trend)),
                dsl::market_state.eq(excluded(dsl::market_state)),
                dsl::last_update.eq(excluded(dsl::last_update)),
                dsl::is_halted.eq(excluded(dsl::is_halted)),
                dsl::updated_at.eq(timestamp("now")),
            ))
            .execute(connection)
            .during("write stock_state")?;
    }
    use stock_realtime_price::dsl;
    diesel::insert_into(dsl::stock_realtime_price)
        .values((
            dsl::symbol.eq(quote.symbol.as_str()),
            dsl::current_price.eq(quote.price.units()),
            dsl::change_percent.eq(columns.change_percent),
            dsl::volume.eq(quote.day_volume),
            dsl::last_update.eq(quote.last_bar.get()),
        ))
        .on_conflict(dsl::symbol)
        .do_update()
        .set((
            dsl::current_price.eq(excluded(dsl::current_price)),
            dsl::change_percent.eq(excluded(dsl::change_percent)),
            dsl::volume.eq(excluded(dsl::volume)),
            dsl::last_update.eq(excluded(dsl::last_update)),
            dsl::updated_at.eq(timestamp("now")),
        ))
        .execute(connection)
        .during("write stock_realtime_price")?;
    Ok(())
}

fn upsert_halt(connection: &mut SqliteConnection, halt: &Halt) -> Result<(), StoreError> {
    use stock_halt::dsl;
    diesel::replace_into(dsl::stock_halt)
        .values((
            dsl::symbol.eq(halt.symbol.as_str()),
            dsl::from_time.eq(halt.from.get()),
            dsl::until_time.eq(halt.until.get()),
        ))
        .execute(connection)
        .during("write stock_halt")?;
    Ok(())
}

fn upsert_checkpoint(connection: &mut SqliteConnection, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    use model_checkpoint::dsl;
    diesel::insert_into(dsl::model_checkpoint)
        .values((
            dsl::symbol.eq(checkpoint.symbol.as_str()),
            dsl::day.eq(checkpoint.day.to_string()),
            dsl::opening.eq(columns::opening_json(checkpoint)?),
        ))
        .on_conflict(dsl::symbol)
        .do_update()
        .set((
            dsl::day.eq(excluded(dsl::day)),
            dsl::opening.eq(excluded(dsl::opening)),
            dsl::updated_at.eq(timestamp("now")),
        ))
        .execute(connection)
        .during("write model_checkpoint")?;
    Ok(())
}

fn upsert_listing(connection: &mut SqliteConnection, listing: &Listing) -> Result<(), StoreError> {
    use stock_listing::dsl;
    diesel::replace_into(dsl::stock_listing)
        .values((
            dsl::symbol.eq(listing.symbol.as_str()),
            dsl::first_day.eq(listing.first_day.to_string()),
            dsl::last_day.eq(listing.last_day.map(|day| day.to_string())),
        ))
        .execute(connection)
        .during("write stock_listing")?;
    diesel::insert_or_ignore_into(rollup_watermark::table)
        .values((rollup_watermark::symbol.eq(listing.symbol.as_str()), rollup_watermark::folded_to.eq(0)))
        .execute(connection)
        .during("write rollup_watermark")?;
    Ok(())
}

pub(super) fn bars_after(
    connection: &mut SqliteConnection,
    ends: &[(Symbol, UnixSeconds)],
) -> QueryResult<BTreeSet<Symbol>> {
    use market_klines::dsl;
    let mut found = BTreeSet::new();
    for (symbol, end) in ends {
        let later = dsl::market_klines
            .filter(dsl::symbol.eq(symbol.as_str()))
            .filter(dsl::interval.eq(Interval::Minute1.as_str()))
            .filter(dsl::time.gt(end.get()));
        if diesel::select(diesel::dsl::exists(later)).get_result(connection)? {
            found.insert(*symbol);
        }
    }
    Ok(found)
}

pub(super) fn rollups(connection: &mut SqliteConnection, writes: &[RollupWrite]) -> Result<(), StoreError> {
    let rolled: Vec<&str> = Interval::ROLLED.iter().map(|interval| interval.as_str()).collect();
    let horizon = retention::horizon(connection)?;
    for write in writes {
        if let Some(from) = write.replace_from {
            use market_klines::dsl;
            let outdated = dsl::market_klines
                .filter(dsl::symbol.eq(write.symbol.as_str()))
                .filter(dsl::interval.eq_any(&rolled))
                .filter(dsl::time.ge(from.get()));
            diesel::delete(outdated).execute(connection).during("remove outdated roll-ups")?;
        }
        for (interval, bar) in write.bars.iter().filter(|(_, bar)| horizon.keeps(bar)) {
            upsert_bar(connection, &write.symbol, *interval, bar)?;
        }
    }
    settle_rollups(connection, writes)
}

/// Moves the watermarks and settles what is repaired.
pub(super) fn settle_rollups(connection: &mut SqliteConnection, writes: &[RollupWrite]) -> Result<(), StoreError> {
    for write in writes {
        if let Some(folded_to) = write.folded_to {
            use rollup_watermark::dsl;
            diesel::update(dsl::rollup_watermark.find(write.symbol.as_str()))
                .set(dsl::folded_to.eq(folded_to.get()))
                .execute(connection)
                .during("write rollup_watermark")?;
        }
        if write.is_repaired {
            use rollup_dirty::dsl;
            let settled = dsl::rollup_dirty.filter(dsl::symbol.eq(write.symbol.as_str())).filter(dsl::claimed);
            diesel::delete(settled).execute(connection).during("settle changed bars")?;
        }
    }
    Ok(())
}
