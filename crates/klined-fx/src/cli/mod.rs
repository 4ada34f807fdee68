//! The command line of `fx-generator`.

pub mod args;
pub mod files;
pub mod request;
pub mod run;
pub mod values;
