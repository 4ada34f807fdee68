//! The integration tests: one binary, one module a subject.

mod bars;
mod calendar;
mod jobs;
mod layers;
mod model;
mod rollups;
mod schema;
mod store;
mod support;
