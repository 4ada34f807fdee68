//! The market's server: what it gives is what the database holds, read past it with plain SQL; what it refuses, it refuses in
//! time and without a word too much.

mod alpaca;
mod chaos;
mod flooding;
mod fuzzing;
mod guarding;
mod heads;
mod hours;
mod keys;
mod names;
mod parameters;
mod polygon;
mod quiet;
mod reading;
mod running;
mod snapshots;
mod socket;
mod strangers;
mod ticks;
mod turnover;
mod v1;
mod vendors;
mod wide;
