//! Which rows are made. With the feature `programs` these are flags of the command line.

#[cfg(feature = "programs")]
use crate::cli::values::{truth, whole};

/// Which rows are made.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "programs", derive(clap::Args), command(next_help_heading = "Rows"))]
pub struct RowArgs {
    /// Seed: the number that the whole market follows from
    #[cfg_attr(feature = "programs", arg(long, env = "FX_SEED", default_value = "1", value_parser = whole::<u64>))]
    pub seed: u64,
    /// Currency pairs, separated by commas [default: all 30]
    #[cfg_attr(feature = "programs", arg(long, env = "FX_PAIRS"))]
    pub pairs: Option<String>,
    /// Minimum number of rows of market_data per second
    #[cfg_attr(feature = "programs", arg(long = "market_data_min_eps", env = "FX_MARKET_DATA_MIN_EPS", default_value = "1000", value_parser = whole::<u64>))]
    pub market_data_min_eps: u64,
    /// Maximum number of rows of market_data per second
    #[cfg_attr(feature = "programs", arg(long = "market_data_max_eps", env = "FX_MARKET_DATA_MAX_EPS", default_value = "15000", value_parser = whole::<u64>))]
    pub market_data_max_eps: u64,
    /// Minimum number of rows of core_price per second
    #[cfg_attr(feature = "programs", arg(long = "core_min_eps", env = "FX_CORE_MIN_EPS", default_value = "800", value_parser = whole::<u64>))]
    pub core_min_eps: u64,
    /// Maximum number of rows of core_price per second
    #[cfg_attr(feature = "programs", arg(long = "core_max_eps", env = "FX_CORE_MAX_EPS", default_value = "1100", value_parser = whole::<u64>))]
    pub core_max_eps: u64,
    /// Minimum number of orders per second, all pairs together
    #[cfg_attr(feature = "programs", arg(long = "orders_min_per_sec", env = "FX_ORDERS_MIN_PER_SEC", default_value = "5", value_parser = whole::<u64>))]
    pub orders_min_per_sec: u64,
    /// Maximum number of orders per second, all pairs together
    #[cfg_attr(feature = "programs", arg(long = "orders_max_per_sec", env = "FX_ORDERS_MAX_PER_SEC", default_value = "30", value_parser = whole::<u64>))]
    pub orders_max_per_sec: u64,
    /// Number of rows of market_data after which the run ends
    #[cfg_attr(feature = "programs", arg(long = "total_market_data_events", env = "FX_TOTAL_MARKET_DATA_EVENTS", default_value = "1_000_000", value_parser = whole::<u64>))]
    pub total_market_data_events: u64,
    /// Time of the first row in ISO 8601, in UTC unless it has an offset [default: now]
    #[cfg_attr(feature = "programs", arg(long = "start_ts", env = "FX_START_TS"))]
    pub start_ts: Option<String>,
    /// Time at which the market of the run ends, in ISO 8601; all rows are earlier
    #[cfg_attr(feature = "programs", arg(long = "end_ts", env = "FX_END_TS"))]
    pub end_ts: Option<String>,
    /// Minimum number of levels on a side of a book
    #[cfg_attr(feature = "programs", arg(long = "min_levels", env = "FX_MIN_LEVELS", default_value = "5", value_parser = whole::<u64>))]
    pub min_levels: u64,
    /// Maximum number of levels on a side of a book
    #[cfg_attr(feature = "programs", arg(long = "max_levels", env = "FX_MAX_LEVELS", default_value = "5", value_parser = whole::<u64>))]
    pub max_levels: u64,
    /// Number of entities that trade, 1 to 1,000,000
    #[cfg_attr(feature = "programs", arg(long = "lei_pool_size", env = "FX_LEI_POOL_SIZE", default_value = "2000", value_parser = whole::<u64>))]
    pub lei_pool_size: u64,
    /// Maximum number of seconds that a worker makes at once, 1 to 86,400; it changes no row
    #[cfg_attr(feature = "programs", arg(long = "chunk_seconds", env = "FX_CHUNK_SECONDS", default_value = "900", value_parser = whole::<u64>))]
    pub chunk_seconds: u64,
    /// Accepted for command lines of the original generator, and without effect: prices follow from the seed, and nothing is fetched from Yahoo
    #[cfg_attr(feature = "programs", arg(long = "yahoo_refresh_secs", env = "FX_YAHOO_REFRESH_SECS", value_parser = whole::<u64>))]
    pub yahoo_refresh_secs: Option<u64>,
    /// Make a market without weekends and holidays
    #[cfg_attr(feature = "programs", arg(long = "always_open", env = "FX_ALWAYS_OPEN", num_args = 0..=1, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set, value_parser = truth))]
    pub always_open: bool,
}
