//! What the transactions write.

use diesel::connection::SimpleConnection;
use diesel::pg::{CopyFormat, PgConnection};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Double, Nullable, Numeric, Text};

use super::super::data::{Batch, Identity, Listing, RollupWrite};
use super::super::error::During;
use super::super::{StoreError, clock, columns, retention, rollups, rows, transaction};
use super::bulk::{CHUNK_BYTES, Rows};
use super::notify;
use super::numeric::PgPrice;
use klined_market::bars::{Bar, Checkpoint, Halt, SymbolSnapshot};
use klined_market::base::{Interval, Ohlcv, Price, Symbol, UnixSeconds};
use klined_market::universe::UniverseRow;

diesel::table! {
    market_klines (symbol, interval, time) {
        symbol -> Varchar,
        interval -> Varchar,
        time -> BigInt,
        open -> Numeric,
        high -> Numeric,
        low -> Numeric,
        close -> Numeric,
        volume -> BigInt,
    }
}

/// From this many bars on, COPY's set-up pays off.
const COPY_BARS_MIN: usize = 2_000;
/// The most bars that one statement carries in arrays.
const UPSERT_BARS_MAX: usize = 10_000;

/// A bar on its way into the table.
struct BarRow<'a> {
    symbol: &'a str,
    interval: Interval,
    bar: &'a Bar,
}

pub(super) fn claim(
    connection: &mut PgConnection,
    identity: &Identity,
    default_universe: &[UniverseRow],
) -> Result<(), StoreError> {
    let is_new = sql_query(rows::CLAIM)
        .bind::<Text, _>(identity.seed.to_string())
        .bind::<Text, _>(&identity.model)
        .execute(connection)
        .during("claim the database")?
        > 0;
    rows::settle_claim(connection, identity, is_new, |connection| insert_universe(connection, default_universe))
}

fn insert_universe(connection: &mut PgConnection, universe: &[UniverseRow]) -> Result<(), StoreError> {
    let text = |of: fn(&UniverseRow) -> &str| universe.iter().map(of).collect::<Vec<_>>();
    let number = |of: fn(&UniverseRow) -> f64| universe.iter().map(of).collect::<Vec<_>>();
    let flag = |of: fn(&UniverseRow) -> bool| universe.iter().map(of).collect::<Vec<_>>();
    sql_query(
        "INSERT INTO stock_metadata (symbol, name, sector, base_price, base_volatility, board, is_st, beta, daily_turnover, \
         is_active) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::text[], \
         $7::bool[], $8::float8[], $9::float8[], $10::bool[])",
    )
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
    .execute(connection)
    .during("fill stock_metadata")?;
    Ok(())
}

pub(super) fn batch(connection: &mut PgConnection, batch: &Batch) -> Result<(), StoreError> {
    // Listings first: a listed symbol's watermark tells its bars from those of a symbol nobody generates.
    upsert_listings(connection, &batch.listings)?;
    upsert_checkpoints(connection, &batch.checkpoints)?;
    let horizon = retention::horizon(connection)?;
    let kept = batch.bars.iter().filter(|(_, bar)| horizon.keeps(bar));
    let bars: Vec<BarRow<'_>> =
        kept.map(|(symbol, bar)| BarRow { symbol: symbol.as_str(), interval: Interval::Minute1, bar }).collect();
    insert_bars(connection, &bars)?;
    upsert_halts(connection, &batch.halts)?;
    upsert_quotes(connection, &batch.quotes)?;
    if let Some(status) = &batch.status {
        sql_query(
            "INSERT INTO market_status (id, is_trading, current_session, session_start, session_end, last_update) \
             VALUES (1, $1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET is_trading = EXCLUDED.is_trading, \
             current_session = EXCLUDED.current_session, session_start = EXCLUDED.session_start, \
             session_end = EXCLUDED.session_end, last_update = EXCLUDED.last_update \
             WHERE market_status.last_update <= EXCLUDED.last_update",
        )
        .bind::<Bool, _>(status.is_trading())
        .bind::<Text, _>(status.span.session.as_str())
        .bind::<BigInt, _>(status.span.start.get())
        .bind::<BigInt, _>(status.span.end.get())
        .bind::<BigInt, _>(status.last_update.get())
        .execute(connection)
        .during("write market_status")?;
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
    notify::of_batch(connection, batch)
}

/// Bulk goes by COPY, which cannot overwrite: where rows turn out to exist, and for a few rows, by upsert.
fn insert_bars(connection: &mut PgConnection, bars: &[BarRow<'_>]) -> Result<(), StoreError> {
    if bars.len() >= COPY_BARS_MIN {
        let copied = transaction::run(connection, "copy bars", |connection| {
            let send = |out: &mut dyn std::io::Write| {
                let mut rows = Rows::begin();
                for BarRow { symbol, interval, bar } in bars {
                    rows.push(symbol, *interval, bar);
                    rows.send(out, CHUNK_BYTES)?;
                }
                rows.end();
                rows.send(out, 0)
            };
            diesel::copy_from(market_klines::table)
                .from_raw_data(market_klines::table, |out| -> QueryResult<()> { send(out) })
                .with_format(CopyFormat::Binary)
                .execute(connection)
                .during("copy bars")
        });
        match copied {
            Err(StoreError::Query {
                source: DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _),
                ..
            }) => {}
            other => return other.map(|_| ()),
        }
    }
    upsert_all(connection, bars)
}

fn upsert_all(connection: &mut PgConnection, bars: &[BarRow<'_>]) -> Result<(), StoreError> {
    bars.chunks(UPSERT_BARS_MAX).try_for_each(|chunk| upsert_bars(connection, chunk))
}

fn upsert_bars(connection: &mut PgConnection, bars: &[BarRow<'_>]) -> Result<(), StoreError> {
    let prices = |of: fn(&Ohlcv) -> Price| bars.iter().map(|row| PgPrice(of(&row.bar.ohlcv))).collect::<Vec<_>>();
    sql_query(include_str!("sql/upsert_bars.sql"))
        .bind::<Array<Text>, _>(bars.iter().map(|row| row.symbol).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(bars.iter().map(|row| row.interval.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(bars.iter().map(|row| row.bar.first.start().get()).collect::<Vec<_>>())
        .bind::<Array<Numeric>, _>(prices(Ohlcv::open))
        .bind::<Array<Numeric>, _>(prices(Ohlcv::high))
        .bind::<Array<Numeric>, _>(prices(Ohlcv::low))
        .bind::<Array<Numeric>, _>(prices(Ohlcv::close))
        .bind::<Array<BigInt>, _>(bars.iter().map(|row| row.bar.ohlcv.volume()).collect::<Vec<_>>())
        .execute(connection)
        .during("write bars")?;
    Ok(())
}

fn upsert_quotes(connection: &mut PgConnection, quotes: &[SymbolSnapshot]) -> Result<(), StoreError> {
    if quotes.is_empty() {
        return Ok(());
    }
    let symbols: Vec<&str> = quotes.iter().map(|quote| quote.symbol.as_str()).collect();
    let prices: Vec<PgPrice> = quotes.iter().map(|quote| PgPrice(quote.price)).collect();
    let last_bars: Vec<i64> = quotes.iter().map(|quote| quote.last_bar.get()).collect();
    let columns: Vec<columns::QuoteColumns> = quotes.iter().map(columns::QuoteColumns::from).collect();
    sql_query(include_str!("sql/upsert_states.sql"))
        .bind::<Array<Text>, _>(&symbols)
        .bind::<Array<Numeric>, _>(&prices)
        .bind::<Array<Double>, _>(columns.iter().map(|quote| quote.volatility).collect::<Vec<_>>())
        .bind::<Array<Double>, _>(columns.iter().map(|quote| quote.trend).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(quotes.iter().map(|quote| quote.regime.as_str()).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(&last_bars)
        .bind::<Array<Bool>, _>(quotes.iter().map(|quote| quote.is_halted).collect::<Vec<_>>())
        .execute(connection)
        .during("write stock_state")?;
    sql_query(include_str!("sql/upsert_realtime_prices.sql"))
        .bind::<Array<Text>, _>(&symbols)
        .bind::<Array<Numeric>, _>(&prices)
        .bind::<Array<Double>, _>(columns.iter().map(|quote| quote.change_percent).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(quotes.iter().map(|quote| quote.day_volume).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(&last_bars)
        .execute(connection)
        .during("write stock_realtime_price")?;
    Ok(())
}

fn upsert_halts(connection: &mut PgConnection, halts: &[Halt]) -> Result<(), StoreError> {
    if halts.is_empty() {
        return Ok(());
    }
    sql_query(
        "INSERT INTO stock_halt (symbol, from_time, until_time) \
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]) \
         ON CONFLICT (symbol, from_time) DO UPDATE SET until_time = EXCLUDED.until_time",
    )
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
    let openings = checkpoints.iter().map(columns::opening_json).collect::<Result<Vec<_>, _>>()?;
    sql_query(include_str!("sql/upsert_checkpoints.sql"))
        .bind::<Array<Text>, _>(checkpoints.iter().map(|row| row.symbol.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(checkpoints.iter().map(|row| row.day.to_string()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(openings)
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
    sql_query("INSERT INTO rollup_watermark (symbol) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING")
        .bind::<Array<Text>, _>(&symbols)
        .execute(connection)
        .during("write rollup_watermark")?;
    Ok(())
}

pub(super) fn clear(connection: &mut PgConnection, symbol: Option<&Symbol>) -> Result<(), StoreError> {
    notify::of_removal(connection)?;
    let Some(symbol) = symbol else {
        return connection
            .batch_execute(&format!("TRUNCATE {}", rows::MARKET_TABLES.join(", ")))
            .during("empty the market's tables");
    };
    connection.batch_execute("SET LOCAL klined.clearing = 'on'").during("remove a symbol's bars")?;
    for table in rows::SYMBOL_TABLES {
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
    for write in writes.iter().filter(|write| write.replace_from.is_some()) {
        sql_query("DELETE FROM market_klines WHERE symbol = $1 AND interval = ANY($2) AND time >= $3")
            .bind::<Text, _>(write.symbol.as_str())
            .bind::<Array<Text>, _>(super::rolled_names())
            .bind::<Nullable<BigInt>, _>(write.replace_from.map(UnixSeconds::get))
            .execute(connection)
            .during("remove outdated roll-ups")?;
    }
    let horizon = retention::horizon(connection)?;
    let mut bars: Vec<BarRow<'_>> = writes
        .iter()
        .flat_map(|write| write.bars.iter().map(move |(interval, bar)| (write, interval, bar)))
        .filter(|(_, _, bar)| horizon.keeps(bar))
        .map(|(write, &interval, bar)| BarRow { symbol: write.symbol.as_str(), interval, bar })
        .collect();
    if rollups::are_mostly_new(writes) {
        // In order of the key, of two bars of one place the later one after the other.
        bars.sort_by_key(|row| (row.symbol, row.interval.as_str(), row.bar.first));
        insert_bars(connection, &bars)?
    } else {
        upsert_all(connection, &bars)?
    }

    let folded: Vec<(&str, UnixSeconds)> =
        writes.iter().filter_map(|write| Some((write.symbol.as_str(), write.folded_to?))).collect();
    sql_query(
        "UPDATE rollup_watermark w SET folded_to = f.folded_to \
         FROM unnest($1::text[], $2::bigint[]) AS f (symbol, folded_to) WHERE w.symbol = f.symbol",
    )
    .bind::<Array<Text>, _>(folded.iter().map(|(symbol, _)| *symbol).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(folded.iter().map(|(_, to)| to.get()).collect::<Vec<_>>())
    .execute(connection)
    .during("write rollup_watermark")?;

    let repaired: Vec<&str> =
        writes.iter().filter(|write| write.is_repaired).map(|write| write.symbol.as_str()).collect();
    if !repaired.is_empty() {
        sql_query("DELETE FROM rollup_dirty WHERE claimed AND symbol = ANY($1)")
            .bind::<Array<Text>, _>(repaired)
            .execute(connection)
            .during("settle changed bars")?;
    }
    notify::of_rollups(connection, writes)
}
