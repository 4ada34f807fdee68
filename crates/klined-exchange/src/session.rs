//! One session of one security: its events in order of time.
//!
//! The path of the book depends neither on time nor on the opening price. So a batch of steps is made first, and its times follow
//! together: logarithms and divisions in vectors, then one sum after the other.

use std::sync::Arc;

use pulp::{Arch, NullaryFnOnce};

use crate::book::{Book, Shape, middle};
use crate::event::{Event, EventType, Side};
use crate::exact::Logarithm;
use crate::model::{Dynamics, Kind, Model, Rich, RichPath, RichSpec, Step, Unit};
use crate::random::Draws;
use crate::units::NANOS_PER_SECOND;

/// Steps made at a time.
const BATCH: usize = 512;
/// Books of up to this many levels are kept in a narrow form, which is faster.
const NARROW: usize = 8;
/// The least number that a waiting time is drawn with.
const UNIT_LEAST: f64 = 1e-10;

/// What a session is a function of, beside the model. These are the fields of a log's header, raw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSpec {
    pub seed: u64,
    /// The price that the book opens around, in ticks.
    pub p0_ticks: i32,
    /// Of a ten-thousandth of a dollar: 100 is a cent.
    pub tick_size: u32,
    /// How long the session lasts, in seconds.
    pub session_seconds: u32,
    /// Levels a side; see [`Shape::new`].
    pub levels: u32,
    /// The spread at the open, in ticks; see [`Shape::new`].
    pub spread_ticks: u32,
    /// Units at each level at the open and at each refill; see [`Shape::new`].
    pub depth: u32,
    /// When the session opens, in nanoseconds since midnight.
    pub market_open_ns: u64,
}

impl SessionSpec {
    /// The book's shape at the open.
    #[must_use]
    pub fn shape(&self) -> Shape {
        Shape::new(self.levels, self.spread_ticks, self.depth)
    }

    /// The book at the open.
    #[must_use]
    pub fn open_book(&self) -> Book {
        Book::open(self.p0_ticks, self.shape())
    }
}

/// The best prices after an event, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    pub bid_ticks: i32,
    pub ask_ticks: i32,
}

/// A session in the making.
#[derive(Debug)]
pub struct Session {
    path: Path,
    steps: Box<Steps>,
    arch: Arch,
    log: &'static Logarithm,
    /// Seconds since the open.
    time_s: f64,
    end_s: f64,
    open_ns: u64,
    /// Events so far.
    count: u64,
    quote: Quote,
    over: bool,
}

#[derive(Debug)]
enum Path {
    Narrow(Model, Box<(Book<NARROW>, Draws)>),
    Wide(Model, Box<(Book, Draws)>),
    /// A path that depends on time, so it is made event by event.
    Rich(Arc<Rich>, Box<RichPath>),
}

/// A batch of steps, field by field.
#[derive(Debug)]
struct Steps {
    units: [f64; BATCH],
    totals: [f64; BATCH],
    types: [EventType; BATCH],
    prices: [i32; BATCH],
    quotes: [Quote; BATCH],
    waits: [f64; BATCH],
    /// Whether the step is an event; all are where there is no price floor.
    happens: [bool; BATCH],
}

/// A model whose book has more levels than the session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model has curves of {curves} levels a side, the book only {levels}")]
pub struct TooFewLevels {
    pub curves: usize,
    pub levels: usize,
}

impl Session {
    /// Opens a session.
    ///
    /// # Errors
    /// [`TooFewLevels`] where the model has curves of levels that the book has not.
    pub fn open(spec: &SessionSpec, model: &Model) -> Result<Self, TooFewLevels> {
        let (shape, model) = (spec.shape(), model.clone());
        if model.levels_least() > shape.levels() {
            return Err(TooFewLevels { curves: model.levels_least(), levels: shape.levels() });
        }
        let draws = Draws::new(spec.seed);
        let path = if let Kind::Rich(rich, market_seed) = &model.kind {
            let rich_spec = RichSpec {
                seed: spec.seed,
                market_seed: *market_seed,
                p0_ticks: spec.p0_ticks,
                shape,
                session_s: spec.session_seconds.into(),
                floor_ticks: model.price_floor_ticks,
            };
            Path::Rich(rich.clone(), Box::new(RichPath::new(rich_spec)))
        } else if shape.levels() <= NARROW {
            Path::Narrow(model, Box::new((Book::open(spec.p0_ticks, shape), draws)))
        } else {
            Path::Wide(model, Box::new((spec.open_book(), draws)))
        };
        let book = spec.open_book();
        Ok(Self {
            path,
            steps: Box::new(Steps::new()),
            arch: Arch::new(),
            log: Logarithm::table(),
            time_s: 0.0,
            end_s: f64::from(spec.session_seconds),
            open_ns: spec.market_open_ns,
            count: 0,
            quote: Quote { bid_ticks: book.best_ticks(Side::Bid), ask_ticks: book.best_ticks(Side::Ask) },
            over: spec.session_seconds == 0,
        })
    }

    /// Appends the next events, at most `count_max`, and returns how many: fewer only where the session is over.
    pub fn next_events(&mut self, events: &mut Vec<Event>, count_max: usize) -> usize {
        let mut made = 0;
        while made < count_max && !self.over {
            made += self.batch(events, (count_max - made).min(BATCH));
        }
        made
    }

    /// Whether the last event has been made.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// Events so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The best prices after the last event so far.
    #[must_use]
    pub const fn quote(&self) -> Quote {
        self.quote
    }

    /// The middle of the best prices, truncated toward zero: after the last event what the next session opens at.
    #[must_use]
    pub const fn close_ticks(&self) -> i32 {
        middle(self.quote.bid_ticks, self.quote.ask_ticks)
    }

    fn batch(&mut self, events: &mut Vec<Event>, count: usize) -> usize {
        match &mut self.path {
            Path::Narrow(model, state) => self.steps.walk(self.arch, model, &mut state.0, &mut state.1, count),
            Path::Wide(model, state) => self.steps.walk(self.arch, model, &mut state.0, &mut state.1, count),
            Path::Rich(rich, path) => {
                let start = events.len();
                while events.len() - start < count {
                    let Some(Unit { time_s, event_type, price_ticks }) = path.next(rich) else {
                        self.over = true;
                        break;
                    };
                    self.count += 1;
                    let ts_ns = self.open_ns + (time_s * NANOS_PER_SECOND as f64) as u64;
                    events.push(Event { ts_ns, event_type, price_ticks, qty: 1, order_id: self.count });
                }
                let (bid_ticks, ask_ticks) = (path.book.best_ticks(Side::Bid), path.book.best_ticks(Side::Ask));
                self.quote = Quote { bid_ticks, ask_ticks };
                return events.len() - start;
            }
        }
        let (steps, log) = (&mut *self.steps, self.log);
        self.arch.dispatch(Waits { steps, log, count });
        let (start, mut last) = (events.len(), None);
        let (mut time_s, open_ns, mut id) = (self.time_s, self.open_ns, self.count);
        let fields = steps.waits.iter().zip(&steps.types).zip(&steps.prices).zip(&steps.happens).take(count);
        for (nth, (((wait, event_type), price), happens)) in fields.enumerate() {
            time_s += wait;
            if time_s >= self.end_s {
                self.over = true;
                break;
            }
            if !happens {
                continue;
            }
            id += 1;
            last = Some(nth);
            let ts_ns = open_ns + (time_s * NANOS_PER_SECOND as f64) as u64;
            events.push(Event { ts_ns, event_type: *event_type, price_ticks: *price, qty: 1, order_id: id });
        }
        self.time_s = time_s;
        let made = events.len() - start;
        if let Some(last) = last {
            self.quote = steps.quotes[last];
            self.count = id;
        }
        made
    }
}

impl Steps {
    fn new() -> Self {
        Self {
            units: [0.0; BATCH],
            totals: [1.0; BATCH],
            types: [EventType::AddBid; BATCH],
            prices: [0; BATCH],
            quotes: [Quote { bid_ticks: 0, ask_ticks: 0 }; BATCH],
            waits: [0.0; BATCH],
            happens: [true; BATCH],
        }
    }

    fn walk<const WIDTH: usize>(
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
}

impl Steps {
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
            self.put(nth, model.step(book, draws), book);
            let lowest = book.lowest_bid_ticks();
            self.happens[nth] = lowest >= floor_ticks || lowest >= before.lowest_bid_ticks();
            if !self.happens[nth] {
                *book = before;
            }
        }
    }

    #[inline(always)]
    fn put<const WIDTH: usize>(&mut self, nth: usize, step: Step, book: &Book<WIDTH>) {
        self.units[nth] = step.unit;
        self.totals[nth] = step.total;
        self.types[nth] = step.event_type;
        self.prices[nth] = step.price_ticks;
        self.quotes[nth] = Quote { bid_ticks: book.best_ticks(Side::Bid), ask_ticks: book.best_ticks(Side::Ask) };
    }
}

/// Makes steps with the vectors that the processor has.
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
        for nth in 0..count.min(BATCH) {
            let step = model.step(book, draws);
            steps.put(nth, step, book);
        }
    }
}

/// Reckons waiting times in the same way: a closure would not be inlined where they may be used.
struct Waits<'a> {
    steps: &'a mut Steps,
    log: &'a Logarithm,
    count: usize,
}

impl NullaryFnOnce for Waits<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Steps { units, totals, waits, .. } = self.steps;
        for ((wait, unit), total) in waits.iter_mut().zip(units).zip(totals).take(self.count) {
            *wait = -self.log.ln(unit.max(UNIT_LEAST)) / *total;
        }
    }
}
