//! The market is a function: workers, order, pauses, restarts and the choice of pairs change no row.

use std::convert::Infallible;
use std::sync::Arc;

use klined_fx::base::Pair;
use klined_fx::market::{Book, Fill, Second};
use klined_fx::out::PerTable;
use klined_fx::out::csv::CsvEncoder;
use klined_fx::out::entities::{ENTITIES, Entities};
use klined_fx::pipeline::{Flow, Job};
use proptest::prelude::*;

use super::{at, job, market};

fn lines(job: &Job) -> PerTable<Vec<u8>> {
    let mut all = PerTable::<Vec<u8>>::default();
    let entities = Arc::new(Entities::of(job.market.streams, ENTITIES));
    job.run(
        || CsvEncoder::new(Arc::clone(&entities)),
        |_, lines| -> Result<Flow, Infallible> {
            for (all, lines) in all.0.iter_mut().zip(lines.0) {
                all.extend(lines);
            }
            Ok(Flow::Continue)
        },
    )
    .unwrap();
    all
}

/// FNV-1a, 64 bits.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[test]
fn any_number_of_workers_makes_the_same_bytes() {
    let start = at("2025-07-07T13:29:50Z");
    let one = lines(&job(7, start, None, 12_000, 1));
    for (workers, block_seconds) in [(2, 1), (4, 1), (7, 3), (1, 60)] {
        let job = Job { block_seconds, ..job(7, start, None, 12_000, workers) };
        assert!(one == lines(&job), "{workers} workers, {block_seconds} seconds a block");
    }
    assert_ne!(one.0[0], lines(&job(8, start, None, 12_000, 2)).0[0]);
}

#[test]
fn a_run_in_two_parts_is_the_run_in_one() {
    let (start, middle, end) = (at("2025-07-08T20:59:40Z"), at("2025-07-08T21:00:07Z"), at("2025-07-08T21:00:20Z"));
    let whole = lines(&job(7, start, Some(end), 1_000_000, 2));
    let mut parts = lines(&job(7, start, Some(middle), 1_000_000, 1));
    for (first, second) in parts.0.iter_mut().zip(lines(&job(7, middle, Some(end), 1_000_000, 3)).0) {
        first.extend(second);
    }
    assert!(whole == parts);
}

#[test]
fn the_rows_of_a_seed_are_pinned() {
    let found = lines(&job(1, at("2025-07-07T13:29:50Z"), None, 6_000, 2));
    let found = found.0.map(|table| digest(&table));
    assert_eq!(found, PINNED, "the market of a seed has changed: {found:#x?}");
}

const PINNED: [u64; 3] = [0x40ac_aca2_6925_0b4e, 0x7e65_2349_43ec_0904, 0x2195_1c3a_9675_18b4];

fn seen(second: Second, pair: Pair) -> (Vec<Vec<f64>>, Vec<Fill>) {
    let ladder = second.ladders.iter().find(|ladder| ladder.pair == pair).unwrap();
    let mut book = Book::default();
    let mut books = Vec::new();
    for micros in [0, 1, 124_999, 125_000, 500_001, 999_999] {
        ladder.book(micros, 5, &mut book);
        books.extend([book.bid_prices(), book.bid_sizes(), book.ask_prices(), book.ask_sizes()].map(<[f64]>::to_vec));
    }
    (books, second.fills().filter(|fill| fill.pair == pair).copied().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_second_is_the_same_wherever_one_comes_from(
        first in 0_i64..200_000, second in 0_i64..200_000, step in 1_i64..90, pair in 0_usize..30,
    ) {
        let market = market(11);
        let pair = Pair::all()[pair];
        let monday = at("2025-07-06T21:00:00Z");
        let all = Pair::all();
        let mut straight = market.walk(&[pair]);
        let expected = seen(straight.second(monday + second).unwrap(), pair);
        let mut wandering = market.walk(&all);
        for stop in [first, second + step, second - step.min(second), second] {
            wandering.second(monday + stop).unwrap();
        }
        let found = seen(wandering.second(monday + second).unwrap(), pair);
        prop_assert!(expected == found);
    }
}

#[test]
fn the_price_goes_on_across_the_borders_of_minutes_days_and_years() {
    let market = market(3);
    let pair = Pair::all()[0];
    let mut walk = market.walk(&[pair]);
    for border in ["2025-07-08T12:31:00Z", "2025-07-08T21:00:00Z", "2026-01-01T22:00:00Z", "2024-12-31T21:00:00Z"] {
        let after = at(border);
        // The last of these opens after a holiday.
        let Ok(second) = walk.second(after) else { continue };
        let opened = second.ladders[0].mid_ticks(0);
        let Ok(before) = walk.second(after - 1) else { continue };
        let closed = before.ladders[0].mid_ticks(999_999);
        assert!((opened - closed).abs() < 1.0, "{border}: {closed} {opened}");
    }
}

#[test]
fn a_plan_that_is_cut_short_has_the_first_rows_of_the_longer_one() {
    let start = at("2025-07-07T13:29:50Z");
    let (long, short) = (lines(&job(7, start, None, 9_000, 2)), lines(&job(7, start, None, 4_321, 1)));
    assert!(long.0[0].starts_with(&short.0[0]) && short.0[0].len() < long.0[0].len());
}
