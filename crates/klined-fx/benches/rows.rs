//! Rows a second on one core: the full model and a toy one into buffers of QuestDB's line protocol, and the model alone.
//!
//! The toy makes books with five uniform sizes around a price that stands still, so it measures what encoding costs.

use divan::{Bencher, black_box, counter::ItemsCount};
use klined_fx::base::{Hours, NoMarket, Pair};
use klined_fx::market::{Book, Fill, Market, MarketSettings, OrderRate};
use klined_fx::out::ilp::IlpEncoder;
use klined_fx::pipeline::Encode;
use klined_fx::plan::PlannedSecond;
use klined_fx::rows::{BookRow, CoreRow, Depth, RowMaker, Sink};
use klined_market::base::Seed;

fn main() {
    divan::main();
}

/// 2025-07-07T13:00:00Z.
const START: i64 = 1_751_893_200;
const SECONDS: i64 = 60;
const ROWS: u32 = 10_000;

fn market() -> Market {
    let orders = OrderRate { least: 5, most: 30 };
    Market::new(MarketSettings { seed: Seed(1), hours: Hours::Week, levels: 5, orders })
}

fn minute<S: Sink>(bencher: Bencher, rows: (u32, u32), sink: impl Fn(&Market) -> S, mut each: impl FnMut(&mut S))
where
    S::Error: From<NoMarket> + std::fmt::Debug,
{
    let (market, pairs) = (market(), Pair::all());
    let mut sink = sink(&market);
    let mut maker = RowMaker::new(market.walk(&pairs), market.streams, &pairs, Depth { least: 5, most: 5 });
    let mut start = START;
    bencher.counter(ItemsCount::new(SECONDS as u64 * u64::from(rows.0 + rows.1))).bench_local(|| {
        for second in start..start + SECONDS {
            let planned = PlannedSecond { place: 0, second, book_rows: rows.0, core_rows: rows.1 };
            maker.second(planned, &mut sink).unwrap();
            if (second + 1) % 6 == 0 {
                each(&mut sink);
            }
        }
        start += SECONDS;
    });
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn books_into_buffers(bencher: Bencher) {
    minute(bencher, (ROWS, 0), |market| IlpEncoder::new(market.streams), |sink| drop(black_box(sink.take())));
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn prices_into_buffers(bencher: Bencher) {
    minute(bencher, (0, ROWS), |market| IlpEncoder::new(market.streams), |sink| drop(black_box(sink.take())));
}

struct Nowhere(f64);

impl Sink for Nowhere {
    type Error = NoMarket;

    fn book(&mut self, row: &BookRow) -> Result<(), NoMarket> {
        self.0 += row.book.bid_prices()[0];
        Ok(())
    }

    fn core(&mut self, row: &CoreRow) -> Result<(), NoMarket> {
        self.0 += row.bid_price;
        Ok(())
    }

    fn trade(&mut self, _: &Fill) -> Result<(), NoMarket> {
        Ok(())
    }
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn books_of_the_model_alone(bencher: Bencher) {
    minute(bencher, (ROWS, 0), |_| Nowhere(0.0), |sink| sink.0 = black_box(sink.0));
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn seconds_without_rows(bencher: Bencher) {
    minute(bencher, (1, 0), |_| Nowhere(0.0), |sink| sink.0 = black_box(sink.0));
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn toy_books_into_buffers(bencher: Bencher) {
    let mut book = Book::default();
    let market = market();
    market.walk(&Pair::all()).second(START).unwrap().ladders[0].book(0, 5, &mut book);
    let mut encoder = IlpEncoder::new(market.streams);
    bencher.counter(ItemsCount::new(SECONDS as u64 * u64::from(ROWS))).bench_local(|| {
        for second in START..START + SECONDS {
            for row in 0..i64::from(ROWS) {
                let pair = Pair::all()[row as usize % 30];
                encoder.book(&BookRow { micros: second * 1_000_000 + row, pair, book: black_box(&book) }).unwrap();
            }
            if (second + 1) % 6 == 0 {
                drop(black_box(encoder.take()));
            }
        }
    });
}
