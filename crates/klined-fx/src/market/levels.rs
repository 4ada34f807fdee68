//! What is said of the levels of a book: how many there can be, and why their prices are unusual.

/// The most levels a book may have on a side.
pub const LEVELS_MAX: usize = 100;
/// Levels beyond those of the book that stand ready for those that orders eat.
pub const SPARE_LEVELS: usize = 3;

/// Why a price is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    Normal,
    News,
    Liquidity,
}

impl Reason {
    /// The name in `core_price.reason`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::News => "news_event",
            Self::Liquidity => "liquidity_event",
        }
    }
}
