//! The random streams: only this file makes them.
//!
//! A stream is ChaCha8 (D. J. Bernstein, "ChaCha, a variant of Salsa20", 8 rounds) under a key that spells out
//! what it is for: 8 bytes of seed, 4 bytes of purpose, 20 bytes of symbol
//! (or of a sector's key, or zeros for the whole market); the 64-bit nonce is the date, the minute's start for what
//! each minute draws alone, or a number. The key is the names themselves and no hash of them, so two streams never coincide.

use chrono::{Datelike, NaiveDate};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::symbol::SYMBOL_LENGTH_MAX;
use super::{SectorKey, Symbol, UnixSeconds};

/// The number from which a whole market follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

/// The purpose of a random stream. Its bytes are part of the stream's key, so a new purpose changes no draw of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Prices and volumes, a fixed number of draws a bar.
    Bars,
    /// The regime chain's redraws.
    Regime,
    /// The state in which a symbol starts.
    Listing,
    /// The draws that a symbol takes once a day, before its open.
    SymbolDay,
    /// The draws that the whole market takes once a day, before its open.
    MarketDay,
    /// The market factor, a fixed number of draws a bar.
    MarketBars,
    /// The redraws of the market's own regime chain.
    MarketRegime,
    /// A sector's factor, a fixed number of draws a bar.
    SectorBars,
    /// An invented universe: the draws that its stocks share, and those of each stock.
    Universe,
    /// The trades and quotes inside a minute; a stream for each minute.
    Ticks,
    /// Turnover and number of trades, one draw a bar.
    Traded,
    /// The length of the queue at a price limit, one draw a day.
    LimitQueue,
    /// Which requests of an API key are answered with a fault, a fixed number of draws a request.
    RequestFaults,
    /// Which messages of a WebSocket get a fault, a fixed number of draws a message; a stream for each connection.
    MessageFaults,
    /// What a foreign exchange market draws; which of its parts draws is in the stream's name.
    ForeignExchange,
}

impl Stream {
    fn tag(self) -> [u8; 4] {
        match self {
            Self::Bars => *b"bars",
            Self::Regime => *b"regi",
            Self::Listing => *b"list",
            Self::SymbolDay => *b"sday",
            Self::MarketDay => *b"mday",
            Self::MarketBars => *b"mbar",
            Self::MarketRegime => *b"mreg",
            Self::SectorBars => *b"sect",
            Self::Universe => *b"univ",
            Self::Ticks => *b"tick",
            Self::Traded => *b"trad",
            Self::LimitQueue => *b"lque",
            Self::RequestFaults => *b"freq",
            Self::MessageFaults => *b"fmsg",
            Self::ForeignExchange => *b"fxmk",
        }
    }
}

impl Seed {
    /// The stream of one purpose, one symbol and one trading day, at its beginning.
    #[must_use]
    pub fn stream(self, purpose: Stream, symbol: &Symbol, date: NaiveDate) -> ChaCha8Rng {
        self.stream_named(purpose, symbol.padded(), date)
    }

    /// The stream of one purpose, one symbol and one minute, given by its start. A purpose has streams of days or of
    /// minutes, not both.
    #[must_use]
    pub fn minute_stream(self, purpose: Stream, symbol: &Symbol, minute_start: UnixSeconds) -> ChaCha8Rng {
        self.stream_numbered(purpose, symbol.padded(), minute_start.get().cast_unsigned())
    }

    /// The stream of one purpose and one trading day that all symbols share.
    #[must_use]
    pub fn market_stream(self, purpose: Stream, date: NaiveDate) -> ChaCha8Rng {
        self.stream_named(purpose, &[0; SYMBOL_LENGTH_MAX], date)
    }

    /// The stream of one purpose and one trading day that the symbols of a sector share.
    #[must_use]
    pub fn sector_stream(self, purpose: Stream, sector: SectorKey, date: NaiveDate) -> ChaCha8Rng {
        let mut name = [0; SYMBOL_LENGTH_MAX];
        let key = sector.to_bytes();
        name[..key.len()].copy_from_slice(&key);
        self.stream_named(purpose, &name, date)
    }

    /// The stream of one purpose that is of no symbol and no time but has a number, such as a connection's.
    #[must_use]
    pub fn counted_stream(self, purpose: Stream, number: u64) -> ChaCha8Rng {
        self.stream_numbered(purpose, &[0; SYMBOL_LENGTH_MAX], number)
    }

    fn stream_named(self, purpose: Stream, name: &[u8; SYMBOL_LENGTH_MAX], date: NaiveDate) -> ChaCha8Rng {
        self.stream_numbered(purpose, name, u64::from(date.num_days_from_ce().unsigned_abs()))
    }

    /// The stream of one purpose under a name that is padded with zero bytes, and a number.
    #[must_use]
    pub fn stream_numbered(self, purpose: Stream, name: &[u8; SYMBOL_LENGTH_MAX], nonce: u64) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.0.to_le_bytes());
        key[8..12].copy_from_slice(&purpose.tag());
        key[12..].copy_from_slice(name);
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream(nonce);
        stream
    }
}

/// A uniform number in the open interval (0, 1) from the 52 high bits of a word: never 0, never 1, so its logarithm is
/// finite. With 53 bits the largest would round to 1.
#[must_use]
pub fn open_unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::Rng;

    fn first(seed: u64, purpose: Stream, symbol: &str, day: u32) -> u64 {
        let date = NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
        Seed(seed).stream(purpose, &symbol.parse().unwrap(), date).next_u64()
    }

    #[test]
    fn every_part_of_the_key_makes_another_stream() {
        let reference = first(1, Stream::Bars, "AAPL", 5);
        assert_eq!(reference, first(1, Stream::Bars, "AAPL", 5));
        for other in [
            first(2, Stream::Bars, "AAPL", 5),
            first(1, Stream::Regime, "AAPL", 5),
            first(1, Stream::Bars, "AAPLX", 5),
            first(1, Stream::Bars, "AAPL", 6),
        ] {
            assert_ne!(reference, other);
        }
    }

    #[test]
    fn the_open_unit_interval_is_open() {
        assert!(open_unit(0) > 0.0);
        assert!(open_unit(u64::MAX) < 1.0);
    }
}
