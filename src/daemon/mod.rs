//! The five programs: what each does between its command line and its exit status. What all daemons share is
//! [`klined_service`].
//!
//! Real time enters the program here and nowhere below.

mod aggregator;
mod api;
mod backfill;
pub mod check;
pub mod clock;
mod commands;
mod confirm;
mod export;
mod fake;
mod fake_place;
mod generator;
mod health;
mod inspect;
pub mod keys;
mod market_api;
mod realism;
mod relay;
mod reload;
mod renew;
mod sample;
mod up;
mod welcome;
mod work;

pub use backfill::run as run_backfill;
pub use commands::run as run_klined;
