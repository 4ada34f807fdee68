//! The command line. The flags about one export have no variables; the database and the calendar have those of all programs.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand};

use klined::config::{CalendarArgs, DatabaseArgs, ParameterArgs};
use klined_data::columns::{Label, Layout, Prices};
use klined_data::files::{FileFormat, PartitionBy};
use klined_market::base::{Interval, Symbol};
use klined_market::calendar::Hours;
use klined_market::model::ModelKind;
use klined_market::universe::UniverseChoice;

/// Writes bars, trades, quotes, stocks or trading days as Parquet, CSV, JSON or Arrow files
///
/// With --seed the rows are made from the seed, without a database. Without it they are read from the database.
#[derive(Debug, Clone, Parser)]
#[command(name = "klined-export", version)]
pub struct ExportArgs {
    #[command(subcommand)]
    pub command: ExportCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ExportCommand {
    /// Bars: symbol, time, open, high, low, close, volume, turnover, trades
    Bars(Box<BarsCommand>),
    /// Trades: symbol, time, id, price, size, side
    Trades(Box<TicksCommand>),
    /// Quotes, one for each change of the best bid or ask: symbol, time, id, bid, bid_size, ask, ask_size
    Quotes(Box<TicksCommand>),
    /// Stocks with the parameters that the model has of them
    Universe(Box<UniverseCommand>),
    /// Sessions of trading days: date, session, open, close, minutes, is_projected
    Calendar(Box<CalendarCommand>),
}

#[derive(Debug, Clone, Args)]
pub struct BarsCommand {
    /// Interval: 1m, 5m, 15m, 30m, 60m, 120m, 1d, 1w or 1M
    #[arg(long, value_name = "INTERVAL", default_value_t = Interval::Minute1)]
    pub interval: Interval,

    /// Label each bar with the start of its first minute or with the end of its last one
    #[arg(long, value_name = "start|end", default_value_t = Label::Start, conflicts_with = "layout")]
    pub label: Label,

    /// Columns, names and units of a library, in place of those above; see docs/DATA.md
    #[arg(long, value_name = "akshare|tushare|qlib|yfinance|vnpy")]
    pub layout: Option<Layout>,

    #[command(flatten)]
    pub rows: RowsArgs,
    #[command(flatten)]
    pub out: OutArgs,
    #[command(flatten)]
    pub source: SourceArgs,
}

#[derive(Debug, Clone, Args)]
pub struct TicksCommand {
    #[command(flatten)]
    pub rows: RowsArgs,
    #[command(flatten)]
    pub out: OutArgs,
    #[command(flatten)]
    pub source: SourceArgs,
}

#[derive(Debug, Clone, Args)]
pub struct UniverseCommand {
    #[command(flatten)]
    pub out: SheetArgs,
    #[command(flatten)]
    pub source: SourceArgs,
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
    #[arg(long, default_value_t = Hours::Sse, value_name = "NAME", help_heading = "Calendar")]
    pub calendar: Hours,

    #[command(flatten)]
    pub changes: CalendarArgs,
    #[command(flatten)]
    pub out: SheetArgs,
}

/// Which rows of a market.
#[derive(Debug, Clone, Args)]
pub struct RowsArgs {
    /// Only these stocks, separated by commas [default: all stocks]
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = symbol)]
    pub symbols: Vec<Symbol>,

    /// First day (YYYY-MM-DD) [default: the first day of the database; 2026-01-01 with --seed]
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,

    /// Last day, included [default: the last day of the database; 2026-03-31 with --seed]
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,

    /// Type of prices: double precision, or decimal with two decimals
    #[arg(long, value_name = "float|decimal", default_value_t = Prices::Float)]
    pub prices: Prices,

    /// Threads that make rows; their number does not change the rows [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), allow_negative_numbers = true)]
    pub threads: Option<u16>,
}

/// A file, whatever its rows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct SheetArgs {
    /// File to write, or - for standard output
    #[arg(long, value_name = "PATH|-")]
    pub out: PathBuf,

    /// Format of the file [default: the one that the name's ending means]
    #[arg(long, value_name = "parquet|csv|jsonl|arrow")]
    pub format: Option<FileFormat>,

    /// Replace a file that exists
    #[arg(long)]
    pub overwrite: bool,

    /// Maximum number of rows in a row group of Parquet
    #[arg(long, value_name = "N", default_value = "131072", value_parser = clap::value_parser!(u32).range(1..=100_000_000),
          allow_negative_numbers = true)]
    pub row_group: u32,
}

/// A file, or a directory of files.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutArgs {
    #[command(flatten)]
    pub sheet: SheetArgs,

    /// Write a directory with a file for each date, each symbol or both, as in date=2026-03-02/symbol=AAPL/part-0.parquet
    #[arg(long, value_name = "date|symbol|date,symbol", conflicts_with = "overwrite")]
    pub partition: Option<PartitionBy>,
}

/// Where the rows come from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Market")]
pub struct SourceArgs {
    /// Make the rows from this seed, without a database
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Stocks: demo, synth, ashare:N with N from 1 to 5429, or a CSV file [default with --seed: demo]
    #[arg(long, value_name = "demo|synth|ashare:N|FILE.csv", requires = "seed")]
    pub universe: Option<UniverseChoice>,

    /// Model: full, or gbm for plain geometric Brownian motion [default with --seed: full]
    #[arg(long, value_name = "full|gbm", requires = "seed")]
    pub model: Option<ModelKind>,

    /// TOML files with events that the market must go through; day 1 is the day of the listing
    #[arg(long, value_name = "FILE,FILE", value_delimiter = ',', requires = "seed")]
    pub scenario: Vec<PathBuf>,

    /// Day on which all stocks are listed at their base prices. All bars depend on it, so ranges are parts of one market only if they name
    /// the same day [default with --seed: the first day of the range]
    #[arg(long, value_name = "DATE", requires = "seed")]
    pub listed: Option<NaiveDate>,

    /// Hours and days: sse (Shanghai), nyse (New York), 24x7 (every minute of UTC) or fx (Sunday to Friday 17:00 New York)
    /// [default with --seed: sse]
    #[arg(long, value_name = "NAME", requires = "seed")]
    pub calendar: Option<Hours>,

    #[command(flatten)]
    pub parameters: ParameterArgs,
    #[command(flatten)]
    pub changes: CalendarArgs,
    // Before the block whose values it looks at: reading takes them away.
    #[command(flatten)]
    pub named: NamedDatabase,
    #[command(flatten)]
    pub database: DatabaseArgs,
}

/// Whether the command line itself names a database, besides the variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedDatabase(pub bool);

impl Args for NamedDatabase {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for NamedDatabase {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(matches.value_source("db_url") == Some(ValueSource::CommandLine)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A stock of a list, which may have blanks around its commas.
fn symbol(text: &str) -> Result<Symbol, <Symbol as std::str::FromStr>::Err> {
    text.trim().parse()
}

impl RowsArgs {
    /// The threads that are asked for, or as many as there are processors.
    #[must_use]
    pub fn threads(&self) -> NonZeroUsize {
        let asked = self.threads.and_then(|threads| NonZeroUsize::new(usize::from(threads)));
        asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}
