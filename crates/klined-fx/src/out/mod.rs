//! What rows are turned into.

pub mod csv;
pub mod entities;
pub mod ilp;
pub mod text;

/// The three tables, in the order in which a second's rows are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    MarketData,
    CorePrice,
    FxTrades,
}

impl Table {
    pub const ALL: [Self; 3] = [Self::MarketData, Self::CorePrice, Self::FxTrades];

    /// The name in the database and of the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MarketData => "market_data",
            Self::CorePrice => "core_price",
            Self::FxTrades => "fx_trades",
        }
    }
}

/// One value for each table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PerTable<T>(pub [T; 3]);

impl<T> PerTable<T> {
    /// The value of a table.
    pub fn of(&mut self, table: Table) -> &mut T {
        &mut self.0[table as usize]
    }
}
