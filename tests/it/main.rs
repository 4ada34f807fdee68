//! The integration tests of the programs: one binary, a module for each tier of `./test.sh`, in it a module a subject.
//!
//! What needs neither a database nor a program is tested in the crate that it belongs to.

mod db;
mod programs;
mod support;
mod web;
