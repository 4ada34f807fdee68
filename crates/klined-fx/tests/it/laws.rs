//! Laws of books, rows and trades.

use std::collections::{HashMap, HashSet};

use klined_fx::base::{NoMarket, Pair};
use klined_fx::market::{Book, Fill, Reason};
use klined_fx::plan::PlannedSecond;
use klined_fx::rows::{BookRow, CoreRow, Depth, RowMaker, Sink};

use super::{at, market};

#[derive(Default)]
struct Taken {
    books: Vec<(i64, Pair, Book)>,
    cores: Vec<CoreRow>,
    trades: Vec<Fill>,
}

impl Sink for Taken {
    type Error = NoMarket;

    fn book(&mut self, row: &BookRow) -> Result<(), NoMarket> {
        self.books.push((row.micros, row.pair, row.book.clone()));
        Ok(())
    }

    fn core(&mut self, row: &CoreRow) -> Result<(), NoMarket> {
        self.cores.push(*row);
        Ok(())
    }

    fn trade(&mut self, fill: &Fill) -> Result<(), NoMarket> {
        self.trades.push(*fill);
        Ok(())
    }
}

fn rows(start: i64, seconds: i64, book_rows: u32, core_rows: u32) -> Taken {
    let (market, pairs) = (market(5), Pair::all());
    let mut maker = RowMaker::new(market.walk(&pairs), market.streams, &pairs, Depth { least: 3, most: 5 });
    let mut taken = Taken::default();
    for second in start..start + seconds {
        maker.second(PlannedSecond::whole(second, book_rows, core_rows), &mut taken).unwrap();
    }
    taken
}

#[test]
fn books_are_ordered_uncrossed_and_on_ticks() {
    for start in ["2025-07-07T13:30:00Z", "2025-07-07T21:00:00Z"] {
        for (_, pair, book) in rows(at(start), 20, 600, 0).books {
            let per_unit = pair.facts().ticks_per_unit();
            assert!((3..=5).contains(&book.levels));
            assert!(book.bid_prices().windows(2).all(|levels| levels[0] > levels[1]), "{pair} {book:?}");
            assert!(book.ask_prices().windows(2).all(|levels| levels[0] < levels[1]), "{pair} {book:?}");
            assert!(book.bid_prices()[0] < book.ask_prices()[0], "{pair} {book:?}");
            for price in book.bid_prices().iter().chain(book.ask_prices()) {
                assert_eq!(*price, (price * per_unit).round() / per_unit, "{pair}");
            }
            for size in book.bid_sizes().iter().chain(book.ask_sizes()) {
                assert!(*size >= 1_000.0 && size.fract() == 0.0, "{pair} {size}");
            }
        }
    }
}

#[test]
fn rows_are_ordered_and_no_pair_has_two_at_one_instant() {
    let taken = rows(at("2025-07-07T13:30:00Z"), 3, 15_000, 1_100);
    assert!(taken.books.windows(2).all(|rows| rows[0].0 < rows[1].0));
    assert!(taken.cores.windows(2).all(|rows| rows[0].micros < rows[1].micros));
    assert!(taken.trades.windows(2).all(|fills| fills[0].nanos <= fills[1].nanos));
    let ids: HashSet<u128> = taken.trades.iter().map(|fill| fill.trade_id).collect();
    assert_eq!(ids.len(), taken.trades.len());
    // As many rows as there are microseconds still fit.
    let dense = rows(at("2025-07-07T13:30:00Z"), 1, 500_000, 0);
    assert!(dense.books.windows(2).all(|rows| rows[0].0 < rows[1].0));
    assert_eq!(dense.books.last().unwrap().0 / 1_000_000, at("2025-07-07T13:30:00Z"));
}

#[test]
fn all_thirty_pairs_move_within_seconds() {
    let mut prices: HashMap<Pair, HashSet<u64>> = HashMap::new();
    for (_, pair, book) in rows(at("2025-07-07T13:30:00Z"), 21, 2_000, 0).books {
        prices.entry(pair).or_default().insert(book.bid_prices()[0].to_bits());
    }
    assert_eq!(prices.len(), 30);
    for (pair, seen) in prices {
        // The peg moves least: its volatility is 0.7 % a year.
        assert!(seen.len() >= 3, "{pair} has {} best bids", seen.len());
    }
}

#[test]
fn a_price_row_is_the_first_level_of_the_book() {
    let market = market(5);
    let mut walk = market.walk(&Pair::all());
    let mut book = Book::default();
    for row in rows(at("2025-07-07T13:30:00Z"), 5, 1, 1_000).cores {
        let second = walk.second(row.micros / 1_000_000).unwrap();
        second.ladders[row.pair.index()].book(row.micros % 1_000_000, 5, &mut book);
        assert_eq!((row.bid_price, row.ask_price), (book.bid_prices()[0], book.ask_prices()[0]));
        assert_eq!((row.bid_volume as f64, row.ask_volume as f64), (book.bid_sizes()[0], book.ask_sizes()[0]));
        assert!((0.0..=1.0).contains(&row.indicator1) && (0.0..=1.0).contains(&row.indicator2));
        assert!(row.ecn.name() != "EBS" || row.bid_volume.min(row.ask_volume) >= 1_000_000);
    }
}

/// Size of a side at a price and better, in the book of a pair at an instant; `sell` takes the bids.
fn depth(book: &Book, is_buy: bool, price: f64) -> f64 {
    let (prices, sizes) =
        if is_buy { (book.ask_prices(), book.ask_sizes()) } else { (book.bid_prices(), book.bid_sizes()) };
    let reaches = |level: f64| if is_buy { level <= price } else { level >= price };
    prices.iter().zip(sizes).filter(|(level, _)| reaches(**level)).map(|(_, size)| size).sum()
}

#[test]
fn a_trade_takes_from_the_book_what_it_shows_and_no_size_is_taken_twice() {
    let market = market(5);
    let mut walk = market.walk(&Pair::all());
    let (mut before, mut after) = (Book::default(), Book::default());
    let start = at("2025-07-07T13:30:00Z");
    let (mut checked, mut refilled) = (0, 0);
    for second in start..start + 240 {
        let found = walk.second(second).unwrap();
        let mut orders: HashMap<u128, Vec<Fill>> = HashMap::new();
        for fill in found.fills() {
            orders.entry(fill.order_id).or_default().push(*fill);
        }
        for fills in orders.values() {
            let fill = fills[0];
            let micros = fill.ordered_micros % 1_000_000;
            let ladder = &found.ladders[fill.pair.index()];
            ladder.book(micros, 5, &mut before);
            let worst = fills
                .iter()
                .map(|fill| fill.price)
                .fold(fill.price, |a, b| if fill.is_buy { a.max(b) } else { a.min(b) });
            let traded: f64 = fills.iter().map(|fill| fill.quantity).sum();
            assert!(traded <= depth(&before, fill.is_buy, worst), "{fills:?} {before:?}");
            assert!(fill.nanos / 1_000 >= fill.ordered_micros);
            // A microsecond later the price is nearly the same, so what is gone is what was traded.
            if micros % 125_000 < 124_990 {
                ladder.book(micros + 1, 5, &mut after);
                let prices = |book: &Book| if fill.is_buy { book.ask_prices()[0] } else { book.bid_prices()[0] };
                let best_left = fills.iter().all(|fill| fill.price != prices(&before));
                let eaten = depth(&before, fill.is_buy, worst) - depth(&after, fill.is_buy, worst);
                if best_left || prices(&after) == prices(&before) {
                    checked += 1;
                    // A level may take its next size in the same microsecond, and what is left is whole thousands.
                    refilled += usize::from((eaten - traded).abs() > 1_000.0);
                }
            }
        }
    }
    assert!(checked > 500 && refilled * 50 < checked, "{refilled} of {checked}");
}

#[test]
fn eaten_levels_are_quoted_anew() {
    let market = market(5);
    let pair = Pair::all()[0];
    let mut walk = market.walk(&[pair]);
    let start = at("2025-07-07T13:30:00Z");
    // How far the best price of the traded side is from the middle, in ticks: before, just after and five seconds later.
    let (mut distance, mut count) = ([0.0; 3], 0.0);
    let mut book = Book::default();
    for second in start..start + 600 {
        let fills: Vec<Fill> = walk.second(second).unwrap().fills().copied().collect();
        for fill in fills.iter().filter(|fill| fill.quantity >= 1e6 && fill.ordered_micros % 1_000_000 < 900_000) {
            for (sum, later) in distance.iter_mut().zip([0, 10, 5_000_000]) {
                let micros = fill.ordered_micros + later;
                let found = walk.second(micros / 1_000_000).unwrap();
                let ladder = &found.ladders[0];
                let best = ladder.best(micros % 1_000_000, &mut book);
                let mid = ladder.mid_ticks(micros % 1_000_000);
                *sum += if fill.is_buy { best.ask_price * 1e5 - mid } else { mid - best.bid_price * 1e5 };
            }
            count += 1.0;
        }
    }
    let [before, during, later] = distance.map(|sum| sum / count);
    assert!(count > 100.0, "{count}");
    assert!(before + 0.2 < during && later + 0.2 < during, "{before} {during} {later}");
}

#[test]
fn most_prices_are_normal() {
    let taken = rows(at("2025-07-07T13:00:00Z"), 60, 1, 1_000);
    let unusual = taken.cores.iter().filter(|row| row.reason != Reason::Normal).count();
    assert!(unusual * 10 < taken.cores.len(), "{unusual}");
}
