//! Bars in bulk: many rows a statement, and the trigger that looks at each of them set aside.
//!
//! diesel takes about as long for a statement as SQLite does for its row. A statement of [`ROWS`] rows is prepared once and
//! kept, as a single row's is.

use std::collections::BTreeMap;

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
#[derive(Clone, Copy)]
struct BulkRow<'a> {
    symbol: &'a Symbol,
    interval: Interval,
    bar: &'a Bar,
}

/// The numbers of a row, as they are bound.
struct RowNumbers {
    time: i64,
    prices: [f64; 4],
    volume: i64,
    turnover: Option<f64>,
    trades: Option<i64>,
}

/// `INSERT OR IGNORE` of exactly [`ROWS`] rows, all of them made at one moment. What the rows have in common is bound once, because
/// diesel takes as long to bind a value as SQLite takes to store it.
struct InsertRows<'a, T> {
    texts: T,
    numbers: Vec<RowNumbers>,
    created_at: &'a str,
}

/// Symbol and interval of all rows of a statement, or of each.
trait RowTexts<'a>: Sized {
    /// The type without its lifetime, which identifies the statement.
    type Kind: 'static;

    fn of(rows: &'a [BulkRow<'a>]) -> Self;
    /// Binds the key's texts of a row, or refers to those that are bound.
    fn push<'b>(&'b self, place: usize, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()>;
}

/// The rows have one symbol and one interval: the first two values of the statement.
struct SharedTexts<'a>(&'a str, &'static str);

/// Each row has texts of its own.
struct OwnTexts<'a>(Vec<(&'a str, &'static str)>);

impl<'a> RowTexts<'a> for SharedTexts<'a> {
    type Kind = SharedTexts<'static>;

    fn of(rows: &'a [BulkRow<'a>]) -> Self {
        rows.first().map_or(Self("", ""), |row| Self(row.symbol.as_str(), row.interval.as_str()))
    }

    fn push<'b>(&'b self, place: usize, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        if place > 0 {
            out.push_sql("?1, ?2");
            return Ok(());
        }
        push_texts(self.0, self.1, out)
    }
}

impl<'a> RowTexts<'a> for OwnTexts<'a> {
    type Kind = OwnTexts<'static>;

    fn of(rows: &'a [BulkRow<'a>]) -> Self {
        Self(rows.iter().map(|row| (row.symbol.as_str(), row.interval.as_str())).collect())
    }

    fn push<'b>(&'b self, place: usize, out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.0.get(place).map_or(Ok(()), |(symbol, interval)| push_texts(symbol, interval, out))
    }
}

fn push_texts<'b>(symbol: &'b str, interval: &'b str, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
    out.push_bind_param::<Text, str>(symbol)?;
    out.push_sql(", ");
    out.push_bind_param::<Text, str>(interval)
}

impl<'a, T: RowTexts<'a>> InsertRows<'a, T> {
    fn of(rows: &'a [BulkRow<'a>], created_at: &'a str) -> Self {
        let numbers = rows
            .iter()
            .map(|BulkRow { bar, .. }| {
                let prices = [bar.ohlcv.open(), bar.ohlcv.high(), bar.ohlcv.low(), bar.ohlcv.close()];
                let traded = bar.ohlcv.traded();
                RowNumbers {
                    time: bar.first.start().get(),
                    prices: prices.map(|price| price.units()),
                    volume: bar.ohlcv.volume(),
                    turnover: traded.map(Traded::turnover_units),
                    trades: traded.map(Traded::trades),
                }
            })
            .collect();
        Self { texts: T::of(rows), numbers, created_at }
    }
}

impl<'a, T: RowTexts<'a>> QueryId for InsertRows<'a, T> {
    type QueryId = InsertRows<'static, T::Kind>;
    // Its text is always the same: `insert` sees to the number of rows.
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<'a, T: RowTexts<'a>> QueryFragment<Sqlite> for InsertRows<'a, T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "INSERT OR IGNORE INTO market_klines \
             (symbol, interval, time, open, high, low, close, volume, turnover, trades, created_at) VALUES ",
        );
        for (place, RowNumbers { time, prices, volume, turnover, trades }) in self.numbers.iter().enumerate() {
            out.push_sql(if place == 0 { "(" } else { ", (" });
            self.texts.push(place, out.reborrow())?;
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
            if place == 0 {
                out.push_sql(", ");
                out.push_bind_param::<Text, str>(self.created_at)?;
                out.push_sql(")");
            } else {
                // The first row's moment is the statement's eleventh value.
                out.push_sql(", ?11)");
            }
        }
        Ok(())
    }
}

impl<'a, T: RowTexts<'a>> RunQueryDsl<SqliteConnection> for InsertRows<'a, T> {}

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
    let now = now.now.as_str();
    let mut written = Written::default();
    let mut remainders = Vec::new();
    clearing::without_triggers(connection, "klines_inserted", |connection| {
        for alike in rows.chunk_by(|a, b| (a.symbol, a.interval) == (b.symbol, b.interval)) {
            let (whole, remainder) = alike.as_chunks::<ROWS>();
            for chunk in whole {
                let inserted =
                    InsertRows::<SharedTexts<'_>>::of(chunk, now).execute(connection).during("write bars")?;
                written.note(chunk, inserted);
            }
            remainders.extend(remainder);
        }
        let (whole, rest) = remainders.as_chunks::<ROWS>();
        for chunk in whole {
            let inserted = InsertRows::<OwnTexts<'_>>::of(chunk, now).execute(connection).during("write bars")?;
            written.note(chunk, inserted);
        }
        written.left.extend(rest);
        Ok(())
    })?;
    note_late(connection, &written.firsts)?;
    written.left.into_iter().try_for_each(|row| klines::upsert(connection, row.symbol, row.interval, row.bar))
}

/// What became of the rows of a bulk.
#[derive(Default)]
struct Written<'a> {
    /// The first 1-minute bar of each symbol that the table may not have had before.
    firsts: BTreeMap<Symbol, UnixSeconds>,
    /// Rows to be written one by one, because bars are in their places or because they fill no statement.
    left: Vec<BulkRow<'a>>,
}

impl<'a> Written<'a> {
    fn note(&mut self, chunk: &[BulkRow<'a>], inserted: usize) {
        if inserted > 0 {
            for row in chunk.iter().filter(|row| row.interval == Interval::Minute1) {
                let time = row.bar.first.start();
                self.firsts.entry(*row.symbol).and_modify(|first| *first = time.min(*first)).or_insert(time);
            }
        }
        if inserted < ROWS {
            self.left.extend(chunk);
        }
    }
}

/// Notes what the trigger would: that bars of a symbol come at or before its watermark. The first of them says it all.
fn note_late(connection: &mut SqliteConnection, firsts: &BTreeMap<Symbol, UnixSeconds>) -> Result<(), StoreError> {
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
