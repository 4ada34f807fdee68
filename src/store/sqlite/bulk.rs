//! Bars in bulk: many rows a statement, and the trigger that looks at each of them set aside.
//!
//! diesel takes about as long for a statement as SQLite does for its row. A statement of [`ROWS`] rows is prepared once and
//! kept, as a single row's is.

use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use klined_market::bars::Bar;
use klined_market::base::{Interval, Symbol, Traded, UnixSeconds};

use super::super::connection::AnyConnection;
use super::super::data::RollupWrite;
use super::super::error::{During, StoreError};
use super::super::history::HistoryPart;
use super::super::tables::{identity, mending, rollups};
use super::super::values::ExactTurnover;
use super::{clearing, klines, write};

/// Rows of one statement; with more of them compiling costs more than it saves.
const ROWS: usize = 64;
/// From so many bars on it pays to set the trigger aside, which makes every connection compile its statements anew.
const BULK_BARS_MIN: usize = 2_000;
/// The present moment as SQLite writes timestamps.
const NOW: &str = "SELECT CURRENT_TIMESTAMP AS now";
/// Notes a bar that comes at or before its symbol's watermark, as the trigger would. SQL, because diesel has no INSERT from a SELECT
/// without a table.
const NOTE_LATE_BAR: &str = "INSERT INTO rollup_dirty (symbol, time) SELECT $1, $2 \
     WHERE NOT EXISTS (SELECT 1 FROM rollup_watermark w WHERE w.symbol = $1 AND w.folded_to < $2)";

/// A bar on its way into the table.
struct BulkRow<'a> {
    symbol: &'a Symbol,
    interval: Interval,
    bar: &'a Bar,
}

/// `INSERT OR IGNORE` of exactly [`ROWS`] rows, all of them made at one moment.
struct InsertRows<'a> {
    texts: Vec<(&'a str, &'static str)>,
    numbers: Vec<(i64, [f64; 4], i64, Option<f64>, Option<i64>)>,
    created_at: &'a str,
}

impl<'a> InsertRows<'a> {
    fn of(rows: &'a [BulkRow<'a>], created_at: &'a str) -> Self {
        let texts = rows.iter().map(|row| (row.symbol.as_str(), row.interval.as_str())).collect();
        let numbers = rows
            .iter()
            .map(|BulkRow { bar, .. }| {
                let prices = [bar.ohlcv.open(), bar.ohlcv.high(), bar.ohlcv.low(), bar.ohlcv.close()];
                let traded = bar.ohlcv.traded();
                (
                    bar.first.start().get(),
                    prices.map(|price| price.units()),
                    bar.ohlcv.volume(),
                    traded.map(Traded::turnover_units),
                    traded.map(Traded::trades),
                )
            })
            .collect();
        Self { texts, numbers, created_at }
    }
}

impl QueryId for InsertRows<'_> {
    type QueryId = InsertRows<'static>;
    // Its text is always the same: `insert` sees to the number of rows.
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Sqlite> for InsertRows<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT OR IGNORE INTO market_klines \
             (symbol, interval, time, open, high, low, close, volume, turnover, trades, created_at) VALUES ",
        );
        for (place, (texts, numbers)) in self.texts.iter().zip(&self.numbers).enumerate() {
            let ((symbol, interval), (time, prices, volume, turnover, trades)) = (texts, numbers);
            out.push_sql(if place == 0 { "(" } else { ", (" });
            out.push_bind_param::<Text, str>(symbol)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, str>(interval)?;
            out.push_sql(", ");
            out.push_bind_param::<BigInt, i64>(time)?;
            for price in prices {
                out.push_sql(", ");
                out.push_bind_param::<Double, f64>(price)?;
            }
            out.push_sql(", ");
            out.push_bind_param::<BigInt, i64>(volume)?;
            out.push_sql(", ");
            out.push_bind_param::<Nullable<Double>, Option<f64>>(turnover)?;
            out.push_sql(", ");
            out.push_bind_param::<Nullable<BigInt>, Option<i64>>(trades)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, str>(self.created_at)?;
            out.push_sql(")");
        }
        Ok(())
    }
}

impl RunQueryDsl<SqliteConnection> for InsertRows<'_> {}

#[derive(QueryableByName)]
struct CurrentTimestamp {
    #[diesel(sql_type = Text)]
    now: String,
}

/// Writes a part of a history in the connection's present transaction.
pub(super) fn part(connection: &mut SqliteConnection, part: &HistoryPart) -> Result<(), StoreError> {
    if part.bars() < BULK_BARS_MIN {
        write::minutes(connection, &part.minutes)?;
        return write::rollups(connection, &part.rollups);
    }
    write::before_bars(connection, &part.minutes)?;
    let horizon = identity::horizon(&mut AnyConnection::Sqlite(connection))?;
    let minutes = part.minutes.bars.iter().map(|(symbol, bar)| BulkRow { symbol, interval: Interval::Minute1, bar });
    let mut rows: Vec<BulkRow<'_>> =
        minutes.chain(rolled(&part.rollups)).filter(|row| horizon.keeps(row.bar)).collect();
    // Neighbours in the tree one after another; of two bars of the same place the later one stays the later.
    rows.sort_by_key(|row| (row.symbol, row.interval.as_str(), row.bar.first));
    insert(connection, &rows)?;
    write::after_bars(connection, &part.minutes)?;
    write::settle_rollups(connection, &part.rollups)
}

/// Writes roll-ups in the connection's present transaction.
pub(super) fn rollups(connection: &mut SqliteConnection, writes: &[RollupWrite]) -> Result<(), StoreError> {
    let bars = writes.iter().map(|write| write.bars.len()).sum::<usize>();
    let is_repair = writes.iter().any(|write| write.replace_from.is_some());
    if bars < BULK_BARS_MIN || is_repair || !rollups::are_mostly_new(writes) {
        return write::rollups(connection, writes);
    }
    let horizon = identity::horizon(&mut AnyConnection::Sqlite(connection))?;
    let mut rows: Vec<BulkRow<'_>> = rolled(writes).filter(|row| horizon.keeps(row.bar)).collect();
    rows.sort_by_key(|row| (row.symbol, row.interval.as_str(), row.bar.first));
    insert(connection, &rows)?;
    write::settle_rollups(connection, writes)
}

fn rolled(writes: &[RollupWrite]) -> impl Iterator<Item = BulkRow<'_>> {
    writes.iter().flat_map(|write| {
        write.bars.iter().map(|(interval, bar)| BulkRow { symbol: &write.symbol, interval: *interval, bar })
    })
}

/// Inserts rows, and overwrites those that are there.
fn insert(connection: &mut SqliteConnection, rows: &[BulkRow<'_>]) -> Result<(), StoreError> {
    let now: CurrentTimestamp = sql_query(NOW).get_result(connection).during("write bars")?;
    let (whole, rest) = rows.as_chunks::<ROWS>();
    let (mut new, mut left) = (Vec::new(), Vec::new());
    clearing::without_triggers(connection, "klines_inserted", |connection| {
        for chunk in whole {
            let inserted = InsertRows::of(chunk, &now.now).execute(connection).during("write bars")?;
            if inserted > 0 {
                new.extend(chunk.iter().filter(|row| row.interval == Interval::Minute1));
            }
            if inserted < ROWS {
                left.extend(chunk);
            }
        }
        Ok(())
    })?;
    note_late(connection, &new)?;
    left.extend(rest);
    left.into_iter().try_for_each(|row| klines::upsert(connection, row.symbol, row.interval, row.bar))
}

/// Notes what the trigger would: that bars of a symbol come at or before its watermark. The first of them says it all.
fn note_late(connection: &mut SqliteConnection, minutes: &[&BulkRow<'_>]) -> Result<(), StoreError> {
    let mut firsts: Vec<(&Symbol, UnixSeconds)> =
        minutes.iter().map(|row| (row.symbol, row.bar.first.start())).collect();
    firsts.dedup_by_key(|(symbol, _)| *symbol);
    for (symbol, time) in firsts {
        sql_query(NOTE_LATE_BAR)
            .bind::<Text, _>(symbol.as_str())
            .bind::<BigInt, _>(time.get())
            .execute(connection)
            .during("note late bars")?;
    }
    Ok(())
}

/// Gives 1-minute bars turnover and number of trades, where they have neither. Notes the first of them, from which on roll-ups are
/// made again, instead of each.
pub(super) fn fill_turnover(
    connection: &mut SqliteConnection,
    symbol: &Symbol,
    found: &[(UnixSeconds, Traded)],
) -> Result<(), StoreError> {
    use super::super::schema::market_klines::dsl;
    clearing::without_triggers(connection, "klines_updated", |connection| {
        for (time, traded) in found {
            let bar = dsl::market_klines.find((symbol.as_str(), Interval::Minute1.as_str(), time.get()));
            diesel::update(bar.filter(dsl::turnover.is_null()).filter(dsl::trades.is_null()))
                .set((dsl::turnover.eq(ExactTurnover(*traded)), dsl::trades.eq(traded.trades())))
                .execute(connection)
                .during("fill in turnovers")?;
        }
        Ok(())
    })?;
    let first = found.iter().map(|(time, _)| *time).min();
    mending::note(
        &mut AnyConnection::Sqlite(connection),
        &first.map(|time| (*symbol, time)).into_iter().collect::<Vec<_>>(),
    )
}
