//! The rows of a second: which pair shows its book or its price when.
//!
//! Rows of one table are ordered by time and each has a microsecond of its own, so a pair never has two rows at one
//! instant. Pairs that are traded more have more rows.

use rand_core::Rng;

use crate::base::{Pair, Part, Streams};
use crate::market::{Book, Ecn, Fill, Reason, Walk};
use crate::plan::PlannedSecond;

/// A row of `market_data`.
#[derive(Debug, Clone, Copy)]
pub struct BookRow<'a> {
    /// Unix microseconds.
    pub micros: i64,
    pub pair: Pair,
    pub book: &'a Book,
}

/// A row of `core_price`: the best prices and sizes of the pair's book at that instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoreRow {
    /// Unix microseconds.
    pub micros: i64,
    pub pair: Pair,
    pub ecn: Ecn,
    pub bid_price: f64,
    pub bid_volume: i64,
    pub ask_price: f64,
    pub ask_volume: i64,
    pub reason: Reason,
    /// How strained the market is, 0 to 1: the spread relative to the sum of it and the usual one.
    pub indicator1: f64,
    /// The bid's share of the size at the best prices, 0 to 1.
    pub indicator2: f64,
}

/// What takes rows.
pub trait Sink {
    /// Why a row could not be taken.
    type Error;

    /// Takes a row of `market_data`.
    ///
    /// # Errors
    /// As the sink says.
    fn book(&mut self, row: &BookRow) -> Result<(), Self::Error>;

    /// Takes a row of `core_price`.
    ///
    /// # Errors
    /// As the sink says.
    fn core(&mut self, row: &CoreRow) -> Result<(), Self::Error>;

    /// Takes a row of `fx_trades`.
    ///
    /// # Errors
    /// As the sink says.
    fn trade(&mut self, fill: &Fill) -> Result<(), Self::Error>;
}

/// Levels of a side, both bounds included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    pub least: usize,
    pub most: usize,
}

/// Places of the table of pairs: a power of two.
const CHOICES: usize = 1024;

/// Makes seconds' rows.
#[derive(Debug)]
pub struct RowMaker<'m> {
    walk: Walk<'m>,
    streams: Streams,
    depth: Depth,
    /// The place of a pair among those of the walk, each as often as it has rows.
    choices: Vec<u8>,
    book: Box<Book>,
    fills: Vec<Fill>,
}

impl<'m> RowMaker<'m> {
    /// A maker of the rows of some pairs, on a way through the market for the same pairs.
    #[must_use]
    pub fn new(walk: Walk<'m>, streams: Streams, pairs: &[Pair], depth: Depth) -> Self {
        // Quotes are spread more evenly over pairs than turnover is.
        let weights: Vec<f64> = pairs.iter().map(|pair| pair.facts().turnover.sqrt()).collect();
        let all: f64 = weights.iter().sum();
        let mut passed = 0.0;
        let mut choices = Vec::with_capacity(CHOICES);
        for (place, weight) in weights.iter().enumerate() {
            passed += weight;
            choices.resize(((passed / all) * CHOICES as f64).round() as usize, place as u8);
        }
        choices.resize(CHOICES, 0);
        Self { walk, streams, depth, choices, book: Box::default(), fills: Vec::new() }
    }

    /// Hands a second's rows to a sink: books, then prices, then trades, each ordered by time.
    ///
    /// # Errors
    /// The sink's, or the market is closed then.
    pub fn second<S: Sink>(&mut self, planned: PlannedSecond, sink: &mut S) -> Result<(), S::Error>
    where
        S::Error: From<crate::base::NoMarket>,
    {
        let second = self.walk.second(planned.second)?;
        let start = planned.second * 1_000_000;
        let Depth { least, most } = self.depth;
        let spread = (most - least + 1) as u64;

        let mut stream = self.streams.market(Part::BookRows, planned.second);
        let mut times = Times::of(planned.book_rows_drawn);
        for _ in 0..planned.book_rows {
            let word = stream.next_u64();
            let micros = times.next(word);
            let ladder = &second.ladders[usize::from(self.choices[(word >> 32) as usize % CHOICES])];
            let levels = least + ((((word >> 42) & 0xffff) * spread) >> 16) as usize;
            ladder.book(micros, levels, &mut self.book);
            sink.book(&BookRow { micros: start + micros, pair: ladder.pair, book: &self.book })?;
        }

        let mut stream = self.streams.market(Part::CoreRows, planned.second);
        let mut times = Times::of(planned.core_rows);
        for _ in 0..planned.core_rows {
            let word = stream.next_u64();
            let micros = times.next(word);
            let ladder = &second.ladders[usize::from(self.choices[(word >> 32) as usize % CHOICES])];
            let best = ladder.best(micros, &mut self.book);
            let venue = ((word >> 42) & 0xffff) as f64 * (1.0 / 65_536.0);
            let strain = ladder.strain(micros);
            sink.core(&CoreRow {
                micros: start + micros,
                pair: ladder.pair,
                ecn: Ecn::of_quote(venue, best.bid_size, best.ask_size),
                bid_price: best.bid_price,
                bid_volume: best.bid_size as i64,
                ask_price: best.ask_price,
                ask_volume: best.ask_size as i64,
                reason: ladder.reason,
                indicator1: rounded(strain / (1.0 + strain)),
                indicator2: rounded(best.bid_size / (best.bid_size + best.ask_size)),
            })?;
        }

        self.fills.clear();
        self.fills.extend(second.fills());
        self.fills.sort_by_key(|fill| fill.nanos);
        self.fills.iter().try_for_each(|fill| sink.trade(fill))
    }
}

/// Four decimals of a number from 0 to 1.
fn rounded(indicator: f64) -> f64 {
    (indicator * 1e4 + 0.5) as i32 as f64 / 1e4
}

/// Rising microseconds of a second: each row has an equal part of the second and stands anywhere in it.
struct Times {
    width: f64,
    place: f64,
    last: i64,
}

impl Times {
    fn of(rows: u32) -> Self {
        Self { width: 1e6 / f64::from(rows), place: 0.0, last: -1 }
    }

    #[inline]
    fn next(&mut self, word: u64) -> i64 {
        let part = (word & 0xffff_ffff) as f64 * (1.0 / 4_294_967_296.0);
        let micros = ((self.place + part) * self.width) as i64;
        self.place += 1.0;
        // Parts are at least two microseconds wide, so a step past the last row's stays in the row's own part.
        self.last = micros.max(self.last + 1);
        self.last
    }
}
