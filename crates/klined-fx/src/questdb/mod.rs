//! The market in QuestDB: tables, rows, back-pressure, proof.

pub mod ingest;
pub mod pace;
pub mod pressure;
pub mod progress;
mod proof;
mod resume;
pub mod run;
pub mod schema;
pub mod send;
pub mod server;
pub mod verify;
mod watch;
