//! Symbols: the short names that instruments are traded under.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The most bytes a symbol may have (`varchar(20)`).
pub const SYMBOL_LENGTH_MAX: usize = 20;

/// 1 to 20 printable ASCII characters without spaces, quotes, commas or backslashes, such as `AAPL`, `BRK.B` or
/// `600519`. Ordered by bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol([u8; SYMBOL_LENGTH_MAX]);

/// A text that is no symbol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a symbol: it must have 1 to 20 ASCII letters, digits or . - _ ^ = : /")]
pub struct InvalidSymbol(pub String);

impl Symbol {
    /// The name, padded with zero bytes: different symbols have different bytes, so it can key a random stream.
    #[must_use]
    pub fn padded(&self) -> &[u8; SYMBOL_LENGTH_MAX] {
        &self.0
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(SYMBOL_LENGTH_MAX);
        // The constructor lets only ASCII in, so this never falls back.
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl FromStr for Symbol {
    type Err = InvalidSymbol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_^=:/".contains(&byte);
        if text.is_empty() || text.len() > SYMBOL_LENGTH_MAX || !text.bytes().all(allowed) {
            return Err(InvalidSymbol(text.to_owned()));
        }
        let mut bytes = [0; SYMBOL_LENGTH_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_name_and_its_order() {
        let symbols: Vec<Symbol> = ["600519", "AAPL", "BRK.B", "V"].map(|text| text.parse().unwrap()).to_vec();
        assert!(symbols.is_sorted());
        assert_eq!(symbols[2].to_string(), "BRK.B");
    }

    #[test]
    fn refuses_what_a_database_or_a_shell_could_stumble_over() {
        for text in ["", " ", "A B", "A'B", "A,B", "ABCDEFGHIJKLMNOPQRSTU", "Ä", "A\0"] {
            assert_eq!(text.parse::<Symbol>(), Err(InvalidSymbol(text.to_owned())));
        }
    }
}
