//! Flags and variables: the one place where the environment is read.
//!
//! One block a concern, each flag with its variable; a `.env` file in the working directory or above it fills in variables
//! that are not set. Below this module everything takes parameter types of its own.

mod calendar;
mod commands;
mod database;
mod log;
mod model;

pub use calendar::CalendarArgs;
pub use commands::{
    AggregatorArgs, BackfillArgs, CalendarCommand, GeneratorArgs, KlinedArgs, KlinedCommand, PaceArgs, UpArgs,
    VerifyArgs,
};
pub use database::DatabaseArgs;
pub use log::LogArgs;
pub use model::ModelArgs;

use anyhow::Context;
use clap::Parser;

/// Reads `.env` and the command line. Ends the process with status 2 and a message when the command line is wrong.
///
/// # Errors
/// `.env` is there and cannot be read.
pub fn read<Args: Parser>() -> anyhow::Result<Args> {
    match dotenvy::dotenv() {
        Ok(_) => {}
        Err(error) if error.not_found() => {}
        Err(error) => return Err(error).context("cannot read the .env file; correct or remove it"),
    }
    Ok(Args::parse())
}
