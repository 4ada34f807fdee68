//! Several workers make a plan's seconds, one consumer takes them in order.
//!
//! Seconds are made in blocks of neighbours; a block is made whole by one worker, and the workers take turns. What a
//! second holds depends on nothing but the market and the plan, so any number of workers and any length of a block makes
//! the same rows. Between each worker and the consumer there is room for a few blocks: a slow consumer holds the
//! workers up, and memory stays bounded.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use thiserror::Error;

use crate::base::{NoMarket, Pair};
use crate::market::Market;
use crate::plan::{Plan, PlannedSecond, Seconds};
use crate::rows::{Depth, RowMaker, Sink};

/// Blocks of each worker that wait for the consumer.
const BLOCKS_WAITING: usize = 2;

/// Turns rows into what the consumer takes.
pub trait Encode: Sink<Error: From<NoMarket> + Send> {
    /// The rows of a block.
    type Chunk: Send;

    /// What was taken since the last call.
    fn take(&mut self) -> Self::Chunk;
}

/// What is made.
#[derive(Debug, Clone)]
pub struct Job {
    pub market: Market,
    pub pairs: Vec<Pair>,
    pub depth: Depth,
    pub plan: Plan,
    /// How many workers make it, at least 1.
    pub workers: usize,
    /// How many seconds are made together, at least 1.
    pub block_seconds: usize,
}

/// Neighbouring seconds of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub first: PlannedSecond,
    pub last: PlannedSecond,
    /// Rows of `market_data` in all of them.
    pub book_rows: u64,
}

/// Why a job ended early.
#[derive(Debug, Error)]
pub enum PipelineError<Making: std::error::Error, Taking> {
    #[error(transparent)]
    Consumer(Taking),
    #[error("a worker ended before it had made its seconds, at Unix second {second}")]
    WorkerLost { second: i64 },
    #[error(transparent)]
    Worker(Making),
}

/// Whether the consumer wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Continue,
    Stop,
}

type Lane<E> = Result<<E as Encode>::Chunk, <E as Sink>::Error>;

impl Job {
    /// Makes the plan's seconds and hands them to the consumer, in order, until it stops or the plan ends.
    ///
    /// # Errors
    /// The consumer's, or a worker's.
    pub fn run<E: Encode<Error: std::error::Error>, Taking>(
        &self,
        encoder: impl Fn() -> E + Sync,
        mut consume: impl FnMut(Block, E::Chunk) -> Result<Flow, Taking>,
    ) -> Result<(), PipelineError<E::Error, Taking>> {
        std::thread::scope(|scope| {
            let mut lanes: Vec<Receiver<Lane<E>>> = Vec::with_capacity(self.workers);
            let mut workers = Vec::with_capacity(self.workers);
            for worker in 0..self.workers {
                let (sender, receiver) = sync_channel(BLOCKS_WAITING);
                lanes.push(receiver);
                let encoder = &encoder;
                workers.push(scope.spawn(move || self.work(worker, encoder(), &sender)));
            }
            let mut take_turns = || {
                let mut seconds = self.plan.seconds(self.market.streams);
                for lane in (0..self.workers).cycle() {
                    let Some(block) = self.next_block(&mut seconds, |_| ()) else { break };
                    let lost = |_| PipelineError::WorkerLost { second: block.first.second };
                    let chunk = lanes[lane].recv().map_err(lost)?.map_err(PipelineError::Worker)?;
                    if consume(block, chunk).map_err(PipelineError::Consumer)? == Flow::Stop {
                        break;
                    }
                }
                Ok(())
            };
            let outcome = take_turns();
            // Workers that still make seconds end when their lanes are gone.
            drop(lanes);
            // A worker that panicked has been missed above, where it matters.
            workers.into_iter().for_each(|worker| drop(worker.join()));
            outcome
        })
    }

    fn next_block(&self, seconds: &mut Seconds, mut each: impl FnMut(PlannedSecond)) -> Option<Block> {
        let mut block: Option<Block> = None;
        for second in seconds.take(self.block_seconds) {
            each(second);
            let begun = block.unwrap_or(Block { first: second, last: second, book_rows: 0 });
            block = Some(Block { last: second, book_rows: begun.book_rows + u64::from(second.book_rows), ..begun });
        }
        block
    }

    fn work<E: Encode>(&self, worker: usize, mut encoder: E, lane: &SyncSender<Lane<E>>) {
        let walk = self.market.walk(&self.pairs);
        let mut maker = RowMaker::new(walk, self.market.streams, &self.pairs, self.depth);
        let mut seconds = self.plan.seconds(self.market.streams);
        for turn in (0..self.workers).cycle() {
            let mut made = Ok(());
            let block = self.next_block(&mut seconds, |second| {
                if turn == worker && made.is_ok() {
                    made = maker.second(second, &mut encoder);
                }
            });
            if block.is_none() || turn == worker && lane.send(made.map(|()| encoder.take())).is_err() {
                return;
            }
        }
    }
}
