//! The integration tests: one binary, one module a subject.

#![allow(unsafe_code, reason = "signals and limits for the programs under test")]

mod backfill;
mod bars;
mod calendar;
mod check;
mod cli;
mod clients;
mod daemons;
mod deploy;
mod document;
mod drift;
mod faults;
mod feed;
mod foresight;
mod full_model;
mod health;
mod jobs;
mod layers;
mod limits;
mod logs;
mod model;
mod operations;
mod page;
mod realism;
mod restarts;
mod retention;
mod rollups;
mod scenarios;
mod schema;
mod serve;
mod shards;
mod store;
mod supervision;
mod support;
mod ticks;
mod time;
mod universe;
mod variables;
