//! The types that every layer uses: prices, symbols, instruments, intervals, time and the clock, the seed, shards.

pub mod board;
pub mod bounds;
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
pub mod timeframe;
pub mod trade_law;
pub mod venue;

pub use board::{Board, OrderSizes, PriceLimits, UnknownBoard};
pub use bounds::PriceBounds;
pub use clock::{Clock, MarketClock, Pace};
pub use instrument::{AnnualDrift, DailyVolatility, Instrument, InvalidInstrument, SectorKey};
pub use interval::{Interval, UnknownInterval};
pub use ohlcv::{InvalidOhlcv, InvalidTraded, Ohlcv, Traded};
pub use price::{InvalidPrice, Price};
pub use seed::{Seed, Stream};
pub use shard::{InvalidShard, Shard};
pub use symbol::{InvalidSymbol, Symbol};
pub use time::{BeyondNanos, Nanos, Seconds, UnixNanos, UnixSeconds};
pub use timeframe::{TimeUnit, Timeframe, UnknownTimeframe};
pub use trade_law::TradeLaw;
pub use venue::Venue;
