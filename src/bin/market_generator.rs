//! The program `market-generator`.

fn main() {}
