//! The symbols that clients have subscribed to. The pump computes no others.

use std::collections::BTreeMap;

use klined_market::base::Symbol;

/// Counts of subscriptions.
#[derive(Debug, Default)]
pub(super) struct Interest {
    /// The number of subscriptions to each symbol by name, at least one.
    named: BTreeMap<Symbol, usize>,
    /// The number of subscriptions to all symbols.
    everything: usize,
    /// Increases with every change.
    version: u64,
}

impl Interest {
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn has_all(&self) -> bool {
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

    pub fn add_all(&mut self) {
        self.version += 1;
        self.everything += 1;
    }

    pub fn remove_all(&mut self) {
        self.version += 1;
        self.everything = self.everything.saturating_sub(1);
    }
}
