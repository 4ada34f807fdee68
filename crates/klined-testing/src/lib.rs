//! What the tests of all crates share: the exchange's time, small markets, statistical tests, comparisons.
//!
//! A crate under test has this one as a dev-dependency. The checks of the repository itself, layers, sizes of files, paths,
//! glossary, are its integration tests (`tests/house`).
#![forbid(unsafe_code)]

pub mod compare;
pub mod http;
#[cfg(feature = "servers")]
pub mod kafka;
pub mod market;
pub mod postgres;
#[cfg(feature = "servers")]
pub mod servers;
pub mod stats;
pub mod time;

pub use compare::{assert_has, assert_same, first_difference};
pub use time::{SHANGHAI, SHANGHAI_MINUTES, at, date, minute, trading_days_from};

use std::path::{Path, PathBuf};

/// A file or folder of the repository, by its path from the root.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
