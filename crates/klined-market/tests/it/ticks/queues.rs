//! The sizes of quotes: queues that follow from turnover and price since full-3, and the minute's trades before.

use klined_market::bars::ticks::BestQuote;
use klined_market::model::FullVersion;
use klined_testing::market::full_of_version;

use super::*;

fn facts(version: FullVersion, board: Board, price: f64, daily_turnover: f64) -> TickFacts {
    let plain = Instrument::parse("600001", price, 0.02).unwrap().with_market(1.0, daily_turnover).unwrap();
    let stock = Instrument { board, ..plain };
    TickFacts::of_day(&full_of_version(5, version), &stock, date("2026-01-05"), stock.base_price)
}

fn quotes(facts: &TickFacts, bar: &Bar) -> Vec<BestQuote> {
    MinuteTicks::of(Seed(5), &"600001".parse().unwrap(), facts, bar).quotes().to_vec()
}

fn median_bid(facts: &TickFacts, prices: [i64; 4], volume: i64) -> i64 {
    let mut sizes: Vec<i64> =
        quotes(facts, &bar(prices, volume)).iter().filter_map(|quote| Some(quote.bid?.shares)).collect();
    sizes.sort_unstable();
    sizes[sizes.len() / 2]
}

#[test]
fn a_cheap_stock_shows_thousands_of_lots_and_a_dear_one_tens() {
    let cheap = facts(FullVersion::V3, Board::Main, 5.0, 149.0e6);
    let dear = facts(FullVersion::V3, Board::Main, 50.0, 149.0e6);
    // The median of an exponential distribution is 0.69 of its mean. Minutes without volume show the same queues.
    for volume in [0, 124_000] {
        let shown = median_bid(&cheap, [500, 501, 499, 500], volume);
        assert!((100_000..600_000).contains(&shown), "{volume}: {shown}");
    }
    let shown = median_bid(&dear, [5000, 5003, 4997, 5001], 12_400);
    assert!((1_000..9_000).contains(&shown), "{shown}");
    let free = facts(FullVersion::V3, Board::Free, 150.0, 7.5e9);
    let shown = median_bid(&free, [15000, 15003, 14997, 15001], 200_000);
    assert!((200..3_000).contains(&shown), "{shown}");
}

#[test]
fn orders_at_a_locked_limit_are_per_cents_of_the_days_volume() {
    let facts = facts(FullVersion::V3, Board::Main, 5.0, 149.0e6);
    let (up, a_day) = (facts.limits.unwrap().up, 149.0e6 / 5.0);
    let locked = [up.ticks(); 4];
    for volume in [0, 30_000] {
        let shares: Vec<f64> = quotes(&facts, &bar(locked, volume))
            .iter()
            .map(|quote| {
                assert!(quote.ask.is_none());
                assert_eq!(quote.bid.map(|bid| bid.price), Some(up));
                quote.bid.unwrap().shares as f64 / a_day
            })
            .collect();
        let (least, most) = shares.iter().fold((1.0_f64, 0.0_f64), |(least, most), &x| (least.min(x), most.max(x)));
        assert!(least > 0.004 && most < 0.4 && most < 1.25 * least, "{least} {most}");
    }
}

#[test]
fn versions_before_keep_the_sizes_that_they_had() {
    let facts = facts(FullVersion::V2, Board::Main, 5.0, 149.0e6);
    assert_eq!(facts.depth, None);
    assert_eq!(facts, TickFacts { limits: facts.limits, ..TickFacts::of_board(Board::Main) });
}
