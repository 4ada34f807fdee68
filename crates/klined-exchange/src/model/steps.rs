//! Steps of a path in batches.

use pulp::{Arch, NullaryFnOnce};

use super::{Dynamics, Kind, Model, Step};
use crate::book::{Book, Quote};
use crate::event::EventType;
use crate::random::Draws;

/// Steps made at a time.
pub(crate) const BATCH: usize = 256;

/// A batch of steps, field by field.
#[derive(Debug)]
pub(crate) struct Steps {
    pub words: [u64; BATCH],
    pub totals: [f64; BATCH],
    pub types: [EventType; BATCH],
    pub prices: [i32; BATCH],
    /// The best prices after each step.
    pub quotes: [Quote; BATCH],
    /// Whether the step is an event; all are where there is no price floor.
    pub happens: [bool; BATCH],
}

impl Steps {
    pub fn new() -> Self {
        Self {
            words: [0; BATCH],
            totals: [1.0; BATCH],
            types: [EventType::AddBid; BATCH],
            prices: [0; BATCH],
            quotes: [Quote { bid_ticks: 0, ask_ticks: 0 }; BATCH],
            happens: [true; BATCH],
        }
    }

    /// Makes steps, at most a batch.
    pub fn walk<const WIDTH: usize>(
        &mut self,
        arch: Arch,
        model: &Model,
        book: &mut Book<WIDTH>,
        draws: &mut Draws,
        count: usize,
    ) {
        match (&model.kind, model.price_floor_ticks) {
            (Kind::Simple(simple), None) => arch.dispatch(Walk { steps: self, model: &**simple, book, draws, count }),
            (Kind::Hlr(hlr), None) => arch.dispatch(Walk { steps: self, model: &**hlr, book, draws, count }),
            (Kind::Simple(simple), Some(floor_ticks)) => self.walk_above(&**simple, book, draws, count, floor_ticks),
            (Kind::Hlr(hlr), Some(floor_ticks)) => self.walk_above(&**hlr, book, draws, count, floor_ticks),
            // It has a path of its own.
            (Kind::Rich(..), _) => {}
        }
    }

    /// Makes steps of which none puts a bid below a floor: one that does is taken back, and only its time passes. Leaving out events of a
    /// Poisson process is the same as a rate of zero for them.
    fn walk_above<D: Dynamics, const WIDTH: usize>(
        &mut self,
        model: &D,
        book: &mut Book<WIDTH>,
        draws: &mut Draws,
        count: usize,
        floor_ticks: i32,
    ) {
        for nth in 0..count.min(BATCH) {
            let before = book.clone();
            self.put(nth, model.step(book, draws), book.quote());
            let lowest = book.lowest_bid_ticks();
            self.happens[nth] = lowest >= floor_ticks || lowest >= before.lowest_bid_ticks();
            if !self.happens[nth] {
                *book = before;
            }
        }
    }

    /// Puts a step with the best prices after it.
    #[inline(always)]
    pub fn put(&mut self, nth: usize, step: Step, quote: Quote) {
        self.words[nth] = step.word;
        self.totals[nth] = step.total;
        self.types[nth] = step.event_type;
        self.prices[nth] = step.price_ticks;
        self.quotes[nth] = quote;
    }
}

/// Makes steps with the instructions that the processor has.
struct Walk<'a, D, const WIDTH: usize> {
    steps: &'a mut Steps,
    model: &'a D,
    book: &'a mut Book<WIDTH>,
    draws: &'a mut Draws,
    count: usize,
}

impl<D: Dynamics, const WIDTH: usize> NullaryFnOnce for Walk<'_, D, WIDTH> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { steps, model, book, draws, count } = self;
        model.walk(book, draws, steps, count.min(BATCH));
    }
}
