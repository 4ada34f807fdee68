//! Shards: a market's symbols divided among several processes.
//!
//! Which shard a symbol belongs to follows from its name alone: 64-bit FNV-1a of its bytes, the upper half folded onto the
//! lower by exclusive or, modulo the number of shards. So every version on every platform divides in the same way, and a symbol
//! that is added or removed moves no other symbol.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::Symbol;
use super::fnv::fnv1a_64;

/// One of a number of shards, or all of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    /// From 1.
    number: u8,
    of: u8,
}

/// A text that is not the name of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a shard: write i/n with i from 1 to n and n from 1 to {max}, such as 2/4", max = Shard::COUNT_MAX)]
pub struct InvalidShard(String);

impl Shard {
    /// The most shards that a market can be divided into.
    pub const COUNT_MAX: u8 = 64;
    /// The whole market.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Its number, from 1.
    #[must_use]
    pub fn number(self) -> u8 {
        self.number
    }

    /// How many shards there are.
    #[must_use]
    pub fn of(self) -> u8 {
        self.of
    }

    /// Whether it is not divided.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Whether it is the shard that does the work which a market needs once.
    #[must_use]
    pub fn is_first(self) -> bool {
        self.number == 1
    }

    /// Whether a symbol belongs to it.
    #[must_use]
    pub fn holds(self, symbol: Symbol) -> bool {
        self.holds_name(symbol.as_str())
    }

    /// Whether a text belongs to it, which need not be a valid symbol.
    #[must_use]
    pub fn holds_name(self, name: &str) -> bool {
        let hash = fnv1a_64(name);
        (hash ^ (hash >> 32)) % u64::from(self.of) == u64::from(self.number) - 1
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = InvalidShard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidShard(text.to_owned());
        let (number, of) = text.split_once('/').ok_or_else(invalid)?;
        let (number, of) = (number.parse().map_err(|_| invalid())?, of.parse().map_err(|_| invalid())?);
        if number == 0 || number > of || of > Self::COUNT_MAX {
            return Err(invalid());
        }
        Ok(Self { number, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_a_number_of_a_count() {
        for text in ["1/1", "2/4", "64/64"] {
            assert_eq!(text.parse::<Shard>().map(|shard| shard.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "1", "0/2", "3/2", "1/65", "1/0", "-1/2", "1/2/3", "a/b", " 1/2", "1/256"] {
            assert_eq!(text.parse::<Shard>(), Err(InvalidShard(text.to_owned())), "{text}");
        }
    }

    /// Databases are divided by these numbers: they may never change.
    #[test]
    fn the_division_is_pinned() {
        let shard_of = |name: &str| {
            let shards = (1..=4).map(|number| Shard { number, of: 4 });
            let holding: Vec<u8> = shards.filter(|shard| shard.holds_name(name)).map(Shard::number).collect();
            holding[..].try_into().map(|[number]: [u8; 1]| number).expect("exactly one shard holds it")
        };
        let names =
            ["AAPL", "TSLA", "MSFT", "AMZN", "GOOGL", "META", "NVDA", "BRK.B", "JPM", "V", "600000", "000001", ""];
        assert_eq!(names.map(shard_of), [1, 2, 1, 1, 4, 4, 4, 3, 4, 2, 2, 1, 2]);
    }

    #[test]
    fn stocks_are_divided_evenly() {
        let names: Vec<String> = (0..5400).map(|nth| format!("{:06}", 600_000 + nth)).collect();
        for of in [2, 3, 4, 8, 64] {
            for number in 1..=of {
                let held = names.iter().filter(|name| Shard { number, of }.holds_name(name)).count() as f64;
                let even = names.len() as f64 / f64::from(of);
                assert!((held - even).abs() < 5.0 * even.sqrt(), "{number}/{of}: {held} of {even}");
            }
        }
    }
}
