//! How fast bars are stored, each figure beside a reference that does no more than it must. `benches/store.sh` runs it.
//!
//! A figure is a function in a file of its own and a line in [`FIGURES`].

mod backfill;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/support/cluster.rs"]
mod cluster;
mod databases;
mod flat;
mod frame;
mod sqlite;

use frame::{Row, Sizes};

type Figure = fn(&Sizes) -> Vec<Row>;

const FIGURES: [(&str, Figure); 3] = [
    ("backfill-postgres", backfill::postgres),
    ("backfill-sqlite", backfill::sqlite),
    ("flat", flat::cost_per_bar),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let sizes = Sizes::of_environment();
    frame::print_head(&sizes);
    for (name, figure) in FIGURES {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            figure(&sizes).iter().for_each(Row::print);
        }
    }
}
