//! A book at an instant.

use super::ladder::LEVELS_MAX;

const ROOM: usize = LEVELS_MAX + 8;

/// A book at an instant, best levels first. Prices are in units of the quote currency, each the double nearest to its
/// decimal number; sizes are in units of the base currency, whole numbers.
#[derive(Debug, Clone)]
pub struct Book {
    /// How many levels of each side hold.
    pub levels: usize,
    pub(super) bid_prices: [f64; ROOM],
    pub(super) bid_sizes: [f64; ROOM],
    pub(super) ask_prices: [f64; ROOM],
    pub(super) ask_sizes: [f64; ROOM],
}

/// The best prices and sizes of a book.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    pub bid_price: f64,
    pub bid_size: f64,
    pub ask_price: f64,
    pub ask_size: f64,
}

impl Default for Book {
    fn default() -> Self {
        let none = [0.0; ROOM];
        Self { levels: 0, bid_prices: none, bid_sizes: none, ask_prices: none, ask_sizes: none }
    }
}

impl Book {
    /// The best prices and sizes of a book of at least one level.
    #[must_use]
    pub fn best(&self) -> Best {
        Best {
            bid_price: self.bid_prices[0],
            bid_size: self.bid_sizes[0],
            ask_price: self.ask_prices[0],
            ask_size: self.ask_sizes[0],
        }
    }

    #[must_use]
    pub fn bid_prices(&self) -> &[f64] {
        &self.bid_prices[..self.levels]
    }

    #[must_use]
    pub fn bid_sizes(&self) -> &[f64] {
        &self.bid_sizes[..self.levels]
    }

    #[must_use]
    pub fn ask_prices(&self) -> &[f64] {
        &self.ask_prices[..self.levels]
    }

    #[must_use]
    pub fn ask_sizes(&self) -> &[f64] {
        &self.ask_sizes[..self.levels]
    }
}
