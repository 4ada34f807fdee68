//! Reading the universe with its faults.

use std::collections::BTreeMap;

use tracing::warn;

use super::JobError;
use crate::base::{Instrument, Symbol};
use crate::store::BarStore;

/// The stocks that are to be traded: active and valid. What is not valid is reported and left out.
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
