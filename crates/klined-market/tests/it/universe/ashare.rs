//! The laws of an invented A-share universe: its proportions, its distributions, its names.

use std::collections::{BTreeMap, BTreeSet};

use klined_market::base::Board;
use klined_market::universe::{StockCount, UniverseRow};
use klined_testing::market::{as_csv, stocks};
use klined_testing::stats::{ALPHA, deviation, fnv1a, ks, normal_cdf};
use proptest::prelude::*;

/// Codes by their first three digits: as many as the exchanges list, and their board.
const RANGES: [(&str, u32, Board); 14] = [
    ("000", 416, Board::Main),
    ("001", 105, Board::Main),
    ("002", 922, Board::Main),
    ("003", 42, Board::Main),
    ("300", 941, Board::ChiNext),
    ("301", 444, Board::ChiNext),
    ("302", 1, Board::ChiNext),
    ("600", 755, Board::Main),
    ("601", 223, Board::Main),
    ("603", 603, Board::Main),
    ("605", 113, Board::Main),
    ("688", 588, Board::Star),
    ("689", 1, Board::Star),
    ("920", 275, Board::Beijing),
];
const ALL: u16 = 5429;

fn counted<'a>(keys: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, u32> {
    keys.fold(BTreeMap::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}

#[test]
fn the_stocks_of_a_seed_are_these() {
    let rows = stocks(ALL, 42);
    let [first, last] = [&rows[0], &rows[rows.len() - 1]].map(|row| as_csv(std::slice::from_ref(row)));
    assert_eq!(first.lines().last(), Some("000004,Quenuowan Steel,Steel,6.92,0.0243,main,false,1.1,346151671,true"));
    assert_eq!(
        last.lines().last(),
        Some("920997,Bailanruo Chemical,Chemicals,6.03,0.0246,beijing,false,1.16,118692177,true")
    );
    assert_eq!(fnv1a(as_csv(&rows).into_bytes()), 0x6d78_c965_1bdc_746f);
    assert_eq!(fnv1a(as_csv(&stocks(200, 7)).into_bytes()), 0x6f70_ef69_2383_06d8);
}

#[test]
fn there_are_as_many_of_each_kind_as_on_the_exchanges() {
    let rows = stocks(ALL, 1);
    let codes = counted(rows.iter().map(|row| &row.symbol[..3]));
    assert_eq!(codes, RANGES.iter().map(|&(prefix, listed, _)| (prefix, listed)).collect());
    // 3.2 % of 5,429.
    assert_eq!(rows.iter().filter(|row| row.is_st).count(), 174);
    assert_eq!(rows.iter().filter(|row| row.name.starts_with("*ST ")).count(), 87);
    let sectors = counted(rows.iter().map(|row| &*row.sector));
    assert_eq!(sectors.len(), 31);
    for (sector, about) in [("Machinery", 530.0), ("Banks", 42.0), ("Conglomerates", 18.0)] {
        let expected = about * 5429.0 / 5197.0;
        assert!((f64::from(sectors[sector]) - expected).abs() < 1.0, "{sector}: {}", sectors[sector]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_size_and_seed_makes_a_valid_universe_in_proportion(count in 1..=ALL, seed: u64) {
        let rows = stocks(count, seed);
        prop_assert_eq!(rows.len(), usize::from(count));
        prop_assert!(rows.is_sorted_by(|a, b| a.symbol < b.symbol));
        prop_assert_eq!(rows.iter().map(|row| &row.name).collect::<BTreeSet<_>>().len(), rows.len());
        for row in &rows {
            let instrument = row.instrument().unwrap();
            let range = RANGES.iter().find(|(prefix, _, _)| row.symbol.starts_with(prefix)).unwrap();
            prop_assert_eq!((instrument.board, row.symbol.len()), (range.2, 6));
            let has_mark = row.name.starts_with("ST ") || row.name.starts_with("*ST ");
            prop_assert_eq!(has_mark, row.is_st, "{}", row.name);
            prop_assert!(row.name.len() <= 60 && row.sector.len() <= 50 && row.is_active);
            prop_assert!((0.008..=0.06).contains(&row.base_volatility) && row.base_price >= 1.0);
            prop_assert!((0.3..=1.8).contains(&row.beta) && row.daily_turnover > 0.0);
        }
        let codes = counted(rows.iter().map(|row| &row.symbol[..3]));
        for (prefix, listed, _) in RANGES {
            let exact = f64::from(listed) * f64::from(count) / f64::from(ALL);
            let found = f64::from(codes.get(prefix).copied().unwrap_or(0));
            prop_assert!((found - exact).abs() < 1.0, "{}: {} for {}", prefix, found, exact);
        }
        prop_assert_eq!(&rows, &stocks(count, seed));
        prop_assert_ne!(&rows, &stocks(count, seed.wrapping_add(1)));
    }
}

#[test]
fn a_code_has_the_same_numbers_in_every_universe_that_has_it() {
    let (few, all) = (stocks(500, 9), stocks(ALL, 9));
    let numbers = |row: &UniverseRow| (row.base_price, row.base_volatility, row.beta, row.daily_turnover);
    let known: BTreeMap<&str, _> = all.iter().map(|row| (&*row.symbol, numbers(row))).collect();
    let shared: Vec<_> = few.iter().filter(|row| known.contains_key(&*row.symbol)).collect();
    assert!(shared.len() > 100, "{}", shared.len());
    assert!(shared.iter().all(|row| known[&*row.symbol] == numbers(row)));
}

/// The values of one board's stocks.
fn values(rows: &[UniverseRow], board: Board, of: fn(&UniverseRow) -> f64) -> Vec<f64> {
    rows.iter().filter(|row| row.board == board.as_str()).map(of).collect()
}

#[test]
fn prices_volatilities_betas_and_turnovers_follow_their_laws() {
    let rows = stocks(ALL, 3);
    let log_normal = |median: f64, deviation: f64| move |x: f64| normal_cdf((x / median).ln() / deviation);
    // 3,179, 1,386, 589 and 275 stocks; the bounds of σ cut at most 2 % off a board.
    for (board, price, volatility) in [
        (Board::Main, 8.05, 0.022),
        (Board::ChiNext, 20.0, 0.026),
        (Board::Star, 35.0, 0.027),
        (Board::Beijing, 18.0, 0.029),
    ] {
        assert!(ks(values(&rows, board, |row| row.base_price), log_normal(price, 0.76)) > ALPHA, "{board} prices");
        let found = values(&rows, board, |row| row.base_volatility);
        assert!(ks(found, log_normal(volatility, 0.30)) > ALPHA, "{board} volatilities");
    }
    assert!(ks(rows.iter().map(|row| row.daily_turnover).collect(), log_normal(149.0e6, 1.10)) > ALPHA);
    assert!(ks(rows.iter().map(|row| row.beta).collect(), |x| normal_cdf((x - 1.04) / 0.24)) > ALPHA);
}

#[test]
fn what_a_stock_draws_is_independent_of_what_else_it_draws() {
    let rows: Vec<UniverseRow> = stocks(ALL, 4).into_iter().filter(|row| row.board == "main").collect();
    let draws: [fn(&UniverseRow) -> f64; 5] = [
        |row| row.base_price.ln(),
        |row| row.base_volatility.ln(),
        |row| row.beta,
        |row| row.daily_turnover.ln(),
        |row| f64::from(u8::from(row.is_st)),
    ];
    let standard = |of: fn(&UniverseRow) -> f64| -> Vec<f64> {
        let sample: Vec<f64> = rows.iter().map(of).collect();
        let mean = sample.iter().sum::<f64>() / sample.len() as f64;
        let deviation = deviation(&sample);
        sample.iter().map(|x| (x - mean) / deviation).collect()
    };
    let standard = draws.map(standard);
    let n = rows.len() as f64;
    for (place, one) in standard.iter().enumerate() {
        for other in &standard[place + 1..] {
            let correlation = one.iter().zip(other).map(|(x, y)| x * y).sum::<f64>() / n;
            assert!(correlation.abs() < 4.0 / n.sqrt(), "{correlation} of {n}");
        }
    }
}

#[test]
fn there_are_1_to_5429_of_them() {
    assert_eq!(StockCount::MAX.to_string(), "5429");
    for text in ["", "0", "5430", "70000", "-1", "+5", "2.5", "many", " 5"] {
        let error = text.parse::<StockCount>().unwrap_err().to_string();
        assert!(error.contains(&format!("\"{text}\"")) && error.contains("1 to 5429"), "{error}");
    }
    assert_eq!("5400".parse::<StockCount>().unwrap().to_string(), "5400");
}
