//! The integration tests: one binary, one module a subject.

mod bars;
mod calendar;
mod check;
mod cli;
mod daemons;
mod deploy;
mod drift;
mod faults;
mod full_model;
mod health;
mod jobs;
mod layers;
mod limits;
mod logs;
mod model;
mod operations;
mod realism;
mod restarts;
mod retention;
mod rollups;
mod scenarios;
mod schema;
mod store;
mod supervision;
mod support;
mod universe;
