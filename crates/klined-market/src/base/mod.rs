//! The types that every layer uses: prices, symbols, instruments, intervals, time and the clock, the seed, shards.

pub mod board;
pub mod clock;
pub(crate) mod fnv;
pub mod instrument;
pub mod interval;
pub mod ohlcv;
pub mod price;
pub mod seed;
pub mod shard;
pub mod symbol;
pub mod time;

pub use board::{Board, OrderSizes, PriceLimits, UnknownBoard};
pub use clock::{Clock, MarketClock, Pace};
pub use instrument::{DailyVolatility, Instrument, InvalidInstrument, SectorKey};
pub use interval::{Interval, UnknownInterval};
pub use ohlcv::{InvalidOhlcv, InvalidTraded, Ohlcv, Traded};
pub use price::{InvalidPrice, Price};
pub use seed::{Seed, Stream};
pub use shard::{InvalidShard, Shard};
pub use symbol::{InvalidSymbol, Symbol};
pub use time::{BeyondNanos, Nanos, Seconds, UnixNanos, UnixSeconds};
