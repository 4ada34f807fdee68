//! The flags. Underscores and hyphens are alike; each flag has a variable, which the command line overrides.

use std::path::PathBuf;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use klined_service::args::ServiceArgs;

use super::values::{truth, whole};
use crate::choice::RowArgs;

/// Makes a foreign exchange market from a seed, and writes it to QuestDB or to files.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "fx-generator",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    allow_negative_numbers = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub generate: GenerateArgs,
    /// Print the plan of the run, and make nothing
    #[arg(long = "dry-run", env = "FX_DRY_RUN")]
    pub dry_run: bool,
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// The command line with each flag also under its other spelling.
#[derive(Debug, Clone)]
pub struct Program(pub Cli);

/// Lets each flag be written with hyphens as well as with underscores.
fn with_both_spellings(command: clap::Command) -> clap::Command {
    let both = |arg: clap::Arg| {
        let Some(long) = arg.get_long().map(str::to_owned) else { return arg };
        let [hyphens, underscores] = [long.replace('_', "-"), long.replace('-', "_")];
        let other = [hyphens, underscores].into_iter().find(|spelling| *spelling != long);
        match other {
            // The command line lives as long as the program.
            Some(other) => arg.alias(&*other.leak()),
            None => arg,
        }
    };
    command.mut_args(both).mut_subcommands(with_both_spellings)
}

impl CommandFactory for Program {
    fn command() -> clap::Command {
        with_both_spellings(Cli::command())
    }

    fn command_for_update() -> clap::Command {
        with_both_spellings(Cli::command_for_update())
    }
}

impl FromArgMatches for Program {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Cli::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Parser for Program {}

/// What else the program does.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Measure markets and compare each figure with its band; the exit status is 1 when a figure lies outside its band
    Realism(RealismArgs),
    /// Compare a database with the market that the flags of a run describe; the exit status is 1 when they differ
    Verify(Box<GenerateArgs>),
}

/// How time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// One second of the market each second of the clock
    RealTime,
    /// As fast as QuestDB or the disk takes the rows
    FasterThanLife,
}

/// How rows reach QuestDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    Http,
    Tcp,
}

/// How files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Csv,
    #[cfg(feature = "parquet")]
    Parquet,
}

#[derive(Debug, Clone, Args)]
pub struct GenerateArgs {
    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub rows: RowArgs,
    /// Pace of the market's time; required for a run
    #[arg(long, env = "FX_MODE", value_enum)]
    pub mode: Option<Mode>,
    /// Number of threads that make rows, 1 to 256
    #[arg(long, env = "FX_PROCESSES", default_value = "4", value_parser = whole::<u64>)]
    pub processes: u64,
    /// Continue at the second of the newest rows in the database
    #[arg(long, env = "FX_INCREMENTAL", num_args = 0..=1, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set, value_parser = truth)]
    pub incremental: bool,
    /// Give the tables and views that are created a time to live: 3 days for prices and books, a month for trades
    #[arg(long = "short_ttl", env = "FX_SHORT_TTL", num_args = 0..=1, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set, value_parser = truth)]
    pub short_ttl: bool,
    /// Storage policies of QuestDB Enterprise for tables that are created: only false is accepted
    #[arg(long, env = "FX_ENTERPRISE", num_args = 0..=1, default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set, value_parser = truth)]
    pub enterprise: bool,
    /// Text to append to the name of each table and view, such as _test
    #[arg(long, env = "FX_SUFFIX", default_value = "")]
    pub suffix: String,
    /// Create the materialized views that are missing
    #[arg(long = "create_views", env = "FX_CREATE_VIEWS", num_args = 0..=1, default_value = "true", default_missing_value = "true", action = clap::ArgAction::Set, value_parser = truth)]
    pub create_views: bool,
    /// Write the rows to files instead of QuestDB: file:DIRECTORY
    #[arg(long, env = "FX_TO")]
    pub to: Option<String>,
    /// Format of the files
    #[arg(long, env = "FX_FORMAT", value_enum, default_value = "csv")]
    pub format: Format,
}

/// Where QuestDB is and who asks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "QuestDB")]
pub struct ServerArgs {
    /// Host name or address of QuestDB
    #[arg(long, env = "FX_HOST", default_value = "127.0.0.1")]
    pub host: String,
    /// Port of QuestDB's PostgreSQL protocol
    #[arg(long = "pg_port", env = "FX_PG_PORT", default_value_t = 8812)]
    pub pg_port: u16,
    /// Port of QuestDB's HTTP server
    #[arg(long = "http_port", env = "FX_HTTP_PORT", default_value_t = 9000)]
    pub http_port: u16,
    /// Port of QuestDB's line protocol over TCP, for --protocol tcp
    #[arg(long = "ilp_port", env = "FX_ILP_PORT", default_value_t = 9009)]
    pub ilp_port: u16,
    /// User of the PostgreSQL protocol
    #[arg(long, env = "FX_USER", default_value = "admin")]
    pub user: String,
    /// Password of the user of the PostgreSQL protocol
    #[arg(long, env = "FX_PASSWORD", default_value = "quest", hide_env_values = true)]
    pub password: String,
    /// File whose first line is the password of --user
    #[arg(long = "password_file", env = "FX_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
    /// Token of the line protocol: a bearer token over HTTP, a private key (d) over TCP. It switches TLS on
    #[arg(long, env = "FX_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// File whose first line is the token
    #[arg(long = "token_file", env = "FX_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Coordinate x of the token's public key, for TCP
    #[arg(long = "token_x", env = "FX_TOKEN_X")]
    pub token_x: Option<String>,
    /// Coordinate y of the token's public key, for TCP
    #[arg(long = "token_y", env = "FX_TOKEN_Y")]
    pub token_y: Option<String>,
    /// User of the line protocol
    #[arg(long = "ilp_user", env = "FX_ILP_USER", default_value = "admin")]
    pub ilp_user: String,
    /// Password of --ilp_user, for HTTP
    #[arg(long = "ilp_password", env = "FX_ILP_PASSWORD", hide_env_values = true)]
    pub ilp_password: Option<String>,
    /// File whose first line is the password of --ilp_user
    #[arg(long = "ilp_password_file", env = "FX_ILP_PASSWORD_FILE")]
    pub ilp_password_file: Option<PathBuf>,
    /// Protocol that carries the rows to QuestDB
    #[arg(long, env = "FX_PROTOCOL", value_enum, default_value = "http")]
    pub protocol: Protocol,
    /// Send rows over TLS [default: true with --token or --tls_ca, else false]
    #[arg(long, env = "FX_TLS", num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set, value_parser = truth)]
    pub tls: Option<bool>,
    /// PEM file of the certificate authority that signed the server's certificate
    #[arg(long = "tls_ca", env = "FX_TLS_CA")]
    pub tls_ca: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct RealismArgs {
    /// Seeds of the markets to measure, separated by commas
    #[arg(long, env = "FX_REALISM_SEEDS", default_value = "101,102,103")]
    pub seeds: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_variable_and_both_spellings() {
        fn look(command: &clap::Command) {
            let flags = command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()));
            for arg in flags {
                let long = arg.get_long().unwrap_or_else(|| panic!("{} has no long form", arg.get_id()));
                assert!(arg.get_env().is_some(), "--{long} has no variable");
                let other = arg.get_all_aliases().unwrap_or_default();
                assert!(!long.contains(['_', '-']) || other.len() == 1, "--{long} has one spelling");
            }
            command.get_subcommands().for_each(look);
        }
        let command = Program::command();
        look(&command);
        command.debug_assert();
    }
}
