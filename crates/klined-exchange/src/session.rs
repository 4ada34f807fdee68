//! One session of one security: its events in order of time.
//!
//! The path of the book depends neither on time nor on the opening price. So a batch of steps is made first, and its times follow
//! together: logarithms and divisions in vectors, then one sum after the other.

use std::sync::Arc;

use pulp::{Arch, NullaryFnOnce};

use crate::book::{Book, Quote, Shape, middle};
use crate::event::Event;
use crate::exact::Logarithm;
use crate::model::{BATCH, Kind, Model, Rich, RichPath, RichSpec, Steps, Unit};
use crate::random::{Draws, uniform};

use crate::units::NANOS_PER_SECOND;

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

/// A session in the making.
#[derive(Debug)]
pub struct Session {
    path: Path,
    steps: Box<Steps>,
    waits: Box<[f64; BATCH]>,
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
        Self::open_on(Arch::new(), spec, model)
    }

    /// Opens a session that uses the instructions of `arch`; its events are the same on any.
    fn open_on(arch: Arch, spec: &SessionSpec, model: &Model) -> Result<Self, TooFewLevels> {
        let (shape, model) = (spec.shape(), model.clone());
        if model.levels_least() > shape.levels() {
            return Err(TooFewLevels { curves: model.levels_least(), levels: shape.levels() });
        }
        let draws = Draws::on(arch, spec.seed);
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
        Ok(Self {
            path,
            steps: Box::new(Steps::new()),
            waits: Box::new([0.0; BATCH]),
            arch,
            log: Logarithm::table(),
            time_s: 0.0,
            end_s: f64::from(spec.session_seconds),
            open_ns: spec.market_open_ns,
            count: 0,
            quote: spec.open_book().quote(),
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
                self.quote = path.book.quote();
                return events.len() - start;
            }
        }
        let (steps, waits, log) = (&*self.steps, &mut self.waits[..count], self.log);
        self.arch.dispatch(Waits { steps, waits, log });
        let (start, mut last) = (events.len(), None);
        let (mut time_s, open_ns, mut id) = (self.time_s, self.open_ns, self.count);
        let fields = waits.iter().zip(&steps.types).zip(&steps.prices).zip(&steps.happens);
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

/// Reckons waiting times in the same way: a closure would not be inlined where they may be used.
struct Waits<'a> {
    steps: &'a Steps,
    waits: &'a mut [f64],
    log: &'a Logarithm,
}

impl NullaryFnOnce for Waits<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Steps { words, totals, .. } = self.steps;
        for (wait, word) in self.waits.iter_mut().zip(words) {
            *wait = uniform(*word).max(UNIT_LEAST);
        }
        self.log.ln_of_all(self.waits);
        for (wait, total) in self.waits.iter_mut().zip(totals) {
            *wait = -*wait / *total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Curves, Parameters};

    /// What this processor has, from no vectors on.
    fn archs() -> Vec<Arch> {
        #[cfg(target_arch = "x86_64")]
        let wide = [pulp::x86::V3::try_new().map(Arch::V3), pulp::x86::V4::try_new().map(Arch::V4)];
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [Some(Arch::new())];
        std::iter::once(Arch::Scalar).chain(wide.into_iter().flatten()).collect()
    }

    #[test]
    fn the_widest_vectors_give_the_bits_of_none() {
        let models = [Model::simple(Parameters::default()), Model::hlr(Curves::of_literature(5))];
        for (seed, model) in (0..30u64).flat_map(|seed| models.iter().map(move |model| (seed, model))) {
            let spec = SessionSpec {
                seed,
                p0_ticks: 10_000,
                tick_size: 100,
                session_seconds: 60,
                levels: [5, 6, 7, 8, 20][seed as usize % 5],
                spread_ticks: 2,
                depth: [5, 1, 12][seed as usize % 3],
                market_open_ns: 0,
            };
            let made = |arch| {
                let (mut session, mut events) = (Session::open_on(arch, &spec, model).unwrap(), Vec::new());
                session.next_events(&mut events, usize::MAX);
                (events, session.quote())
            };
            let mut all = archs().into_iter().map(made);
            let scalar = all.next().unwrap();
            assert!(scalar.0.len() > 1_000);
            assert!(all.all(|wide| wide == scalar), "seed {seed}");
        }
    }
}
