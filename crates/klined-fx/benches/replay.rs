//! Seconds that a server takes for buffers that were made before: what the program's own run is compared with.
//!
//! `cargo bench -p klined-fx --bench replay -- HTTP_PORT PG_PORT ROWS SUFFIX`, with the tables made. Prints seconds until all
//! rows are applied. The rows are those of `fx-generator --mode faster-than-life --start_ts 2025-07-07T13:30:00` of as many.

use std::sync::Arc;
use std::time::Duration;

use klined_fx::base::{Hours, Pair};
use klined_fx::market::{Market, MarketSettings, OrderRate};
use klined_fx::out::entities::{ENTITIES, Entities};
use klined_fx::out::ilp::{IlpEncoder, TableRows};
use klined_fx::out::{PerTable, Table, TableNames};
use klined_fx::pipeline::{Flow, Job};
use klined_fx::plan::{Plan, RowRate};
use klined_fx::questdb::send::IlpSettings;
use klined_fx::questdb::server::{PgSettings, Server};
use klined_fx::rows::Depth;
use klined_market::base::Seed;

/// 2025-07-07T13:30:00Z.
const START: i64 = 1_751_895_000;

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut word = |what: &str| words.next().unwrap_or_else(|| panic!("{what} is missing"));
    let mut number = |what: &str| word(what).parse::<u64>().unwrap_or_else(|_| panic!("{what} must be a number"));
    let (http_port, pg_port, rows) = (number("HTTP_PORT") as u16, number("PG_PORT") as u16, number("ROWS"));
    let names = Arc::new(TableNames::with_suffix(&word("SUFFIX")).unwrap());
    let market = Market::new(MarketSettings {
        seed: Seed(1),
        hours: Hours::Week,
        levels: 5,
        orders: OrderRate { least: 5, most: 30 },
    });
    let entities = Arc::new(Entities::of(market.streams, ENTITIES));
    let plan = Plan {
        hours: Hours::Week,
        start: START,
        end: None,
        book_rate: RowRate { least: 1_000, most: 15_000 },
        core_rate: RowRate { least: 800, most: 1_100 },
        book_rows: rows,
    };
    let depth = Depth { least: 5, most: 5 };
    let job = Job { market, pairs: Pair::all().to_vec(), depth, plan, workers: 1, block_seconds: 7 };
    let mut blocks: PerTable<Vec<TableRows>> = PerTable::default();
    let mut expected = PerTable::<u64>::default();
    job.run(
        || IlpEncoder::new(Arc::clone(&entities), Arc::clone(&names)),
        |_, made| -> Result<Flow, std::convert::Infallible> {
            for (table, rows) in Table::ALL.into_iter().zip(made.0) {
                *expected.of(table) += rows.rows;
                blocks.of(table).push(rows);
            }
            Ok(Flow::Continue)
        },
    )
    .unwrap();
    let host = "127.0.0.1".to_owned();
    let ilp = IlpSettings {
        protocol: questdb::ingress::Protocol::Http,
        host: host.clone(),
        port: http_port,
        user: None,
        password: None,
        token: None,
        coordinates: None,
        authority: None,
    };
    let pg = PgSettings { host, port: pg_port, user: "admin".to_owned(), password: "quest".to_owned() };
    let mut server = Server::connect(&pg).unwrap();
    let began = klined_service::instant();
    std::thread::scope(|scope| {
        for blocks in &blocks.0 {
            let ilp = &ilp;
            scope.spawn(move || {
                let mut sender = ilp.open().unwrap();
                for block in blocks.iter().filter(|block| block.rows > 0) {
                    sender.flush_and_keep(&block.buffer).unwrap();
                }
            });
        }
    });
    for table in Table::ALL {
        let count = format!("SELECT count() FROM {}", names.of(table));
        while server.number(&count).unwrap() < expected.get(table).cast_signed() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    println!("{:.3}", began.elapsed().as_secs_f64());
}
