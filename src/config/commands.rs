//! The command lines of the five programs.

use std::str::FromStr;

use chrono::NaiveDate;
use clap::{ArgGroup, Args, Parser, Subcommand};

use klined_service::args::{CheckArgs, LogArgs, RuntimeArgs, ServiceArgs};

use super::{
    CalendarArgs, DatabaseArgs, ExportCommand, FakeArgs, KeysCommand, MarketCalendarArgs, ModelArgs, PaceArgs,
    ParameterArgs, RealismArgs, RelayArgs, RetentionArgs, SampleCommand, ServerArgs, ShardArgs, UniverseArgs,
    UniverseCommand, UpArgs,
};
use crate::jobs::Window;
use klined_market::base::{Interval, Symbol};
use klined_market::calendar::Hours;

fn share(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 100.0 && text.ends_with('%') => Ok(share / 100.0),
        _ => Err("it must be a percentage above 0% and at most 100%, such as 5%".to_owned()),
    }
}

/// An interval that is rolled up.
fn rolled(text: &str) -> Result<Interval, String> {
    let found = Interval::ROLLED.into_iter().find(|interval| interval.as_str() == text);
    found.ok_or_else(|| "it must be one of 5m 15m 30m 60m 120m 1d 1w 1M".to_owned())
}

/// A stock of a list, which may have blanks around its commas.
fn symbol(text: &str) -> Result<Symbol, <Symbol as FromStr>::Err> {
    text.trim().parse()
}

/// Makes 1-minute K-lines in the exchange's sessions
///
/// The program sleeps outside of sessions. Within them it wakes on each minute and writes the minute that has just ended, with
/// the state and last price of each stock and the status of the market, in one transaction. After downtime it first writes
/// every minute that was missed. The bars follow from the seed alone: a generator that was killed and started again writes the
/// same bytes.
#[derive(Debug, Clone, Parser)]
#[command(name = "market-generator", version)]
pub struct GeneratorArgs {
    /// Test mode: skip closed hours instead of waiting for them; the market's time continues from the last bar
    #[arg(long, env = "KLINED_TEST")]
    pub test: bool,

    #[command(flatten)]
    pub pace: PaceArgs,

    /// Write only these stocks, separated by commas; the other stocks get no bars [default: all stocks]
    #[arg(long, env = "KLINED_SYMBOLS", value_name = "A,B", value_delimiter = ',', value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    #[command(flatten)]
    pub shard: ShardArgs,
    #[command(flatten)]
    pub retention: RetentionArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub universe: UniverseArgs,
    #[command(flatten)]
    pub calendar: MarketCalendarArgs,
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Rolls 1-minute K-lines up to 5m 15m 30m 60m 120m 1d 1w 1M
///
/// Each run adds the 1-minute bars that were written since the last run, and keeps the open bars current. 1-minute bars that
/// came late or were changed are detected, and their roll-ups are repaired.
#[derive(Debug, Clone, Parser)]
#[command(name = "data-aggregator", version)]
pub struct AggregatorArgs {
    /// Minutes between two runs
    #[arg(long, env = "KLINED_AGGREGATE_MINUTES", value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=1440), allow_negative_numbers = true)]
    pub interval: u32,

    /// Run once and exit
    #[arg(long, env = "KLINED_AGGREGATE_ONCE")]
    pub once: bool,

    /// Compute turnover and number of trades of the 1-minute bars that earlier versions wrote without them, roll them up, and exit
    #[arg(long, conflicts_with_all = ["once", "lookback_hours"])]
    pub fill_turnover: bool,

    /// After the run, make all roll-ups of this interval again from their 1-minute bars, and write those that are missing or differ
    #[arg(long, value_name = "5m|15m|30m|60m|120m|1d|1w|1M", value_parser = rolled, requires = "once",
          conflicts_with = "lookback_hours")]
    pub interval_only: Option<Interval>,

    /// Roll up only this stock [default: all stocks]
    #[arg(long, env = "KLINED_AGGREGATE_SYMBOL", value_name = "SYMBOL")]
    pub symbol: Option<Symbol>,

    /// In the first run, compute the roll-ups of the last H hours of each stock again, whether or not its bars were changed
    #[arg(long, env = "KLINED_LOOKBACK_HOURS", value_name = "H", value_parser = clap::value_parser!(u32).range(1..=1_000_000),
          allow_negative_numbers = true)]
    pub lookback_hours: Option<u32>,

    #[command(flatten)]
    pub shard: ShardArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub calendar: CalendarArgs,
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Serves a market over HTTP and WebSocket
///
/// The server only reads. Any number of servers may run on one database, beside the generator that writes it.
#[derive(Debug, Clone, Parser)]
#[command(name = "market-api", version)]
pub struct ApiArgs {
    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub relay: RelayArgs,
    #[command(flatten)]
    pub fake: FakeArgs,
    #[command(flatten)]
    pub parameters: ParameterArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub calendar: CalendarArgs,
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Fills a market with history
///
/// The history ends with the last finished trading minute, so that the generator continues without a gap or a price jump.
/// The program also writes its roll-ups. A stock that already has bars continues from its last bar. The program can be
/// interrupted at any moment; the same command continues.
#[derive(Debug, Clone, Parser)]
#[command(name = "market-backfill", version,
          group = ArgGroup::new("window").required(true).args(["days", "from"]))]
pub struct BackfillArgs {
    /// Fill the last N trading days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=20_000),
          allow_negative_numbers = true)]
    pub days: Option<u16>,

    /// Fill from this day on (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,

    /// Fill to this day, included (YYYY-MM-DD)
    #[arg(long, value_name = "DATE", requires = "from")]
    pub to: Option<NaiveDate>,

    /// Fill only this stock, at most up to the newest minute of the market's other stocks
    #[arg(long, value_name = "SYMBOL")]
    pub symbol: Option<Symbol>,

    /// First remove the bars of all stocks and the market's seed, or with --symbol the bars of that stock
    #[arg(long)]
    pub clear: bool,

    /// Remove without asking you to confirm
    #[arg(long, requires = "clear")]
    pub yes: bool,

    #[command(flatten)]
    pub shard: ShardArgs,
    #[command(flatten)]
    pub check: CheckArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub universe: UniverseArgs,
    #[command(flatten)]
    pub calendar: MarketCalendarArgs,
    #[command(flatten)]
    pub log: LogArgs,
}

impl BackfillArgs {
    /// The days that are asked for.
    #[must_use]
    pub fn window(&self) -> Window {
        match (self.days, self.from) {
            (_, Some(from)) => Window::Range { from, to: self.to },
            (days, None) => Window::Days(usize::from(days.unwrap_or(1))),
        }
    }
}

/// A synthetic stock market that runs as daemons
///
/// Without a command the program runs `up`.
#[derive(Debug, Clone, Parser)]
#[command(name = "klined", version, args_conflicts_with_subcommands = true)]
pub struct KlinedArgs {
    #[command(subcommand)]
    pub command: Option<KlinedCommand>,
    #[command(flatten)]
    pub up: UpArgs,
}

impl KlinedArgs {
    /// The threads that the command line asks for.
    #[must_use]
    pub fn runtime(&self) -> RuntimeArgs {
        match &self.command {
            None => self.up.run.runtime,
            Some(KlinedCommand::Up(args)) => args.run.runtime,
            Some(_) => RuntimeArgs::default(),
        }
    }
}

#[derive(Debug, Clone, Subcommand)]
pub enum KlinedCommand {
    /// Set up a market with history and run it in this process
    Up(Box<UpArgs>),
    /// Print trading days or minutes
    Calendar(CalendarCommand),
    /// Print a universe as CSV
    Universe(UniverseCommand),
    Export(ExportCommand),
    /// Check a database: compute every bar again and compare; the exit status is 1 when an error is found
    ///
    /// The bars are computed from seed, model, listings, parameters and scenarios, and every table is compared with the others. The
    /// command writes nothing, so it can check a read-only copy or a standby, and the daemons may be running.
    Verify(VerifyArgs),
    /// Put back what `verify` finds missing or changed, after it has shown what it will change and asked
    ///
    /// Bars, roll-ups, states, last prices, checkpoints, halts and watermarks are made again from seed, model, listings, parameters and
    /// scenarios. Bars of symbols that are no stocks of the market are removed. Scenarios and edits of stock_metadata stay. No generator
    /// and no aggregator may be running. When the command is interrupted, the same command goes on.
    Repair(RepairArgs),
    /// Remove the market of a database after you confirm it; the next `klined up` begins a new one
    ///
    /// All bars, prices and states and the market's seed are removed. The stocks in stock_metadata stay.
    Reset(ResetCommand),
    /// Make an API key for the market's server
    ///
    /// Standard output gets the entry for the file of --api-keys. Standard error gets the key itself, which is stored nowhere.
    Key(KeyCommand),
    /// List the keys in a file, or replace one of them
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Compare bars that are made in memory with real A-shares, by 16 metrics with their bands
    ///
    /// The command needs no database. The exit status is 0 when every metric is within its band, 1 when one is not.
    Realism(RealismArgs),
    /// Print sample bars of the regimes bull, bear and sideways
    ///
    /// The command needs no database. One regime lasts through all bars, so its drift and volatility can be seen.
    Sample(SampleCommand),
}

#[derive(Debug, Clone, Args)]
pub struct KeyCommand {
    /// Name of the person or program that the key is for
    pub name: String,

    /// Add a table of example faults to the entry; the faults of the key's requests and messages follow from this seed
    #[arg(long, value_name = "SEED", value_parser = clap::value_parser!(u64).range(..=i64::MAX.cast_unsigned()))]
    pub chaos: Option<u64>,
}

#[derive(Debug, Clone, Args)]
pub struct CalendarCommand {
    /// First day (YYYY-MM-DD)
    #[arg(long, value_name = "DATE")]
    pub from: NaiveDate,

    /// Last day, included
    #[arg(long, value_name = "DATE")]
    pub to: NaiveDate,

    /// Hours and days: sse (Shanghai), nyse (New York), 24x7 (every minute of UTC) or fx (Sunday to Friday 17:00 New York)
    #[arg(long, env = "KLINED_CALENDAR", default_value_t, value_name = "sse|nyse|24x7|fx", help_heading = "Calendar")]
    pub calendar: Hours,

    /// Print the start of each trading minute, in Unix seconds, instead of the days
    #[arg(long)]
    pub minutes: bool,

    #[command(flatten)]
    pub changes: CalendarArgs,
}

#[derive(Debug, Clone, Args)]
pub struct ResetCommand {
    /// Remove without asking you to confirm
    #[arg(long)]
    pub yes: bool,

    #[command(flatten)]
    pub database: DatabaseArgs,
}

#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Check the bars of only this share of the stocks, such as 5%; each run chooses other stocks. The other tables are checked for
    /// all stocks
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub sample: Option<f64>,

    #[command(flatten)]
    pub market: StoredMarketArgs,
}

#[derive(Debug, Clone, Args)]
pub struct RepairArgs {
    /// Show what would be changed, and change nothing; the exit status is 1 when there is anything
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,

    /// Change without a question
    #[arg(long)]
    pub yes: bool,

    /// Leave bars that are well made and differ from the market's, as an operator's edits; a stock's last bar is repaired in any case
    #[arg(long)]
    pub keep_edits: bool,

    #[command(flatten)]
    pub market: StoredMarketArgs,
}

/// Which market a database is compared with.
#[derive(Debug, Clone, Args)]
pub struct StoredMarketArgs {
    /// Seed of a market that has lost its row of market_identity [default: the seed of the database]
    #[arg(long, env = "KLINED_SEED", value_name = "N")]
    pub seed: Option<u64>,

    #[command(flatten)]
    pub parameters: ParameterArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Calendar of a market that has lost its row of market_identity [default: the calendar of the database]
    #[arg(long = "calendar", env = "KLINED_CALENDAR", value_name = "sse|nyse|24x7|fx", help_heading = "Calendar")]
    pub hours: Option<Hours>,

    #[command(flatten)]
    pub changes: CalendarArgs,
}
