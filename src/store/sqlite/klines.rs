//! Reading and writing `market_klines` row by row.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::sqlite::{Sqlite, SqliteConnection};

use klined_market::bars::Bar;
use klined_market::base::{Interval, Symbol, Traded, UnixSeconds};

use super::super::data::{BarRange, StoredBar, VolumeFilter};
use super::super::error::{During, StoreError};
use super::super::schema::market_klines;
use super::super::values::{ExactPrice, ExactTurnover, Units};

/// A stored bar.
#[derive(Queryable, Selectable)]
#[diesel(table_name = market_klines, check_for_backend(Sqlite))]
struct StoredKline {
    time: i64,
    open: Units,
    high: Units,
    low: Units,
    close: Units,
    volume: i64,
    turnover: Option<Units>,
    trades: Option<i64>,
}

impl StoredKline {
    fn in_range(self, range: usize) -> StoredBar {
        StoredBar {
            range,
            time: UnixSeconds::new(self.time),
            open: self.open.0,
            high: self.high.0,
            low: self.low.0,
            close: self.close.0,
            volume: self.volume,
            turnover: self.turnover.map(f64::from),
            trades: self.trades,
        }
    }
}

/// The key of a bar.
#[derive(Insertable)]
#[diesel(table_name = market_klines)]
struct NewKline<'a> {
    symbol: &'a str,
    interval: &'static str,
    time: i64,
    #[diesel(embed)]
    values: KlineValues,
}

/// What a bar has besides its key.
#[derive(Clone, Copy, Insertable, AsChangeset)]
#[diesel(table_name = market_klines, treat_none_as_null = true)]
struct KlineValues {
    open: ExactPrice,
    high: ExactPrice,
    low: ExactPrice,
    close: ExactPrice,
    volume: i64,
    turnover: Option<ExactTurnover>,
    trades: Option<i64>,
}

impl From<&Bar> for KlineValues {
    fn from(bar: &Bar) -> Self {
        Self {
            open: ExactPrice(bar.ohlcv.open()),
            high: ExactPrice(bar.ohlcv.high()),
            low: ExactPrice(bar.ohlcv.low()),
            close: ExactPrice(bar.ohlcv.close()),
            volume: bar.ohlcv.volume(),
            turnover: bar.ohlcv.traded().map(ExactTurnover),
            trades: bar.ohlcv.traded().map(Traded::trades),
        }
    }
}

pub(super) fn bars(
    connection: &mut SqliteConnection,
    ranges: &[BarRange],
    volume: VolumeFilter,
    limit: usize,
) -> Result<Vec<StoredBar>, StoreError> {
    let mut found = Vec::new();
    for (place, range) in ranges.iter().enumerate() {
        let left = limit.saturating_sub(found.len());
        if left == 0 {
            break;
        }
        let rows: Vec<StoredKline> = market_klines::table
            .filter(market_klines::symbol.eq(range.symbol.as_str()))
            .filter(market_klines::interval.eq(range.interval.as_str()))
            .filter(market_klines::time.ge(range.from.get()))
            .filter(market_klines::time.lt(range.to.get()))
            .filter(market_klines::volume.ge(volume.least()))
            .order(market_klines::time)
            .limit(i64::try_from(left).unwrap_or(i64::MAX))
            .select(StoredKline::as_select())
            .load(connection)
            .during("read bars")?;
        found.extend(rows.into_iter().map(|row| row.in_range(place)));
    }
    Ok(found)
}

pub(super) fn last_bars(
    connection: &mut SqliteConnection,
    ranges: &[BarRange],
    volume: VolumeFilter,
    count: usize,
) -> Result<Vec<StoredBar>, StoreError> {
    let mut found = Vec::new();
    for (place, range) in ranges.iter().enumerate() {
        let rows: Vec<StoredKline> = market_klines::table
            .filter(market_klines::symbol.eq(range.symbol.as_str()))
            .filter(market_klines::interval.eq(range.interval.as_str()))
            .filter(market_klines::time.ge(range.from.get()))
            .filter(market_klines::time.lt(range.to.get()))
            .filter(market_klines::volume.ge(volume.least()))
            .order(market_klines::time.desc())
            .limit(i64::try_from(count).unwrap_or(i64::MAX))
            .select(StoredKline::as_select())
            .load(connection)
            .during("read bars")?;
        found.extend(rows.into_iter().rev().map(|row| row.in_range(place)));
    }
    Ok(found)
}

pub(super) fn bars_after(
    connection: &mut SqliteConnection,
    ends: &[(Symbol, UnixSeconds)],
) -> Result<BTreeSet<Symbol>, StoreError> {
    let mut found = BTreeSet::new();
    for (symbol, end) in ends {
        let later = market_klines::table
            .filter(market_klines::symbol.eq(symbol.as_str()))
            .filter(market_klines::interval.eq(Interval::Minute1.as_str()))
            .filter(market_klines::time.gt(end.get()));
        if diesel::select(diesel::dsl::exists(later)).get_result(connection).during("look for later bars")? {
            found.insert(*symbol);
        }
    }
    Ok(found)
}

/// Two plain statements instead of one with ON CONFLICT: diesel keeps these prepared, and compiling the statement with
/// its triggers anew for every bar costs several times as much as running it. Nearly every bar is new, and needs only one.
pub(super) fn upsert(
    connection: &mut SqliteConnection,
    symbol: &Symbol,
    interval: Interval,
    bar: &Bar,
) -> Result<(), StoreError> {
    let (symbol, interval, time) = (symbol.as_str(), interval.as_str(), bar.first.start().get());
    let values = KlineValues::from(bar);
    let inserted = diesel::insert_or_ignore_into(market_klines::table)
        .values(NewKline { symbol, interval, time, values })
        .execute(connection)
        .during("write bars")?;
    if inserted == 0 {
        diesel::update(market_klines::table.find((symbol, interval, time)))
            .set(values)
            .execute(connection)
            .during("write bars")?;
    }
    Ok(())
}
