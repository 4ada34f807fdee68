//! Which requests are served, how many, and with which faults: keys, rate limits, the guard in front of every route, chaos profiles.
//! It knows of a dialect only the [`guard::Rules`] that it is handed.

pub mod chaos;
pub mod faults;
pub mod guard;
pub mod key_file;
pub mod keys;
pub mod limits;
pub mod metrics;
pub mod visitors;
