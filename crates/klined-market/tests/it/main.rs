//! The integration tests of the pure market: one binary, one module a subject.

mod asked;
mod bars;
mod calendar;
mod calendars;
mod drift;
mod full_model;
mod limits;
mod model;
mod sample;
mod scenarios;
mod ticks;
mod universe;
