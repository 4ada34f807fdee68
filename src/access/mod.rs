//! Who may ask, how often, and with which faults: keys, rate limits, chaos profiles.

pub mod chaos;
pub mod keys;
pub mod limits;
