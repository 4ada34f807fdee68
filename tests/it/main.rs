//! The integration tests: one binary, one module a subject.

mod bars;
mod calendar;
mod full_model;
mod jobs;
mod layers;
mod model;
mod rollups;
mod support;
