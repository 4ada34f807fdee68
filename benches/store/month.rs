//! A month of live minutes, one transaction each: what it leaves of the tables that are overwritten every minute.

use chrono::NaiveDate;
use klined::jobs::{Aggregator, Generator, Stop};

use crate::databases::{Database, psql};
use crate::frame::{Row, Sizes, seconds};

/// Trading days, and how often the aggregator runs.
const DAYS: usize = 20;
const AGGREGATE_MINUTES: usize = 5;

/// Size with indexes, and share of HOT updates, of each table that is written again and again.
const SIZES: &str = "SELECT string_agg(format('%s kB, %s %%', pg_total_relation_size(relid) / 1024, \
     round(100.0 * n_tup_hot_upd / greatest(n_tup_upd, 1), 2)), ' | ' ORDER BY relname) FROM pg_stat_user_tables \
     WHERE relname IN ('stock_state', 'stock_realtime_price', 'rollup_watermark', 'market_status')";

pub fn hot_updates(sizes: &Sizes) -> Vec<Row> {
    let database = Database::postgres();
    let market = database.market(sizes.symbols);
    let stop = Stop::default();
    let first = NaiveDate::from_ymd_opt(2026, 3, 2).expect("a date");
    let days = market.calendar.days(first, market.calendar.last_day())[..DAYS].to_vec();
    let mut generator = Generator::start(market.clone(), &[], first, &stop).expect("the writer");
    let aggregator = Aggregator::start(market.store.clone(), market.calendar.clone(), None).expect("the aggregator");
    println!("\nA month of {} stocks, minute by minute:\n", sizes.symbols);
    println!("| day | seconds | market_status | rollup_watermark | stock_realtime_price | stock_state |");
    println!("|---|---|---|---|---|---|");
    for day in days {
        let (took, ()) = seconds(|| {
            for (nth, minute) in market.calendar.minutes_of(day).enumerate() {
                generator.advance(minute, &stop).expect("it is written");
                if nth % AGGREGATE_MINUTES == AGGREGATE_MINUTES - 1 {
                    aggregator.run(None, &stop).expect("it is rolled up");
                }
            }
        });
        println!("| {day} | {took:.0} | {} |", psql(&database.url, SIZES));
    }
    Vec::new()
}
