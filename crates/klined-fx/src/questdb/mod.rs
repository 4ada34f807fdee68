//! The market in QuestDB: tables, rows, back-pressure, proof.

pub mod ingest;
pub mod pressure;
pub mod schema;
pub mod send;
pub mod server;
pub mod verify;
