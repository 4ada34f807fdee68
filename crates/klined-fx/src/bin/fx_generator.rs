//! A seeded foreign exchange market, into QuestDB or into files: parses, composes, runs.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use klined_fx::cli::args::{Cli, with_underscores};
use klined_fx::cli::run::{Edge, run};

#[expect(clippy::disallowed_methods, reason = "the program's edge: here the time of day comes in")]
fn now_nanos() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_nanos() as i64)
}

fn main() -> ExitCode {
    let cli = Cli::parse_from(with_underscores(std::env::args_os()));
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(&stop)) {
            eprintln!("fx-generator: cannot listen for signal {signal}: {error}");
            return ExitCode::FAILURE;
        }
    }
    match run(&cli, &Edge { now_nanos: &now_nanos, stop: &stop, say: &|line| println!("{line}") }) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fx-generator: {error:#}");
            ExitCode::FAILURE
        }
    }
}
