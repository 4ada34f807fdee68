//! The command line of `exchange-producer`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use klined_service::args::ServiceArgs;

use super::bars::BarsArgs;
use super::clickhouse::ClickHouseArgs;
use super::kafka::KafkaArgs;
use crate::model::{Curves, Parameters};
use crate::run::{ModelSpec, RunSpec, Security, SeedScheme, TradingDays, securities, time_of_day};

/// Makes an exchange's order events under a queue-reactive model and writes them to .qrsdp logs
///
/// By default the program makes the days as fast as it can (batch); with --realtime it keeps step with the clock. Events follow from the seed and
/// the parameters alone. A producer that was stopped or killed continues when it is started again with the same parameters, and writes the same
/// bytes as one that never stopped. SIGTERM and SIGINT end it at once, between two events. With --kafka-brokers a second job sends each event of
/// the logs to a Kafka topic exactly once, even if the producer or a broker was down for a time.
#[derive(Debug, Clone, Parser)]
#[command(name = "exchange-producer", version, args_conflicts_with_subcommands = true)]
pub struct ProducerArgs {
    #[command(subcommand)]
    pub command: Option<ProducerCommand>,
    /// Seed of the first security's first day
    #[arg(long, env = "EXCHANGE_SEED", default_value_t = 42)]
    pub seed: u64,
    /// Number of trading days to make; 0: until the program is stopped
    #[arg(long, env = "EXCHANGE_DAYS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub days: u32,
    /// Directory of the logs and the manifest [default: output/run_SEED]
    #[arg(long, env = "EXCHANGE_OUTPUT", value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Date of the first session, which may be a weekend day; see --trading-days for the dates after it
    #[arg(long, env = "EXCHANGE_START_DATE", value_name = "YYYY-MM-DD", default_value = "2026-01-02", value_parser = date)]
    pub start_date: NaiveDate,
    /// Days that have sessions: weekdays (the start date as it is, then Monday to Friday) or the trading days of a calendar: sse, nyse, 24x7, fx
    #[arg(long, env = "EXCHANGE_TRADING_DAYS", value_name = "CALENDAR", default_value = "weekdays")]
    pub trading_days: TradingDays,
    /// How seeds of sessions follow from --seed: sequential (as the original; seeds of two securities meet after 1,024 days) or distinct (no
    /// two sessions have the same seed)
    #[arg(long, env = "EXCHANGE_SEED_SCHEME", value_name = "SCHEME", value_enum, default_value_t = SeedSchemeName::Sequential)]
    pub seed_scheme: SeedSchemeName,
    /// Securities with their opening prices in ticks, such as AAPL:10000,MSFT:15000 [default: one security without a name]
    #[arg(long, env = "EXCHANGE_SECURITIES", value_name = "SYM:P0,…")]
    pub securities: Option<String>,
    #[command(flatten)]
    pub session: SessionArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub bars: BarsArgs,
    /// Number of records in a chunk of the log
    #[arg(long, env = "EXCHANGE_CHUNK_SIZE", value_name = "N", default_value_t = 4096)]
    pub chunk_size: u32,
    /// Report of the run (counts, sizes, rates) in Markdown [default: performance-results.md in the output directory]
    #[arg(long, env = "EXCHANGE_PERF_DOC", value_name = "FILE")]
    pub perf_doc: Option<PathBuf>,
    /// Number of threads in batch; the events do not depend on it [default: one for each processor]
    #[arg(long, env = "EXCHANGE_THREADS", value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// What the program does beside making events.
#[derive(Debug, Clone, Subcommand)]
pub enum ProducerCommand {
    /// Make the tables and views of the events in ClickHouse; existing tables and views stay unchanged
    ClickhouseSetup(ClickHouseArgs),
}

/// What a session starts as.
#[derive(Debug, Clone, Args)]
pub struct SessionArgs {
    /// Length of a session in seconds
    #[arg(long, env = "EXCHANGE_SECONDS", default_value_t = 23_400)]
    pub seconds: u32,
    /// Opening price in ticks, for the security without a name
    #[arg(long, env = "EXCHANGE_P0", value_name = "TICKS", default_value_t = 10_000, allow_negative_numbers = true)]
    pub p0: i32,
    /// Number of units at each level at the open and after a refill; 0 means 50
    #[arg(long, env = "EXCHANGE_DEPTH", default_value_t = 5)]
    pub depth: u32,
    /// Number of price levels on each side of the book, 1 to 64
    #[arg(long, env = "EXCHANGE_LEVELS", default_value_t = 5)]
    pub levels: u32,
    /// Least price of a bid in ticks, at which the market stops falling [default: none; prices can fall below zero]
    #[arg(long, env = "EXCHANGE_PRICE_FLOOR", value_name = "TICKS", allow_negative_numbers = true)]
    pub price_floor: Option<i32>,
    /// Time at which sessions open
    #[arg(long, env = "EXCHANGE_MARKET_OPEN", value_name = "HH:MM", default_value = "09:30", value_parser = time_of_day)]
    pub market_open: u32,
}

/// Names of the schemes of seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SeedSchemeName {
    Sequential,
    Distinct,
}

/// Which model, and its parameters.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// Model of the rates: simple (from the imbalance at the best prices), hlr (from curves of each queue's length) or qr-2 (simple, with fat tails, clusters, memory of trade signs, sizes, a U-shaped day and securities that move together)
    #[arg(long, env = "EXCHANGE_MODEL", value_enum, default_value_t = ModelName::Simple)]
    pub model: ModelName,
    /// JSON file of curves, such as exchange-calibrate writes; implies --model hlr
    #[arg(long, env = "EXCHANGE_HLR_CURVES", value_name = "FILE")]
    pub hlr_curves: Option<PathBuf>,
    /// Simple model: rate of limit orders on each side, per second
    #[arg(
        long = "base-L",
        env = "EXCHANGE_BASE_L",
        value_name = "RATE",
        default_value_t = 20.0,
        allow_negative_numbers = true
    )]
    pub base_limit: f64,
    /// Simple model: rate of cancellations for each unit in the book, per second
    #[arg(
        long = "base-C",
        env = "EXCHANGE_BASE_C",
        value_name = "RATE",
        default_value_t = 0.5,
        allow_negative_numbers = true
    )]
    pub base_cancel: f64,
    /// Simple model: base rate of market orders, per second; the other parameters multiply it
    #[arg(
        long = "base-M",
        env = "EXCHANGE_BASE_M",
        value_name = "RATE",
        default_value_t = 15.0,
        allow_negative_numbers = true
    )]
    pub base_market: f64,
    /// Simple model: effect of an imbalance on the rates; 0 or less means 1
    #[arg(
        long,
        env = "EXCHANGE_IMBALANCE_SENS",
        value_name = "X",
        default_value_t = 1.0,
        allow_negative_numbers = true
    )]
    pub imbalance_sens: f64,
    /// Simple model: factor of the rate of cancellations; 0 or less means 1
    #[arg(long, env = "EXCHANGE_CANCEL_SENS", value_name = "X", default_value_t = 1.0, allow_negative_numbers = true)]
    pub cancel_sens: f64,
    /// Simple model: rate of market orders without an imbalance, as a share of --base-M; 0 or less means 0.05
    #[arg(long, env = "EXCHANGE_EPSILON_EXEC", value_name = "X", default_value_t = 0.5, allow_negative_numbers = true)]
    pub epsilon_exec: f64,
    /// Simple model: effect of a wide spread, which brings more limit orders and fewer market orders; 0 or less: no effect
    #[arg(long, env = "EXCHANGE_SPREAD_SENS", value_name = "X", default_value_t = 0.4, allow_negative_numbers = true)]
    pub spread_sens: f64,
}

/// How fast.
#[derive(Debug, Clone, Args)]
pub struct PaceArgs {
    /// Write each event to the log at its own time, in step with the clock, instead of as fast as possible
    #[arg(long, env = "EXCHANGE_REALTIME")]
    pub realtime: bool,
    /// With --realtime: number of times faster than the clock. At 100 a session of 6.5 hours takes 4 minutes
    #[arg(long, env = "EXCHANGE_SPEED", value_name = "X", default_value_t = 100.0, value_parser = speed,
          allow_negative_numbers = true)]
    pub speed: f64,
}

/// The models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModelName {
    Simple,
    Hlr,
    #[value(name = "qr-2")]
    Rich,
}

pub(super) fn date(text: &str) -> Result<NaiveDate, String> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|date| date.to_string() == text);
    date.ok_or_else(|| "it must be a date as YYYY-MM-DD".to_owned())
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.001..=1_000_000.0).contains(&speed) => Ok(speed),
        _ => Err("it must be a number from 0.001 to 1000000".to_owned()),
    }
}

impl ModelArgs {
    fn parameters(&self) -> Parameters {
        Parameters {
            base_limit: self.base_limit,
            base_cancel: self.base_cancel,
            base_market: self.base_market,
            imbalance_sensitivity: self.imbalance_sens,
            cancel_sensitivity: self.cancel_sens,
            execution_floor: self.epsilon_exec,
            spread_sensitivity: self.spread_sens,
        }
    }

    fn spec(&self) -> anyhow::Result<ModelSpec> {
        if self.model == ModelName::Rich {
            let is_plain = self.hlr_curves.is_none() && self.parameters() == Parameters::default();
            ensure!(is_plain, "--model qr-2 takes neither --hlr-curves nor parameters of the simple model");
            return Ok(ModelSpec::Rich);
        }
        if let Some(path) = &self.hlr_curves {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let curves = Curves::from_json(&text).with_context(|| path.display().to_string())?;
            return Ok(ModelSpec::Curves(Box::new(curves)));
        }
        Ok(if self.model == ModelName::Hlr { ModelSpec::Hlr } else { ModelSpec::Simple(self.parameters()) })
    }
}

impl ProducerArgs {
    /// The directory that the run is written to.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| PathBuf::from(format!("output/run_{}", self.seed)))
    }

    /// The run that is asked for.
    ///
    /// # Errors
    /// Names the value that is not possible.
    pub fn spec(&self) -> anyhow::Result<RunSpec> {
        let list: Vec<Security> = self.securities.as_deref().map(securities).transpose()?.unwrap_or_default();
        let run = RunSpec {
            base_seed: self.seed,
            seed_scheme: match self.seed_scheme {
                SeedSchemeName::Sequential => SeedScheme::Sequential,
                SeedSchemeName::Distinct => SeedScheme::Distinct,
            },
            securities: list,
            p0_ticks: self.session.p0,
            tick_size: 100,
            session_seconds: self.session.seconds,
            market_open_s: self.session.market_open,
            levels: self.session.levels,
            spread_ticks: 2,
            depth: self.session.depth,
            start_date: self.start_date,
            trading_days: self.trading_days.clone(),
            price_floor_ticks: self.session.price_floor,
            chunk_capacity: self.chunk_size,
            model: self.model.spec()?,
        };
        run.check()?;
        Ok(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        ProducerArgs::command().debug_assert();
    }
}
