//! A market that is made from its seed, without a database: the same bars, trades and quotes as the daemons write and serve.

mod choice;
mod days;
mod made;
mod universe;

pub use choice::{InvalidMarket, Listed, MarketChoice, shortened};
pub use days::{InvalidDays, trading_days};
pub use made::{MadeMarket, MadeWalk};
pub use universe::{UnusableUniverse, read_universe, stocks};
