//! Flags and variables of the five programs, one block a concern, each flag with its variable. [`klined_service`] reads them and
//! adds those that all daemons share. Below this module everything takes parameter types of its own.

mod calendar;
mod commands;
mod database;
mod export;
mod keys;
mod model;
mod realism;
mod server;
mod shard;
mod universe;
mod variables;

pub use calendar::CalendarArgs;
pub use commands::{
    AggregatorArgs, ApiArgs, BackfillArgs, CalendarCommand, GeneratorArgs, KeyCommand, KlinedArgs, KlinedCommand,
    PaceArgs, RepairArgs, ResetCommand, RetentionArgs, StoredMarketArgs, UpArgs, VerifyArgs,
};
pub use database::DatabaseArgs;
pub use export::ExportCommand;
pub use keys::{KEYS_FILE, KeyFileArgs, KeysCommand, ReplaceKeyArgs};
pub use model::{ModelArgs, ParameterArgs};
pub use realism::{RealismArgs, SYMBOL_DAYS_MAX};
pub use server::{KeysFrom, ServerArgs};
pub use shard::ShardArgs;
pub use universe::{UniverseArgs, UniverseCommand};
pub use variables::variables;
