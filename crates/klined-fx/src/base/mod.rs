//! What the market is made of: currencies, pairs, hours, random streams.

pub mod currency;
pub mod normal_draws;
pub mod pair;
pub mod streams;
pub mod week;

pub use currency::{Currency, LEGS};
pub use pair::{PAIRS, Pair, TICKS_PER_PIP, UnknownPair};
pub use streams::{Part, Streams};
pub use week::{DAY_MINUTES, DAY_SECONDS, FxDay, Hours, NoMarket};
