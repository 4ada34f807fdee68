//! What rows are turned into.

pub mod csv;
pub mod entities;
pub mod files;
#[cfg(feature = "programs")]
pub mod ilp;
#[cfg(feature = "parquet")]
pub mod parquet;
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

    /// The usual name in the database, and that of the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MarketData => "market_data",
            Self::CorePrice => "core_price",
            Self::FxTrades => "fx_trades",
        }
    }
}

/// The tables' names in the database: the usual ones with a suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames {
    suffix: String,
    names: [String; 3],
}

/// A suffix that no table can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" must be of letters, digits and underscores, {SUFFIX_MOST} at most")]
pub struct InvalidSuffix(String);

const SUFFIX_MOST: usize = 64;

impl TableNames {
    /// The names with a suffix, which may be empty.
    ///
    /// # Errors
    /// The suffix has other characters than ASCII letters, digits and underscores, or too many.
    pub fn with_suffix(suffix: &str) -> Result<Self, InvalidSuffix> {
        let is_plain = suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_plain || suffix.len() > SUFFIX_MOST {
            return Err(InvalidSuffix(suffix.to_owned()));
        }
        Ok(Self { suffix: suffix.to_owned(), names: Table::ALL.map(|table| format!("{}{suffix}", table.name())) })
    }

    /// A table's name.
    #[must_use]
    pub fn of(&self, table: Table) -> &str {
        &self.names[table as usize]
    }

    /// What stands behind each name.
    #[must_use]
    pub fn suffix(&self) -> &str {
        &self.suffix
    }
}

/// One value for each table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PerTable<T>(pub [T; 3]);

impl<T> PerTable<T> {
    /// The value of a table.
    #[must_use]
    pub fn get(&self, table: Table) -> &T {
        &self.0[table as usize]
    }

    /// The value of a table, to be changed.
    pub fn of(&mut self, table: Table) -> &mut T {
        &mut self.0[table as usize]
    }
}
