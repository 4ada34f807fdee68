//! Tests of the crate as its users have it: the library's public items, and the programs as processes.

mod calibrate;
mod defects;
mod disk;
mod feed;
mod golden;
mod log;
mod logs;
mod producer;
mod receiver;
mod refusals;
mod scorecard;
mod support;
mod variants;
