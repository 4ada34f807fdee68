//! How fast bars are stored, each figure beside a reference that does no more than it must. `benches/store.sh` runs it.
//!
//! A figure is a function in a file of its own and a line in [`FIGURES`].

#![allow(clippy::disallowed_methods, reason = "a benchmark is told its sizes by the environment and reads the clock")]

mod aggregate;
mod backfill;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/support/cluster.rs"]
mod cluster;
mod databases;
mod flat;
mod frame;
mod month;
mod sqlite;

use frame::{Row, Sizes};

type Figure = fn(&Sizes) -> Vec<Row>;

/// Name, whether it takes so long that it is only run when asked for, and what it does.
const FIGURES: [(&str, bool, Figure); 7] = [
    ("backfill-postgres", false, backfill::postgres),
    ("backfill-sqlite", false, backfill::sqlite),
    ("aggregate-postgres", false, aggregate::postgres),
    ("aggregate-sqlite", false, aggregate::sqlite),
    ("flat", false, flat::cost_per_bar),
    ("large", true, backfill::large),
    ("month", true, month::hot_updates),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let sizes = Sizes::of_environment();
    frame::print_head(&sizes);
    for (name, is_long, figure) in FIGURES {
        if wanted.iter().any(|word| name.contains(word.as_str())) || wanted.is_empty() && !is_long {
            figure(&sizes).iter().for_each(Row::print);
        }
    }
}
