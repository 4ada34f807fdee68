//! Rows a CPU second on one core, all in one run: the full model into buffers of QuestDB's line protocol, the same
//! encoding of a toy book that stands still, the model alone, and CSV.
//!
//! `cargo bench -p klined-fx`. Time is the thread's own, so a busy machine changes little; each figure is the median of
//! eleven rounds that take turns.

use std::hint::black_box;
use std::sync::Arc;

use klined_fx::base::{Hours, NoMarket, Pair};
use klined_fx::market::{Book, Ecn, Fill, Market, MarketSettings, OrderRate, Reason};
use klined_fx::out::TableNames;
use klined_fx::out::csv::CsvEncoder;
use klined_fx::out::entities::{ENTITIES, Entities};
use klined_fx::out::ilp::IlpEncoder;
use klined_fx::pipeline::Encode;
use klined_fx::plan::PlannedSecond;
use klined_fx::rows::{BookRow, CoreRow, Depth, RowMaker, Sink};
use klined_market::base::Seed;
use rustix::time::{ClockId, clock_gettime};

/// 2025-07-07T13:00:00Z.
const START: i64 = 1_751_893_200;
/// Seconds of a round, and rows of each.
const SECONDS: i64 = 30;
const ROWS: u32 = 10_000;
const ROUNDS: usize = 11;
/// Seconds whose rows are sent together.
const BLOCK: i64 = 6;

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Counts rows and drops them.
#[derive(Default)]
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

impl Encode for Nowhere {
    type Chunk = f64;

    fn take(&mut self) -> f64 {
        self.0
    }
}

/// Rounds of a way of making rows: each makes the next seconds and gives the CPU time that they took.
type Way<'a> = Box<dyn FnMut() -> f64 + 'a>;

fn of_model<'a, E: Encode<Error: std::fmt::Debug> + 'a>(market: &'a Market, rows: (u32, u32), mut sink: E) -> Way<'a> {
    let pairs = Pair::all();
    let mut maker = RowMaker::new(market.walk(&pairs), market.streams, &pairs, Depth { least: 5, most: 5 });
    let mut start = START;
    Box::new(move || {
        let began = cpu_seconds();
        for second in start..start + SECONDS {
            let planned = PlannedSecond::whole(second, rows.0, rows.1);
            maker.second(planned, &mut sink).unwrap();
            if (second + 1) % BLOCK == 0 {
                black_box(sink.take());
            }
        }
        start += SECONDS;
        cpu_seconds() - began
    })
}

fn of_toy(market: &Market, is_book: bool) -> Way<'_> {
    let mut book = Book::default();
    market.walk(&Pair::all()).second(START).unwrap().ladders[0].book(0, 5, &mut book);
    let mut encoder = ilp(market);
    let pairs = Pair::all();
    Box::new(move || {
        let began = cpu_seconds();
        for second in START..START + SECONDS {
            for row in 0..i64::from(ROWS) {
                let (pair, micros) = (pairs[row as usize % 30], second * 1_000_000 + row);
                if is_book {
                    encoder.book(&BookRow { micros, pair, book: black_box(&book) }).unwrap();
                    continue;
                }
                let best = black_box(&book).best();
                let row = CoreRow {
                    micros,
                    pair,
                    ecn: Ecn::Lmax,
                    bid_price: best.bid_price,
                    bid_volume: best.bid_size as i64,
                    ask_price: best.ask_price,
                    ask_volume: best.ask_size as i64,
                    reason: Reason::Normal,
                    indicator1: 0.2,
                    indicator2: 0.5,
                };
                encoder.core(&row).unwrap();
            }
            if (second + 1) % BLOCK == 0 {
                black_box(encoder.take());
            }
        }
        cpu_seconds() - began
    })
}

fn entities(market: &Market) -> Arc<Entities> {
    Arc::new(Entities::of(market.streams, ENTITIES))
}

fn ilp(market: &Market) -> IlpEncoder {
    IlpEncoder::new(entities(market), Arc::new(TableNames::with_suffix("").unwrap()))
}

fn main() {
    let orders = OrderRate { least: 5, most: 30 };
    let market = Market::new(MarketSettings { seed: Seed(1), hours: Hours::Week, levels: 5, orders });
    let ilp = || ilp(&market);
    let mut ways: Vec<(&str, Way)> = vec![
        ("market_data, 5 levels, full model, line protocol", of_model(&market, (ROWS, 0), ilp())),
        ("market_data, 5 levels, toy, line protocol", of_toy(&market, true)),
        ("market_data, 5 levels, full model, nowhere", of_model(&market, (ROWS, 0), Nowhere::default())),
        ("core_price, full model, line protocol", of_model(&market, (0, ROWS), ilp())),
        ("core_price, toy, line protocol", of_toy(&market, false)),
        ("market_data, 5 levels, full model, CSV", of_model(&market, (ROWS, 0), CsvEncoder::new(entities(&market)))),
    ];
    let mut taken: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    for _ in 0..ROUNDS {
        for ((_, way), taken) in ways.iter_mut().zip(&mut taken) {
            taken.push(way());
        }
    }
    println!("million rows a CPU second: median, best of {ROUNDS} rounds of {} rows", SECONDS as u32 * ROWS);
    for ((name, _), taken) in ways.iter().zip(&mut taken) {
        taken.sort_by(f64::total_cmp);
        let rate = |seconds: f64| SECONDS as f64 * f64::from(ROWS) / seconds / 1e6;
        println!("{name:52} {:6.2} {:6.2}", rate(taken[ROUNDS / 2]), rate(taken[0]));
    }
}
