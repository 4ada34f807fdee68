//! The random streams of the market: one for each part of it, each pair and each day, minute or second.

use klined_market::base::{Seed, Stream};
use rand_chacha::ChaCha8Rng;

use super::pair::Pair;

/// Which part of the market draws. Its name is in the stream's key, so no two parts share a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A year's level, by the year.
    Year,
    /// A day's displacement and volatility, by the day's first second.
    Day,
    /// The news of a day, by the day's first second.
    News,
    /// A pair's dry spells of a day, by the day's first second.
    DrySpells,
    /// A pair's spread through a day, by the day's first second.
    Spread,
    /// The minutes of a day, by the day's first second.
    Minutes,
    /// The seconds of a minute, by its first second.
    Seconds,
    /// The path within a second.
    Path,
    /// A pair's sizes within a second.
    Sizes,
    /// The orders of a minute, by its first second.
    Orders,
    /// How many rows each second of a minute has, by its first second.
    Plan,
    /// Times and pairs of a second's book rows.
    BookRows,
    /// Times and pairs of a second's price rows.
    CoreRows,
    /// The legal entities that trade.
    Entities,
}

impl Part {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Year => b"year",
            Self::Day => b"day",
            Self::News => b"news",
            Self::DrySpells => b"dry",
            Self::Spread => b"spread",
            Self::Minutes => b"minutes",
            Self::Seconds => b"seconds",
            Self::Path => b"path",
            Self::Sizes => b"sizes",
            Self::Orders => b"orders",
            Self::Plan => b"plan",
            Self::BookRows => b"books",
            Self::CoreRows => b"cores",
            Self::Entities => b"entities",
        }
    }
}

/// The maker of the market's streams.
#[derive(Debug, Clone, Copy)]
pub struct Streams(pub Seed);

impl Streams {
    /// A stream that all pairs share.
    #[must_use]
    pub fn market(self, part: Part, number: i64) -> ChaCha8Rng {
        self.named(part, b"", number)
    }

    /// A stream of one pair.
    #[must_use]
    pub fn pair(self, part: Part, pair: Pair, number: i64) -> ChaCha8Rng {
        self.named(part, pair.symbol().as_bytes(), number)
    }

    fn named(self, part: Part, symbol: &[u8], number: i64) -> ChaCha8Rng {
        let mut name = [0; 20];
        let part = part.name();
        name[..part.len()].copy_from_slice(part);
        name[12..12 + symbol.len()].copy_from_slice(symbol);
        self.0.stream_numbered(Stream::ForeignExchange, &name, number.cast_unsigned())
    }
}
