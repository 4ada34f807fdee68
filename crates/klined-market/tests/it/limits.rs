//! Price limits against the exchanges' rules: a table of edges, and the rounding law at every small price.

use klined_market::base::{Board, Price, PriceLimits};
use klined_testing::date;

fn limits(board: Board, is_st: bool, day: &str, close: &str) -> Option<(String, String)> {
    let PriceLimits { down, up } = board.price_limits(is_st, date(day), close.parse().unwrap())?;
    Some((down.to_string(), up.to_string()))
}

#[test]
fn the_limits_of_known_days_are_those_of_the_rules() {
    let table = [
        // Main board: ±10 %, halves up (1.05·1.1 = 1.155, 1.05·0.9 = 0.945).
        (Board::Main, false, "2026-01-05", "10.00", "9.00", "11.00"),
        (Board::Main, false, "2026-01-05", "1.05", "0.95", "1.16"),
        (Board::Main, false, "2026-01-05", "10.04", "9.04", "11.04"),
        (Board::Main, false, "2026-01-05", "10.06", "9.05", "11.07"),
        (Board::Main, false, "1996-12-16", "8.88", "7.99", "9.77"),
        // Special treatment: ±5 % until the day before 2026-07-06.
        (Board::Main, true, "2026-07-03", "10.00", "9.50", "10.50"),
        (Board::Main, true, "2026-07-03", "1.10", "1.05", "1.16"),
        (Board::Main, true, "2026-07-06", "10.00", "9.00", "11.00"),
        // ChiNext: ±10 % (ST ±5 %) until 2020-08-21, ±20 % from 2020-08-24 on, ST too.
        (Board::ChiNext, false, "2020-08-21", "10.00", "9.00", "11.00"),
        (Board::ChiNext, true, "2020-08-21", "10.00", "9.50", "10.50"),
        (Board::ChiNext, false, "2020-08-24", "10.00", "8.00", "12.00"),
        (Board::ChiNext, true, "2020-08-24", "10.00", "8.00", "12.00"),
        (Board::ChiNext, false, "2026-01-05", "12.34", "9.87", "14.81"),
        // STAR ±20 % and Beijing ±30 %, ST or not.
        (Board::Star, false, "2026-01-05", "10.00", "8.00", "12.00"),
        (Board::Star, true, "2026-01-05", "33.33", "26.66", "40.00"),
        (Board::Beijing, false, "2026-01-05", "10.00", "7.00", "13.00"),
        (Board::Beijing, true, "2026-01-05", "0.05", "0.04", "0.07"),
        // Cheap stocks: at least a tick away, but never below a tick.
        (Board::Main, false, "2026-01-05", "0.01", "0.01", "0.02"),
        (Board::Main, false, "2026-01-05", "0.02", "0.01", "0.03"),
        (Board::Main, false, "2026-01-05", "0.05", "0.04", "0.06"),
        (Board::Main, false, "2026-01-05", "0.15", "0.14", "0.17"),
        (Board::Main, true, "2026-01-05", "0.09", "0.08", "0.10"),
        (Board::Main, true, "2026-01-05", "0.10", "0.09", "0.11"),
        (Board::Star, false, "2026-01-05", "0.03", "0.02", "0.04"),
        // Dear ones: exact in integers, and held at the largest price.
        (Board::Main, false, "2026-01-05", "1688.85", "1519.97", "1857.74"),
        (Board::Main, false, "2026-01-05", "90909090.90", "81818181.81", "99999999.99"),
        (Board::Beijing, false, "2026-01-05", "99999999.99", "69999999.99", "99999999.99"),
    ];
    for (board, is_st, day, close, down, up) in table {
        let expected = Some((down.to_owned(), up.to_owned()));
        assert_eq!(limits(board, is_st, day, close), expected, "{board} {day} after {close}, ST {is_st}");
    }
    assert_eq!(limits(Board::Free, false, "2026-01-05", "10.00"), None);
}

#[test]
fn a_limit_is_the_nearest_tick_halves_up_and_at_least_a_tick_away() {
    let boards =
        [(Board::Main, true, 5), (Board::Main, false, 10), (Board::Star, false, 20), (Board::Beijing, false, 30)];
    let dear = [168_885, 1_000_000, 99_999_999, 7_692_307_691];
    for (board, is_st, percent) in boards {
        for close in (1..=5000).chain(dear) {
            let before = Price::from_ticks(close).unwrap();
            let PriceLimits { down, up } = board.price_limits(is_st, date("2026-01-05"), before).unwrap();
            for (limit, exact_hundredfold) in [(up, close * (100 + percent)), (down, close * (100 - percent))] {
                let beyond = limit.ticks() * 100 - exact_hundredfold;
                let is_nearest = -50 < beyond && beyond <= 50;
                let is_a_tick_away = (limit.ticks() - close).abs() == 1 || (close == 1 && limit == before);
                assert!(is_nearest || is_a_tick_away, "{board} after {before}: {limit}");
            }
            assert!(down < before && before < up || close == 1 && down == before, "{board} after {before}");
        }
    }
}
