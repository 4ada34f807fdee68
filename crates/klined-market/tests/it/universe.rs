//! Universes: invented A-shares, CSV files, and what a database is filled with.

mod ashare;
mod files;
mod filling;

use klined_market::base::Seed;
use klined_market::universe::{StockCount, UniverseRow, csv};

fn stocks(count: u16, seed: u64) -> Vec<UniverseRow> {
    klined_market::universe::ashare(StockCount::new(count).unwrap(), Seed(seed))
}

fn as_csv(rows: &[UniverseRow]) -> String {
    let mut text = Vec::new();
    csv::write(rows, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}
