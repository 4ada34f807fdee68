//! The program `market-backfill`.

fn main() {}
