//! Tests of the crate as its users have it: the library's public items, and the programs as processes.

mod calibrate;
mod golden;
mod log;
mod logs;
mod producer;
