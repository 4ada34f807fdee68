//! The program `data-aggregator`.

fn main() {}
