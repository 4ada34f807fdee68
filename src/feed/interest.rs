//! Which symbols somebody wants: nothing is worked out for the others.

use std::collections::BTreeMap;

use klined_market::base::Symbol;

/// Counts of wishes.
#[derive(Debug, Default)]
pub(super) struct Interest {
    /// How many want each symbol by its name; none that nobody wants.
    named: BTreeMap<Symbol, usize>,
    /// How many want all.
    everything: usize,
    /// Grows with every change.
    version: u64,
}

impl Interest {
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn wants_everything(&self) -> bool {
        self.everything > 0
    }

    pub fn named(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.named.keys().copied()
    }

    pub fn add(&mut self, symbol: Symbol) {
        self.version += 1;
        *self.named.entry(symbol).or_default() += 1;
    }

    pub fn remove(&mut self, symbol: &Symbol) {
        self.version += 1;
        if let Some(count) = self.named.get_mut(symbol) {
            *count -= 1;
            if *count == 0 {
                self.named.remove(symbol);
            }
        }
    }

    pub fn add_everything(&mut self) {
        self.version += 1;
        self.everything += 1;
    }

    pub fn remove_everything(&mut self) {
        self.version += 1;
        self.everything = self.everything.saturating_sub(1);
    }
}
