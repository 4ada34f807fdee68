//! The market's server: what it gives is what the database holds, read past it with plain SQL; what it refuses, it refuses in
//! time and without a word too much.

mod alpaca;
mod chaos;
mod flooding;
mod fuzzing;
mod guarding;
mod names;
mod polygon;
mod reading;
mod running;
mod snapshots;
mod socket;
mod strangers;
mod ticks;
mod vendors;
mod wide;
