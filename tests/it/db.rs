//! What databases hold: stores and jobs on SQLite and on a PostgreSQL server of the tests' own.

mod agreement;
mod backfill;
mod feed;
mod finite;
mod foresight;
mod jobs;
mod models;
mod repair;
mod replication;
mod retention;
mod rollups;
mod scenarios;
mod schema;
mod scripts;
mod shards;
mod store;
mod timescale;
mod turnover;
mod universe;
mod verify;
