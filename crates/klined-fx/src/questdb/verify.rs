//! Checks a database against the market: for each block of seconds and each pair, the number of rows, the sum of their
//! instants within the second and the sums of their prices and sizes.

use std::collections::BTreeMap;

use thiserror::Error;

use super::proof::{instant, window};
use super::server::{Server, ServerError};
use crate::base::{NoMarket, Pair};
use crate::market::Fill;
use crate::out::{PerTable, Table, TableNames};
use crate::pipeline::{Encode, Flow, Job, PipelineError};
use crate::rows::{BookRow, CoreRow, Sink};

/// A database that could not be checked.
#[derive(Debug, Error)]
pub enum VerifyError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Making(#[from] PipelineError<NoMarket, Box<ServerError>>),
}

/// Rows of one pair in one block: their number, then sums.
type Sums = [f64; 6];

/// Sums of a block's rows.
#[derive(Debug, Default)]
struct Summing {
    tables: PerTable<BTreeMap<Pair, Sums>>,
}

impl Summing {
    fn add(&mut self, table: Table, pair: Pair, values: [f64; 5]) {
        let sums = self.tables.of(table).entry(pair).or_default();
        sums[0] += 1.0;
        for (sum, value) in sums[1..].iter_mut().zip(values) {
            *sum += value;
        }
    }
}

impl Sink for Summing {
    type Error = NoMarket;

    fn book(&mut self, row: &BookRow) -> Result<(), NoMarket> {
        let (best, micros) = (row.book.best(), row.micros.rem_euclid(1_000_000) as f64);
        self.add(Table::MarketData, row.pair, [micros, best.bid_price, best.bid_size, best.ask_price, best.ask_size]);
        Ok(())
    }

    fn core(&mut self, row: &CoreRow) -> Result<(), NoMarket> {
        let micros = row.micros.rem_euclid(1_000_000) as f64;
        let (bid, ask) = (row.bid_volume as f64, row.ask_volume as f64);
        self.add(Table::CorePrice, row.pair, [micros, row.bid_price, bid, row.ask_price, ask]);
        Ok(())
    }

    fn trade(&mut self, fill: &Fill) -> Result<(), NoMarket> {
        let nanos = fill.nanos.rem_euclid(crate::base::NANOS_PER_SECOND) as f64;
        self.add(Table::FxTrades, fill.pair, [nanos, fill.price, fill.quantity, 0.0, 0.0]);
        Ok(())
    }
}

impl Encode for Summing {
    type Chunk = PerTable<BTreeMap<Pair, Sums>>;

    fn take(&mut self) -> Self::Chunk {
        std::mem::take(&mut self.tables)
    }
}

fn query(table: Table) -> &'static str {
    match table {
        Table::MarketData => {
            "sum(cast(timestamp AS LONG) % 1000000), sum(bids[1][1]), sum(bids[2][1]), sum(asks[1][1]), sum(asks[2][1])"
        }
        Table::CorePrice => {
            "sum(cast(timestamp AS LONG) % 1000000), sum(bid_price), sum(bid_volume), sum(ask_price), sum(ask_volume)"
        }
        Table::FxTrades => "sum(cast(timestamp AS LONG) % (1000 * 1000 * 1000)), sum(price), sum(quantity), 0, 0",
    }
}

/// Compares a job's rows with the database's, and gives a line for each block, table and pair that differs, at most
/// `most` of them.
///
/// # Errors
/// The database does not answer.
pub fn verify(job: &Job, names: &TableNames, server: &mut Server, most: usize) -> Result<Vec<String>, VerifyError> {
    let mut differences = Vec::new();
    job.run(Summing::default, |block, mut sums| -> Result<Flow, Box<ServerError>> {
        let span = (block.first.second, block.last.second);
        let condition = window(job, span);
        for table in Table::ALL {
            let name = names.of(table);
            let statement = format!("SELECT symbol, count(), {} FROM {name} WHERE {condition}", query(table));
            let mut found: BTreeMap<String, Sums> = BTreeMap::new();
            for row in server.rows(&statement)? {
                let number =
                    |place: usize| row.get(place).cloned().flatten().and_then(|text| text.parse().ok()).unwrap_or(0.0);
                found.insert(row[0].clone().unwrap_or_default(), std::array::from_fn(|place| number(place + 1)));
            }
            for pair in &job.pairs {
                let expected = sums.of(table).get(pair).copied().unwrap_or_default();
                let there = found.get(pair.symbol()).copied().unwrap_or_default();
                // Sums of prices depend on the order of adding.
                let is_same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
                if !expected.iter().zip(&there).all(is_same) && differences.len() < most {
                    differences.push(format!(
                        "{name} {pair} from {}: {} rows, {} expected{}",
                        instant(span.0),
                        there[0],
                        expected[0],
                        if there[0] == expected[0] { ", with other values" } else { "" },
                    ));
                }
            }
        }
        Ok(if differences.len() < most { Flow::Continue } else { Flow::Stop })
    })?;
    Ok(differences)
}
