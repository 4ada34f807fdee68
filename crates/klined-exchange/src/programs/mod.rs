//! The command line programs: what they read, and how they end. Real time enters here and nowhere below.

mod bars;
mod calibrate;
mod clickhouse;
mod convert;
mod feed;
mod kafka;
mod listen;
mod logs;
mod pace;
mod performance;
mod produce;
mod producer;
mod scorecard;

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use klined_service::args::RuntimeArgs;
use klined_service::command_line::variables_of;
use klined_service::run_program;

pub use calibrate::{CalibrateArgs, run as calibrate};
pub use clickhouse::{ClickHouseServerArgs, clickhouse_name};
pub use feed::{FeedArgs, main as feed};
#[cfg(feature = "platform")]
pub use kafka::check_brokers;
pub use kafka::{SecurityArgs, topic as kafka_topic};
pub use listen::{ListenArgs, main as listen};
pub use logs::{LogArgs, run as log};
pub use produce::main as produce;
pub use producer::ProducerArgs;

/// Reads the command line and runs a program to its end: status 0 for a clean end, 1 for a failure, 2 for a wrong command line.
pub fn main<Args: Parser>(run: impl FnOnce(Args) -> anyhow::Result<()>) -> ExitCode {
    run_program(&variables(), |_| RuntimeArgs::default(), async |args, _| run(args).map(|()| ExitCode::SUCCESS))
}

/// The variables that any of the programs reads; they may share one `.env`.
#[must_use]
pub fn variables() -> BTreeSet<String> {
    let commands = [
        ProducerArgs::command(),
        LogArgs::command(),
        CalibrateArgs::command(),
        FeedArgs::command(),
        ListenArgs::command(),
    ];
    commands.iter().flat_map(variables_of).collect()
}
