//! The market as columns and as files.

mod files;
mod layouts;
mod rows;

use std::convert::Infallible;
use std::num::NonZeroUsize;

use arrow_array::RecordBatch;
use klined_data::columns::{Dataset, Style};
use klined_data::market::{InvalidMarket, Listed, MadeMarket, MarketChoice};
use klined_data::pipeline::{Cut, Job};
use klined_market::base::{Seed, Symbol};
use klined_market::calendar::{Calendar, Hours};
use klined_market::universe::{StockCount, Universe};
use klined_testing::date;

fn symbols(texts: &[&str]) -> Vec<Symbol> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn choice(seed: u64, universe: Universe, hours: Hours) -> MarketChoice {
    MarketChoice::new(Seed(seed), universe, Calendar::of(hours))
}

/// Stocks of the demo with seed 31, listed with the range.
fn demo(texts: &[&str], from: &str, to: &str) -> Result<MadeMarket, InvalidMarket> {
    let choice = choice(31, Universe::demo(), Hours::Sse);
    MadeMarket::new(choice, &symbols(texts), date(from), date(to), Listed::WithTheRange)
}

/// Many stocks on two days.
fn many(count: u16) -> MadeMarket {
    let choice = choice(31, Universe::ashare(StockCount::new(count).unwrap()), Hours::Sse);
    MadeMarket::new(choice, &[], date("2026-03-02"), date("2026-03-03"), Listed::WithTheRange).unwrap()
}

/// The pieces of a job: its days, the place of its symbol, its rows.
fn pieces(
    market: &MadeMarket,
    dataset: Dataset,
    style: Style,
    threads: usize,
    cut: Cut,
) -> Vec<(String, usize, RecordBatch)> {
    let job = Job::whole(dataset, style, market.days(), NonZeroUsize::new(threads).unwrap()).cut(cut);
    let mut pieces = Vec::new();
    job.run(market, |piece| {
        pieces.push((piece.days[0].to_string(), piece.place, piece.batch));
        Ok::<_, Infallible>(())
    })
    .unwrap();
    pieces
}

/// All rows of a job.
fn batches(market: &MadeMarket, dataset: Dataset, threads: usize) -> Vec<RecordBatch> {
    let pieces = pieces(market, dataset, Style::default(), threads, Cut::default());
    pieces.into_iter().map(|(_, _, batch)| batch).collect()
}
