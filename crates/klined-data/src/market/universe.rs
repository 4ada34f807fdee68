//! Universes by their names, files included.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use klined_market::base::Seed;
use klined_market::calendar::Hours;
use klined_market::universe::csv::{self, InvalidCsv};
use klined_market::universe::{Universe, UniverseChoice, UniverseRow};
use thiserror::Error;

/// Why the file of a universe cannot be used.
#[derive(Debug, Error)]
pub enum UnusableUniverse {
    /// It cannot be read.
    #[error("cannot read the universe file {} (or say demo, synth or ashare:N, without a file): {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It has a fault.
    #[error("cannot use the universe file {}: {source}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The fault.
        source: InvalidCsv,
    },
}

/// The universe of a choice. A file must be UTF-8.
///
/// # Errors
/// Its file cannot be read or has a fault.
pub fn read_universe(choice: &UniverseChoice) -> Result<Universe, UnusableUniverse> {
    let path = match choice {
        UniverseChoice::Demo => return Ok(Universe::demo()),
        UniverseChoice::Synth => return Ok(Universe::synth()),
        UniverseChoice::Ashare(count) => return Ok(Universe::ashare(*count)),
        UniverseChoice::File(path) => path,
    };
    let mut bytes = Vec::new();
    // One byte more than may be there shows that a file is too long.
    let bytes_max = csv::BYTES_MAX as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(bytes_max).read_to_end(&mut bytes));
    read.map_err(|source| UnusableUniverse::Unreadable { path: path.clone(), source })?;
    let rows = csv::read(&bytes).map_err(|source| UnusableUniverse::Invalid { path: path.clone(), source })?;
    Ok(Universe::of_file(path.clone(), rows))
}

/// The stocks of a universe in order of symbol, as a database of these hours gives them.
#[must_use]
pub fn stocks(universe: &Universe, seed: Seed, hours: Hours) -> Vec<UniverseRow> {
    let mut rows = universe.rows(seed, hours);
    rows.sort_by(|one, other| one.symbol.cmp(&other.symbol));
    rows
}
