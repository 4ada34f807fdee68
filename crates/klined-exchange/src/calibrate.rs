//! Curves of rates from logs: how often each kind of event happened at each level and length of its queue, over how long that state lasted.
//!
//! The estimate of a rate is the number of events over the exposure, which is the maximum likelihood for a Poisson process whose rate is
//! constant while the state is. Every instant of a session counts as exposure, that before the first event and that after the last one too; a level
//! whose state nothing changed was still exposed. Where the model multiplies a rate by a known factor, exposure is multiplied by it: limit orders by
//! that of the spread and by the chance that they do not go inside of it, market orders by those of the spread and of the imbalance.

use std::io::{Read, Seek};

use thiserror::Error;

use crate::book::{Book, NotOfThisBook};
use crate::event::{Event, EventType, Side};
use crate::exact::exp;
use crate::log::{LogError, LogReader, Tail};
use crate::model::{Curve, Curves};
use crate::units::NANOS_PER_SECOND;

/// What can be wrong with a log to calibrate with.
#[derive(Debug, Error)]
pub enum CalibrateError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("event {order_id} does not follow from those before it: {bad}")]
    Event { order_id: u64, bad: NotOfThisBook },
    #[error("the log has {found} levels a side, curves of {expected} are asked for")]
    Levels { found: usize, expected: usize },
}

/// Events and exposure of one state.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cell {
    /// Events.
    pub count: u64,
    /// Seconds, each multiplied by the factor that the model has at that time.
    pub exposure_s: f64,
}

impl Cell {
    /// The estimated rate a second, if there was any exposure.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.exposure_s > 0.0).then(|| self.count as f64 / self.exposure_s)
    }
}

/// What was observed of one kind of event at one level: cells by the queue's length, the last one for all longer ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed(Vec<Cell>);

impl Observed {
    fn new(n_max: u32) -> Self {
        Self(vec![Cell::default(); n_max as usize + 1])
    }

    fn cell(&mut self, length: u32) -> &mut Cell {
        let last = self.0.len() - 1;
        &mut self.0[(length as usize).min(last)]
    }

    /// Cells by the queue's length.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.0
    }

    /// The curve. A length that was never seen has the rate of the next shorter one that was, or of the next longer one.
    fn curve(&self, empty_queue: Option<f64>) -> Curve {
        let first = self.0.iter().find_map(Cell::rate).unwrap_or(0.0);
        let mut last = first;
        let mut values: Vec<f64> = Vec::with_capacity(self.0.len());
        for cell in &self.0 {
            last = cell.rate().unwrap_or(last);
            values.push(last);
        }
        if let Some(rate) = empty_queue {
            values[0] = rate;
        }
        Curve::new(values)
    }
}

/// Observes logs and estimates curves.
#[derive(Debug, Clone)]
pub struct Estimator {
    levels: usize,
    n_max: u32,
    spread_sensitivity: f64,
    imbalance_sensitivity: f64,
    /// For spreads of 1, 2, 3 …: see [`spread_factors`].
    factors: Vec<(f64, f64)>,
    /// By side and level.
    adds: [Vec<Observed>; 2],
    cancels: [Vec<Observed>; 2],
    /// By the side whose orders are executed.
    executions: [Observed; 2],
    /// Events that were observed.
    events: u64,
}

/// Factors are kept for spreads of 1 to this many ticks.
const SPREADS: i32 = 64;

impl Estimator {
    /// For curves of `levels` levels a side, 1 to 64, and queues of up to `n_max` units. The sensitivities are given, not estimated.
    #[must_use]
    pub fn new(levels: usize, n_max: u32, spread_sensitivity: f64, imbalance_sensitivity: f64) -> Self {
        let observed = || vec![Observed::new(n_max); levels];
        Self {
            levels,
            n_max,
            spread_sensitivity,
            imbalance_sensitivity,
            factors: (1..=SPREADS).map(|spread| spread_factors(spread_sensitivity, spread)).collect(),
            adds: [observed(), observed()],
            cancels: [observed(), observed()],
            executions: [Observed::new(n_max), Observed::new(n_max)],
            events: 0,
        }
    }

    /// Observes a session. A log that was not ended counts up to its last event; so does one that was ended before its session was, as the
    /// manifest has it, where `partial` says so.
    ///
    /// # Errors
    /// [`CalibrateError`]; what was observed up to there stays.
    pub fn observe<F: Read + Seek>(&mut self, log: &mut LogReader<F>, partial: bool) -> Result<(), CalibrateError> {
        let session = log.header().session;
        let mut book = session.open_book();
        if book.shape().levels() < self.levels {
            return Err(CalibrateError::Levels { found: book.shape().levels(), expected: self.levels });
        }
        let mut before_ns = session.market_open_ns;
        log.for_each_chunk(|events| {
            for event in events {
                self.expose(&book, event.ts_ns.saturating_sub(before_ns));
                self.count(&book, event);
                before_ns = event.ts_ns;
                let order_id = event.order_id;
                book.apply(event).map_err(|bad| CalibrateError::Event { order_id, bad })?;
            }
            Ok::<(), CalibrateError>(())
        })?;
        if !partial && matches!(log.tail(), Tail::Index { .. }) {
            let end_ns = session.market_open_ns + u64::from(session.session_seconds) * NANOS_PER_SECOND;
            self.expose(&book, end_ns.saturating_sub(before_ns));
        }
        Ok(())
    }

    /// Factors of limit orders that join a level, and of executions by the side whose orders are executed.
    fn factors(&self, book: &Book) -> (f64, [f64; 2]) {
        let spread = book.spread_ticks();
        let kept = self.factors.get(spread.wrapping_sub(1) as usize).copied();
        let (joins, executions) = kept.unwrap_or_else(|| spread_factors(self.spread_sensitivity, spread));
        let sum = |side| book.levels(side).take(self.levels).map(|level| f64::from(level.depth)).sum::<f64>();
        let (bids, asks) = (sum(Side::Bid), sum(Side::Ask));
        let imbalance = (bids - asks) / (bids + asks);
        let more = |part: f64| executions * (1.0 + self.imbalance_sensitivity.max(0.0) * part.max(0.0));
        (joins, [more(imbalance), more(-imbalance)])
    }

    fn expose(&mut self, book: &Book, nanos: u64) {
        if nanos == 0 {
            return;
        }
        let seconds = nanos as f64 / NANOS_PER_SECOND as f64;
        let (joins, executions) = self.factors(book);
        for side in [Side::Bid, Side::Ask] {
            let at = side as usize;
            for (nth, level) in book.levels(side).take(self.levels).enumerate() {
                self.adds[at][nth].cell(level.depth).exposure_s += seconds * joins;
                self.cancels[at][nth].cell(level.depth).exposure_s += seconds;
                if nth == 0 {
                    self.executions[at].cell(level.depth).exposure_s += seconds * executions[at];
                }
            }
        }
    }

    fn count(&mut self, book: &Book, event: &Event) {
        self.events += 1;
        let side = event.side();
        // An order inside the spread joins no level.
        let Some(level) = book.level_of(side, event.price_ticks).filter(|level| *level < self.levels) else { return };
        let depth = book.levels(side).nth(level).map_or(0, |level| level.depth);
        let observed = match event.event_type {
            EventType::AddBid | EventType::AddAsk => &mut self.adds[side as usize][level],
            EventType::CancelBid | EventType::CancelAsk => &mut self.cancels[side as usize][level],
            EventType::ExecuteBuy | EventType::ExecuteSell => &mut self.executions[side as usize],
        };
        observed.cell(depth).count += 1;
    }

    /// Events that were observed.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// What was observed of limit orders at a level.
    #[must_use]
    pub fn adds(&self, side: Side, level: usize) -> Option<&Observed> {
        self.adds[side as usize].get(level)
    }

    /// What was observed of cancellations at a level.
    #[must_use]
    pub fn cancels(&self, side: Side, level: usize) -> Option<&Observed> {
        self.cancels[side as usize].get(level)
    }

    /// What was observed of executions of a side's orders.
    #[must_use]
    pub const fn executions(&self, side: Side) -> &Observed {
        &self.executions[side as usize]
    }

    /// The estimated curves. From an empty queue nothing is cancelled or executed.
    #[must_use]
    pub fn curves(&self) -> Curves {
        let curves = |observed: &[Observed], empty| observed.iter().map(|level| level.curve(empty)).collect();
        Curves {
            levels: self.levels,
            n_max: self.n_max,
            spread_sensitivity: self.spread_sensitivity,
            imbalance_sensitivity: self.imbalance_sensitivity,
            add_bid: curves(&self.adds[0], None),
            add_ask: curves(&self.adds[1], None),
            cancel_bid: curves(&self.cancels[0], Some(0.0)),
            cancel_ask: curves(&self.cancels[1], Some(0.0)),
            buy: self.executions[Side::Ask as usize].curve(Some(0.0)),
            sell: self.executions[Side::Bid as usize].curve(Some(0.0)),
        }
    }
}

/// Factors of limit orders that join a level, and of executions, at a spread.
fn spread_factors(sensitivity: f64, spread_ticks: i32) -> (f64, f64) {
    let wide = f64::from(spread_ticks) - 2.0;
    let inside = (f64::from(spread_ticks - 1) * 0.5).clamp(0.0, 1.0);
    if sensitivity > 0.0 {
        (exp(sensitivity * wide) * (1.0 - inside), exp(-sensitivity * wide))
    } else {
        (1.0 - inside, 1.0)
    }
}
