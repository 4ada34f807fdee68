//! What a start requires of a database: its tables agree with one another. What is absent is not new.
//!
//! The check reads the small tables and one bar a stock, in a fixed number of queries. [`super::verify`] looks at everything.

use std::collections::{BTreeMap, BTreeSet};

use super::JobError;
use crate::store::{BarRange, BarStore};
use klined_market::base::{Interval, Price, Shard, Symbol, UnixSeconds};

/// The most contradictions that a message spells out.
const SHOWN_MAX: usize = 5;

/// Contradictions between tables, counted and the first of them in words.
#[derive(Default)]
struct Contradictions {
    shown: Vec<String>,
    count: usize,
}

impl Contradictions {
    fn add(&mut self, words: impl FnOnce() -> String) {
        self.count += 1;
        if self.shown.len() < SHOWN_MAX {
            self.shown.push(words());
        }
    }

    fn refuse(mut self) -> Result<(), JobError> {
        if self.count == 0 {
            return Ok(());
        }
        if self.count > self.shown.len() {
            self.shown.push(format!("and {} more", self.count - self.shown.len()));
        }
        Err(JobError::Contradiction { rows: self.shown.join("; ") })
    }
}

/// Refuses a database that has lost its identity: a market cannot begin where stocks are under way.
///
/// # Errors
/// The database has rows of a market and none in `market_identity`, or it fails.
pub(super) fn require_identity(store: &dyn BarStore) -> Result<(), JobError> {
    let counts = [
        ("stock_listing", store.listings()?.len()),
        ("model_checkpoint", store.progress()?.len()),
        ("stock_state", store.states()?.len()),
    ];
    let mut found = Contradictions::default();
    for (table, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        found.add(|| format!("market_identity has no row, but {table} has {count}"));
    }
    // Another process may have claimed the database in between and begun.
    if found.count > 0 && store.identity()?.is_some() { Ok(()) } else { found.refuse() }
}

/// Refuses a database whose listings, checkpoints, states, watermarks and last bars contradict one another, for the stocks of a
/// shard.
///
/// # Errors
/// They do, or the database fails.
pub(super) fn require_agreement(store: &dyn BarStore, shard: Shard) -> Result<(), JobError> {
    let mut found = Contradictions::default();
    // Watermarks before states, which are never behind them.
    let watermarks = store.watermarks()?;
    let states: BTreeMap<Symbol, (UnixSeconds, f64)> = store
        .states()?
        .into_iter()
        .filter_map(|row| Some((row.symbol.parse().ok()?, (row.last_update, row.current_price))))
        .collect();
    let mut listed = BTreeMap::new();
    for listing in store.listings()? {
        listed.entry(listing.symbol).or_insert(listing.first_day);
    }
    let days: BTreeMap<Symbol, _> =
        store.progress()?.into_iter().map(|row| (row.checkpoint.symbol, row.checkpoint.day)).collect();
    let universe: Vec<Symbol> = store.universe()?.iter().filter_map(|row| row.symbol.parse().ok()).collect();
    let known: BTreeSet<Symbol> =
        watermarks.keys().chain(states.keys()).chain(listed.keys()).chain(days.keys()).copied().collect();

    let mut without_state = Vec::new();
    for &symbol in known.iter().filter(|&&symbol| shard.holds(symbol)) {
        let (listing, day, state) = (listed.get(&symbol), days.get(&symbol), states.get(&symbol));
        let folded_to = watermarks.get(&symbol).filter(|&&folded_to| folded_to > UnixSeconds::EPOCH);
        match (listing, day) {
            (None, Some(_)) => found.add(|| format!("model_checkpoint has {symbol}, but stock_listing does not")),
            (Some(_), None) => found.add(|| format!("stock_listing has {symbol}, but model_checkpoint does not")),
            (Some(first), Some(day)) if first > day => {
                found.add(|| format!("{symbol} is listed from {first} on, but its checkpoint is of {day}"));
            }
            (None, None) if state.is_some() || folded_to.is_some() => {
                let table = if state.is_some() { "stock_state" } else { "rollup_watermark" };
                found.add(|| format!("{table} has {symbol}, but stock_listing and model_checkpoint do not"));
            }
            _ => {}
        }
        match (state, folded_to) {
            (None, Some(folded_to)) => {
                found
                    .add(|| format!("rollup_watermark of {symbol} is at {folded_to}, but stock_state has no {symbol}"));
            }
            (Some((last, _)), Some(folded_to)) if folded_to > last => {
                found.add(|| format!("rollup_watermark of {symbol} is at {folded_to}, after its last bar {last}"));
            }
            (None, None) => without_state.push((symbol, UnixSeconds::EPOCH)),
            _ => {}
        }
    }
    without_state.extend(
        universe
            .iter()
            .filter(|symbol| shard.holds(**symbol) && !known.contains(symbol))
            .map(|&symbol| (symbol, UnixSeconds::EPOCH)),
    );
    if !without_state.is_empty() {
        for symbol in store.bars_after(&without_state)? {
            found.add(|| format!("market_klines has bars of {symbol}, but stock_state has no {symbol}"));
        }
    }
    compare_last_bars(store, shard, &states, &mut found)?;
    found.refuse()
}

/// Compares each state with the bar that it was after.
fn compare_last_bars(
    store: &dyn BarStore,
    shard: Shard,
    states: &BTreeMap<Symbol, (UnixSeconds, f64)>,
    found: &mut Contradictions,
) -> Result<(), JobError> {
    let kept_from = store.retained_from()?.unwrap_or(UnixSeconds::MIN);
    let own: Vec<_> = states.iter().filter(|(symbol, (last, _))| shard.holds(**symbol) && *last >= kept_from).collect();
    let ranges: Vec<BarRange> = own
        .iter()
        .map(|(symbol, (last, _))| BarRange {
            symbol: **symbol,
            interval: Interval::Minute1,
            from: *last,
            to: last.next(),
        })
        .collect();
    let mut closes = vec![None; ranges.len()];
    for row in store.bars(&ranges, ranges.len())? {
        closes[row.range] = Some(row.close);
    }
    for ((symbol, (last, price)), close) in own.into_iter().zip(closes) {
        match close {
            None => found.add(|| format!("stock_state of {symbol} is of {last}, where market_klines has no bar of it")),
            Some(close) if Price::from_units(close) != Price::from_units(*price) => {
                found.add(|| format!("stock_state of {symbol} shows {price}, but its bar at {last} closes at {close}"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
