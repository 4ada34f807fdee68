//! A seeded foreign exchange market, into QuestDB or into files: parses, composes, runs.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use klined_fx::cli::args::{Cli, with_underscores};

fn main() -> ExitCode {
    let cli = Cli::parse_from(with_underscores(std::env::args_os()));
    #[expect(clippy::disallowed_methods, reason = "the program's edge: what a missing --start_ts means")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as i64);
    match klined_fx::cli::run::run(&cli, now, &mut std::io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fx-generator: {error:#}");
            ExitCode::FAILURE
        }
    }
}
