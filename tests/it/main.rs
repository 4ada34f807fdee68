//! The integration tests: one binary, one module a subject.

mod bars;
mod calendar;
mod cli;
mod jobs;
mod layers;
mod model;
mod support;
