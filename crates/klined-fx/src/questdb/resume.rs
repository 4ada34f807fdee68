//! `--incremental`: where a run goes on.

use tracing::info;

use super::proof::instant;
use super::run::{IngestError, IngestSettings};
use super::server::Server;
use crate::base::Pair;
use crate::market::Book;
use crate::out::Table;
use crate::pipeline::Job;

/// Moves the plan's start to where the database's newest rows are, and sees to it that they are of this market.
pub(super) fn go_on(job: &mut Job, settings: &IngestSettings, server: &mut Server) -> Result<(), IngestError> {
    let names = &settings.names;
    let quoted: Vec<String> = job.pairs.iter().map(|pair| format!("'{pair}'")).collect();
    let of_pairs = format!("symbol IN ({})", quoted.join(", "));
    let mut newest: Option<i64> = None;
    for (table, per_second) in [
        (Table::MarketData, 1_000_000),
        (Table::CorePrice, 1_000_000),
        (Table::FxTrades, crate::base::NANOS_PER_SECOND),
    ] {
        let rows =
            server.rows(&format!("SELECT cast(max(timestamp) AS LONG) FROM {} WHERE {of_pairs}", names.of(table)))?;
        let found =
            rows.first().and_then(|row| row.first().cloned().flatten()).and_then(|text| text.parse::<i64>().ok());
        let second = found.map(|instant| instant.div_euclid(per_second));
        // A second may be cut short in one table and not in another, and many have no trade.
        if table != Table::FxTrades {
            newest = [newest, second].into_iter().flatten().min();
        }
    }
    let Some(newest) = newest else { return Ok(()) };
    let latest = server.rows(&format!(
        "SELECT symbol, cast(timestamp AS LONG), bid_price, ask_price FROM {} WHERE {of_pairs} LATEST ON timestamp PARTITION BY symbol",
        names.of(Table::CorePrice)
    ))?;
    let mut walk = job.market.walk(&job.pairs);
    let mut book = Book::default();
    for row in latest {
        let text = |place: usize| row.get(place).cloned().flatten().unwrap_or_default();
        let (Ok(pair), Ok(micros)) = (text(0).parse::<Pair>(), text(1).parse::<i64>()) else { continue };
        let found = format!("{} / {}", text(2), text(3));
        let second = walk.second(micros.div_euclid(1_000_000))?;
        let Some(ladder) = second.ladders.iter().find(|ladder| ladder.pair == pair) else { continue };
        let best = ladder.best(micros.rem_euclid(1_000_000), &mut book);
        let is_it = text(2).parse() == Ok(best.bid_price) && text(3).parse() == Ok(best.ask_price);
        if !is_it {
            let expected = format!("{} / {}", best.bid_price, best.ask_price);
            return Err(IngestError::AnotherMarket { pair, found, expected });
        }
    }
    if newest >= job.plan.start || !settings.is_start_given {
        job.plan.start = newest;
        info!("going on from {}, where the database's newest rows are", instant(newest));
    }
    Ok(())
}
