//! Reads the universe, and reports its invalid rows.

use std::collections::BTreeMap;

use tracing::warn;

use super::JobError;
use crate::store::BarStore;
use klined_market::base::{Instrument, Symbol};
use klined_market::universe::{UniverseChoice, UniverseRow};

/// The most symbols that a message names.
const NAMES_MAX: usize = 5;

/// Compares the universe asked for with the stored one. The table belongs to the operator once it is filled: stocks that were
/// added or edited stay as they are and are logged. Only a missing stock is an error.
pub(super) fn compare_universe(
    store: &dyn BarStore,
    choice: &UniverseChoice,
    wanted: &[UniverseRow],
    is_new: bool,
) -> Result<(), JobError> {
    let found = store.universe()?;
    if is_new && found.is_empty() {
        return Ok(());
    }
    let known: BTreeMap<&str, &UniverseRow> = found.iter().map(|row| (row.symbol.as_str(), row)).collect();
    let missing: Vec<&str> =
        wanted.iter().map(|row| row.symbol.as_str()).filter(|symbol| !known.contains_key(symbol)).collect();
    if !missing.is_empty() {
        return Err(JobError::OtherUniverse {
            universe: choice.clone(),
            missing: missing.len(),
            wanted: wanted.len(),
            examples: shortened(&missing),
            found: found.len(),
        });
    }
    let edited: Vec<&str> = wanted
        .iter()
        .filter(|row| known.get(row.symbol.as_str()) != Some(row))
        .map(|row| row.symbol.as_str())
        .collect();
    let added = found.len().saturating_sub(wanted.len());
    if added > 0 || !edited.is_empty() {
        let edited_names = shortened(&edited);
        warn!(
            added,
            edited = edited.len(),
            edited_names,
            "stock_metadata is no longer what --universe {choice} says, and is kept as it is"
        );
    }
    Ok(())
}

fn shortened(symbols: &[&str]) -> String {
    let shown = symbols.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(", ");
    if symbols.len() > NAMES_MAX { format!("{shown}, …") } else { shown }
}

/// The stocks to be traded: the active and valid ones. Invalid rows are logged and left out.
pub(super) type Roster = BTreeMap<Symbol, Instrument>;

/// Reads the roster as it is now.
pub(super) fn roster(store: &dyn BarStore) -> Result<Roster, JobError> {
    let mut roster = Roster::new();
    for row in store.universe()?.iter().filter(|row| row.is_active) {
        match row.instrument() {
            Ok(instrument) => {
                roster.insert(instrument.symbol, instrument);
            }
            Err(error) => warn!(symbol = row.symbol, "left out of the market: {error}"),
        }
    }
    Ok(roster)
}

/// The number of stocks that can be traded.
///
/// # Errors
/// No stock can be traded, one of the wanted stocks cannot be traded, or the database cannot be read.
pub fn tradable(store: &dyn BarStore, wanted: &[Symbol]) -> Result<usize, JobError> {
    let roster = roster(store)?;
    require(store, &roster, wanted)?;
    if roster.is_empty() { Err(JobError::EmptyUniverse) } else { Ok(roster.len()) }
}

/// Fails unless every symbol wanted is on the roster.
pub(super) fn require(store: &dyn BarStore, roster: &Roster, wanted: &[Symbol]) -> Result<(), JobError> {
    let Some(&missing) = wanted.iter().find(|symbol| !roster.contains_key(symbol)) else { return Ok(()) };
    let known: Vec<String> = store.universe()?.into_iter().map(|row| row.symbol).collect();
    if known.iter().any(|symbol| symbol == missing.as_str()) {
        return Err(JobError::InactiveSymbol(missing));
    }
    let shown = known.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
    let known = if known.len() > 20 { format!("{shown}, … ({} in all)", known.len()) } else { shown };
    Err(JobError::UnknownSymbol { symbol: missing, known })
}
