//! The integration tests: one binary, one module a subject.

mod bars;
mod calendar;
mod cli;
mod daemons;
mod drift;
mod full_model;
mod jobs;
mod layers;
mod limits;
mod model;
mod realism;
mod restarts;
mod rollups;
mod scenarios;
mod schema;
mod store;
mod support;
mod universe;
