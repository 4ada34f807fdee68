//! What the crate promises, on the market itself and through the program.

mod auth;
mod database;
mod defects;
mod faults;
mod files;
mod laws;
mod program;
mod purity;
mod queries;
mod questdb;
mod realism;
mod service;
mod tls;

use klined_fx::base::{Hours, Pair};
use klined_fx::market::{Market, MarketSettings, OrderRate};
use klined_fx::pipeline::Job;
use klined_fx::plan::{Plan, RowRate};
use klined_fx::rows::Depth;
use klined_market::base::Seed;

/// An instant of a text, in Unix seconds.
fn at(text: &str) -> i64 {
    klined_fx::choice::times::parse_instant(text).unwrap() / 1_000_000_000
}

fn market(seed: u64) -> Market {
    let orders = OrderRate { least: 5, most: 30 };
    Market::new(MarketSettings { seed: Seed(seed), hours: Hours::Week, levels: 5, orders })
}

fn job(seed: u64, start: i64, end: Option<i64>, book_rows: u64, workers: usize) -> Job {
    let plan = Plan {
        hours: Hours::Week,
        start,
        end,
        book_rate: RowRate { least: 200, most: 900 },
        core_rate: RowRate { least: 50, most: 90 },
        book_rows,
    };
    Job {
        market: market(seed),
        pairs: Pair::all().to_vec(),
        depth: Depth { least: 5, most: 5 },
        plan,
        workers,
        block_seconds: 1,
    }
}
