//! The five programs: what each does between its command line and its exit status. What all daemons share is
//! [`klined_service`].
//!
//! Real time enters the program here and nowhere below.

mod aggregator;
mod api;
mod backfill;
mod check;
mod clock;
mod commands;
mod confirm;
mod generator;
mod health;
mod inspect;
mod keys;
mod realism;
mod reload;
mod renew;
mod up;
mod welcome;
mod work;

pub use backfill::run as run_backfill;
pub use commands::run as run_klined;
