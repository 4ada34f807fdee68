//! Flags and variables of the five programs, one block a concern, each flag with its variable. [`klined_service`] reads them and
//! adds those that all daemons share. Below this module everything takes parameter types of its own.

mod calendar;
mod commands;
mod database;
mod export;
mod fake;
mod keys;
mod model;
mod pace;
mod realism;
mod relay;
mod retention;
mod sample;
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
pub use fake::FakeArgs;
pub use keys::{KEYS_FILE, KeyFileArgs, KeysCommand, ReplaceKeyArgs};
pub use model::{ModelArgs, ParameterArgs};
pub use pace::PaceArgs;
pub use realism::{RealismArgs, SYMBOL_DAYS_MAX};
pub use relay::RelayArgs;
pub use retention::RetentionArgs;
pub use sample::SampleCommand;
pub use server::{KeysFrom, ServerArgs};
pub use shard::ShardArgs;
pub use universe::{UniverseArgs, UniverseCommand, universe};
pub use up::UpArgs;
pub use variables::variables;
