//! Bars: the K-line itself, one symbol's run through trading minutes, the roll-up to longer intervals, and the
//! ticks inside a minute.

mod rollup;
mod run;
pub mod ticks;

pub use rollup::{Repair, Rollup};
pub use run::{Checkpoint, Halt, InvalidCheckpoint, Opening, SymbolRun, SymbolSnapshot};

use crate::base::Ohlcv;
use crate::calendar::Minute;

/// A K-line. Its interval is said by whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// The first trading minute it covers; its start in Unix seconds is the bar's label.
    pub first: Minute,
    pub ohlcv: Ohlcv,
}
