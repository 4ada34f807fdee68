//! Many symbols by several threads, in one order, with bounded memory.
//!
//! The work is cut into spans of days and groups of symbols. Rows come span after span, within a span group after group, within a group symbol
//! after symbol, and within a symbol in order of time. Each thread makes every nth group and has a queue of its own, so the rows and their
//! cuts into batches do not depend on the number of threads. A thread that is ahead waits.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use chrono::NaiveDate;
use klined_market::bars::Bar;
use klined_market::bars::ticks::MinuteTicks;
use klined_market::base::Symbol;
use thiserror::Error;

use crate::columns::{BarColumns, Columns, Dataset, LayoutColumns, QuoteColumns, Style, TradeColumns, schema};
use crate::source::{Flow, Source};

/// Rows of a batch: a few megabytes.
pub const BATCH_ROWS: usize = 32_768;
/// Batches that wait in a thread's queue.
const WAITING: usize = 16;

/// Why rows were not made.
#[derive(Debug, Error)]
pub enum PipelineError<S: std::error::Error, C: std::error::Error> {
    /// The source failed.
    #[error(transparent)]
    Source(S),
    /// The rows could not be taken.
    #[error(transparent)]
    Consumer(C),
    /// The columns are not those of their schema.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// A thread ended without its rows.
    #[error("a thread that makes rows ended in a panic; this is a bug, please report it")]
    ThreadLost,
}

/// How the work is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// Every day is a span of its own; otherwise all days are one span.
    pub by_day: bool,
    /// Every symbol is a group of its own; otherwise a group has as many symbols as fit into a batch.
    pub by_symbol: bool,
}

/// Rows that were made.
#[derive(Debug)]
pub struct Piece<'a> {
    /// The days of its span.
    pub days: &'a [NaiveDate],
    /// The place of the first symbol of its group.
    pub place: usize,
    /// The rows, of the job's schema. None in a piece that only reports progress.
    pub batch: RecordBatch,
}

/// Rows that are wanted of a source.
#[derive(Debug)]
pub struct Job<'a> {
    dataset: Dataset,
    style: Style,
    days: &'a [NaiveDate],
    threads: NonZeroUsize,
    cut: Cut,
    provenance: Vec<(&'static str, String)>,
}

/// What a thread sends.
enum Message<E: std::error::Error> {
    Batch(RecordBatch),
    /// A group is complete.
    End,
    Failed(PipelineError<E, Infallible>),
}

impl<'a> Job<'a> {
    /// The rows of some trading days, symbol after symbol.
    #[must_use]
    pub fn whole(dataset: Dataset, style: Style, days: &'a [NaiveDate], threads: NonZeroUsize) -> Self {
        Self { dataset, style, days, threads, cut: Cut::default(), provenance: Vec::new() }
    }

    /// The same rows in pieces that are cut in another way.
    #[must_use]
    pub fn cut(self, cut: Cut) -> Self {
        Self { cut, ..self }
    }

    /// The same rows, with what they follow from in the metadata of their schema.
    #[must_use]
    pub fn with_provenance(self, provenance: Vec<(&'static str, String)>) -> Self {
        Self { provenance, ..self }
    }

    /// The columns of the rows.
    #[must_use]
    pub fn schema(&self, source: &impl Source) -> SchemaRef {
        schema(self.dataset, self.style, source.calendar(), &self.provenance)
    }

    /// How many symbols are in a group.
    fn group(&self, source: &impl Source) -> usize {
        let Dataset::Bars(interval) = self.dataset else { return 1 };
        if self.cut.by_symbol {
            return 1;
        }
        let days = if self.cut.by_day { 1 } else { self.days.len() };
        let a_day = usize::from(source.calendar().hours().minutes_per_day());
        let rows = days * a_day / usize::from(interval.trading_minutes().unwrap_or(a_day as u16)).max(1);
        (BATCH_ROWS / rows.max(1)).max(1)
    }

    /// Makes the rows and gives them to `consume`, on this thread.
    ///
    /// # Errors
    /// The source fails, or `consume` does. No more rows are made then.
    pub fn run<S: Source, C: std::error::Error>(
        &self,
        source: &S,
        mut consume: impl FnMut(Piece<'a>) -> Result<(), C>,
    ) -> Result<(), PipelineError<S::Error, C>> {
        let (schema, group) = (self.schema(source), self.group(source));
        let groups = source.symbols().len().div_ceil(group);
        let threads = self.threads.get().min(groups.max(1));
        std::thread::scope(|scope| {
            let mut lanes: Vec<Receiver<Message<S::Error>>> = Vec::with_capacity(threads);
            for thread in 0..threads {
                let (sender, receiver) = sync_channel(WAITING);
                lanes.push(receiver);
                let worker = Worker { job: self, source, schema: schema.clone(), group, groups, thread, threads };
                scope.spawn(move || worker.run(&sender));
            }
            // Where this returns early, the lanes go with it, and threads that still make rows end.
            for days in self.spans() {
                for number in 0..groups {
                    loop {
                        match lanes[number % threads].recv() {
                            Ok(Message::Batch(batch)) => {
                                let piece = Piece { days, place: number * group, batch };
                                consume(piece).map_err(PipelineError::Consumer)?;
                            }
                            Ok(Message::End) => break,
                            Ok(Message::Failed(error)) => return Err(widened(error)),
                            Err(_) => return Err(PipelineError::ThreadLost),
                        }
                    }
                }
            }
            Ok(())
        })
    }

    fn spans(&self) -> impl Iterator<Item = &'a [NaiveDate]> + use<'a> {
        self.days.chunks(if self.cut.by_day { 1 } else { self.days.len().max(1) })
    }
}

fn widened<S: std::error::Error, C: std::error::Error>(error: PipelineError<S, Infallible>) -> PipelineError<S, C> {
    match error {
        PipelineError::Source(error) => PipelineError::Source(error),
        PipelineError::Arrow(error) => PipelineError::Arrow(error),
        PipelineError::ThreadLost => PipelineError::ThreadLost,
        PipelineError::Consumer(never) => match never {},
    }
}

/// One thread's part of a job.
struct Worker<'j, 'a, S> {
    job: &'j Job<'a>,
    source: &'j S,
    schema: SchemaRef,
    group: usize,
    groups: usize,
    thread: usize,
    threads: usize,
}

/// The columns of a dataset.
enum Rows<'c> {
    Bars(BarColumns<'c>),
    Laid(LayoutColumns<'c>),
    Trades(TradeColumns),
    Quotes(QuoteColumns),
}

impl Rows<'_> {
    fn columns(&mut self) -> &mut dyn Columns {
        match self {
            Self::Bars(columns) => columns,
            Self::Laid(columns) => columns,
            Self::Trades(columns) => columns,
            Self::Quotes(columns) => columns,
        }
    }

    fn push_bars(&mut self, symbol: &Symbol, bars: &[Bar]) {
        match self {
            Self::Bars(columns) => columns.push(symbol, bars),
            Self::Laid(columns) => bars.iter().for_each(|bar| columns.push(symbol, bar)),
            Self::Trades(_) | Self::Quotes(_) => {}
        }
    }

    fn push_ticks(&mut self, symbol: &Symbol, minute: &MinuteTicks) {
        match self {
            Self::Bars(_) | Self::Laid(_) => {}
            Self::Trades(columns) => minute.trades().iter().for_each(|trade| columns.push(symbol, trade)),
            Self::Quotes(columns) => minute.quotes().iter().for_each(|quote| columns.push(symbol, quote)),
        }
    }
}

/// A worker's way of ending early: nobody takes its rows any more, or it failed.
enum Ended<E: std::error::Error> {
    Unwanted,
    Failed(PipelineError<E, Infallible>),
}

impl<E: std::error::Error> From<ArrowError> for Ended<E> {
    fn from(error: ArrowError) -> Self {
        Self::Failed(error.into())
    }
}

impl<S: Source> Worker<'_, '_, S> {
    fn run(&self, lane: &SyncSender<Message<S::Error>>) {
        if let Err(Ended::Failed(error)) = self.make(lane) {
            // Where the lane is gone, nobody waits for the error either.
            let _ = lane.send(Message::Failed(error));
        }
    }

    fn make(&self, lane: &SyncSender<Message<S::Error>>) -> Result<(), Ended<S::Error>> {
        let symbols = self.source.symbols();
        let own = || (self.thread..self.groups).step_by(self.threads);
        let places = |number: usize| number * self.group..((number + 1) * self.group).min(symbols.len());
        // With one span a walk lives no longer than its symbol.
        let mut kept = Vec::new();
        for (span, days) in self.job.spans().enumerate() {
            for (turn, number) in own().enumerate() {
                let mut rows = self.rows();
                for (of_turn, place) in places(number).enumerate() {
                    let at = turn * self.group + of_turn;
                    if self.job.cut.by_day {
                        if span == 0 {
                            kept.push(self.begin(place)?);
                        }
                        self.walk(&mut kept[at], place, days, &mut rows, lane)?;
                    } else {
                        self.walk(&mut self.begin(place)?, place, days, &mut rows, lane)?;
                    }
                }
                self.send(&mut rows, 1, lane)?;
                lane.send(Message::End).map_err(|_| Ended::Unwanted)?;
            }
        }
        Ok(())
    }

    fn begin(&self, place: usize) -> Result<S::Walk, Ended<S::Error>> {
        self.source.begin(place).map_err(|error| Ended::Failed(PipelineError::Source(error)))
    }

    fn rows(&self) -> Rows<'_> {
        let calendar = self.source.calendar();
        match self.job.dataset {
            Dataset::Bars(interval) => match self.job.style.layout {
                Some(layout) => Rows::Laid(LayoutColumns::new(calendar, interval, layout)),
                None => Rows::Bars(BarColumns::new(calendar, interval, self.job.style.label)),
            },
            Dataset::Trades => Rows::Trades(TradeColumns::new(calendar)),
            Dataset::Quotes => Rows::Quotes(QuoteColumns::new(calendar)),
        }
    }

    /// Sends the rows as a batch when there are so many of them.
    fn send(&self, rows: &mut Rows, least: usize, lane: &SyncSender<Message<S::Error>>) -> Result<(), Ended<S::Error>> {
        let columns = rows.columns();
        if columns.rows() < least {
            return Ok(());
        }
        lane.send(Message::Batch(columns.take(&self.schema)?)).map_err(|_| Ended::Unwanted)
    }

    /// Adds the rows of a symbol.
    fn walk(
        &self,
        walk: &mut S::Walk,
        place: usize,
        days: &[NaiveDate],
        rows: &mut Rows,
        lane: &SyncSender<Message<S::Error>>,
    ) -> Result<(), Ended<S::Error>> {
        let symbol = &self.source.symbols()[place];
        let mut sent = Ok(());
        let flow = |sent: &Result<(), _>| if sent.is_ok() { Flow::Continue } else { Flow::Stop };
        let made = match self.job.dataset {
            Dataset::Bars(interval) => self.source.bars(walk, interval, days, &mut |bars| {
                rows.push_bars(symbol, bars);
                sent = self.send(rows, BATCH_ROWS, lane);
                flow(&sent)
            }),
            Dataset::Trades | Dataset::Quotes => self.source.ticks(walk, days, &mut |minute| {
                rows.push_ticks(symbol, minute);
                sent = self.send(rows, BATCH_ROWS, lane);
                flow(&sent)
            }),
        };
        made.map_err(|error| Ended::Failed(PipelineError::Source(error)))?;
        sent
    }
}
