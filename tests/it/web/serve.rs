//! The market's server: what it gives is what the database holds, read past it with plain SQL; what it refuses, it refuses in
//! time and without a word too much.

mod alpaca;
mod chaos;
mod csv;
mod fake;
mod flooding;
mod fuzzing;
mod guarding;
mod heads;
mod hours;
mod indicators;
mod keys;
mod names;
mod parameters;
mod passing;
mod polygon;
mod quiet;
mod quote_lines;
mod reading;
mod relaying;
mod running;
mod seconds;
mod snapshots;
mod socket;
mod strangers;
mod sums;
mod tdx;
mod ticks;
mod turnover;
mod tushare;
mod v1;
mod vendors;
mod wide;
