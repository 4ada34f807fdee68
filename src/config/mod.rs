//! Flags and variables of the five programs, one block a concern, each flag with its variable. [`klined_service`] reads them and
//! adds those that all daemons share. Below this module everything takes parameter types of its own.

mod calendar;
mod commands;
mod database;
mod export;
mod keys;
mod model;
mod pace;
mod realism;
mod retention;
mod server;
mod shard;
mod universe;
mod up;
mod variables;

pub use calendar::{CalendarArgs, MarketCalendarArgs};
pub use commands::{
    AggregatorArgs, ApiArgs, BackfillArgs, CalendarCommand, GeneratorArgs, KeyCommand, KlinedArgs, KlinedCommand,
    RepairArgs, ResetCommand, StoredMarketArgs, VerifyArgs,
};
pub use database::DatabaseArgs;
pub use export::ExportCommand;
pub use keys::{KEYS_FILE, KeyFileArgs, KeysCommand, ReplaceKeyArgs};
pub use model::{ModelArgs, ParameterArgs};
pub use pace::PaceArgs;
pub use realism::{RealismArgs, SYMBOL_DAYS_MAX};
pub use retention::RetentionArgs;
pub use server::{KeysFrom, ServerArgs};
pub use shard::ShardArgs;
pub use universe::{UniverseArgs, UniverseCommand};
pub use up::UpArgs;
pub use variables::variables;
