//! What every layer speaks of: prices, symbols, instruments, intervals, the clock, the seed, shards.

pub mod board;
pub mod clock;
pub mod instrument;
pub mod interval;
pub mod ohlcv;
pub mod price;
pub mod seed;
pub mod shard;
pub mod symbol;

pub use board::{Board, OrderSizes, PriceLimits, UnknownBoard};
pub use clock::{Clock, MarketClock, Pace, UnixNanos, UnixSeconds};
pub use instrument::{DailyVolatility, Instrument, InvalidInstrument, SectorKey};
pub use interval::{Interval, UnknownInterval};
pub use ohlcv::{InvalidOhlcv, Ohlcv};
pub use price::{InvalidPrice, Price};
pub use seed::{Seed, Stream};
pub use shard::{InvalidShard, Shard};
pub use symbol::{InvalidSymbol, Symbol};
