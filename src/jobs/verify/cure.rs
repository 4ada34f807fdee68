//! What puts right what a walk has found.

use crate::jobs::JobError;
use klined_market::bars::Bar;
use klined_market::base::{Interval, Symbol, UnixSeconds};

/// A change of stored bars that takes a difference away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::jobs) enum Cure {
    /// A 1-minute bar that is lost is written.
    Put(Bar),
    /// A 1-minute bar takes the place of one with other numbers.
    Replace(Bar),
    /// The bar of an interval and label is removed.
    Remove(Interval, UnixSeconds),
    /// The roll-ups from an instant on are made again.
    Fold(UnixSeconds),
}

/// Receives the cures of a walk, in order of time for each symbol's 1-minute bars.
pub(in crate::jobs) trait Cures {
    /// Takes one.
    fn add(&mut self, symbol: Symbol, cure: Cure) -> Result<(), JobError>;
}

/// How a walk goes that is to put things right. Its roll-ups are folded from the bars as they will be.
pub(in crate::jobs) struct Mending<'a> {
    /// The last minute that has passed for the stock, in Unix seconds; bars after it are surplus.
    pub end: UnixSeconds,
    /// The market's present, when the stock is to be there. Its last bar may be earlier, as before a halt.
    pub present: Option<UnixSeconds>,
    /// Whether well-made bars with other numbers stay.
    pub keeps_edits: bool,
    pub cures: &'a mut dyn Cures,
}
