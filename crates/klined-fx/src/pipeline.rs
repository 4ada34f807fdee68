//! Several workers make a plan's seconds, one consumer takes them in order.
//!
//! A second is made whole by one worker; the workers take turns. What a second holds depends on nothing but the market
//! and the plan, so any number of workers makes the same seconds. Between each worker and the consumer there is room for
//! a few seconds: a slow consumer holds the workers up, and memory stays bounded.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use thiserror::Error;

use crate::base::{NoMarket, Pair};
use crate::market::Market;
use crate::plan::{Plan, PlannedSecond};
use crate::rows::{Depth, RowMaker, Sink};

/// Seconds that wait for the consumer, of each worker.
const SECONDS_WAITING: usize = 4;

/// Turns rows into what the consumer takes.
pub trait Encode: Sink<Error = NoMarket> {
    /// The rows of one second.
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
}

/// Why a job ended early.
#[derive(Debug, Error)]
pub enum PipelineError<E> {
    #[error(transparent)]
    Consumer(E),
    #[error("a worker ended before its seconds were made, at second {place} of the plan")]
    WorkerLost { place: u64 },
    #[error("a worker could not make a second")]
    Worker(#[from] NoMarket),
}

/// Whether the consumer wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Continue,
    Stop,
}

impl Job {
    /// Makes the plan's seconds and hands them to the consumer, in order, until it stops or the plan ends.
    ///
    /// # Errors
    /// The consumer's, or a worker that ended.
    pub fn run<E: Encode, Failure>(
        &self,
        encoder: impl Fn() -> E + Sync,
        mut consume: impl FnMut(PlannedSecond, E::Chunk) -> Result<Flow, Failure>,
    ) -> Result<(), PipelineError<Failure>> {
        std::thread::scope(|scope| {
            let mut lanes: Vec<Receiver<Result<E::Chunk, NoMarket>>> = Vec::with_capacity(self.workers);
            for worker in 0..self.workers {
                let (sender, receiver) = sync_channel(SECONDS_WAITING);
                lanes.push(receiver);
                let encoder = &encoder;
                scope.spawn(move || self.work(worker, encoder(), &sender));
            }
            for second in self.plan.seconds(self.market.streams) {
                let lane = &lanes[(second.place % self.workers as u64) as usize];
                let chunk = lane.recv().map_err(|_| PipelineError::WorkerLost { place: second.place })??;
                if consume(second, chunk).map_err(PipelineError::Consumer)? == Flow::Stop {
                    break;
                }
            }
            // Workers that still make seconds end when their lanes are gone.
            drop(lanes);
            Ok(())
        })
    }

    fn work<E: Encode>(&self, worker: usize, mut encoder: E, lane: &SyncSender<Result<E::Chunk, NoMarket>>) {
        let walk = self.market.walk(&self.pairs);
        let mut maker = RowMaker::new(walk, self.market.streams, &self.pairs, self.depth);
        for second in self.plan.seconds(self.market.streams) {
            if second.place % self.workers as u64 != worker as u64 {
                continue;
            }
            let made = maker.second(second, &mut encoder).map(|()| encoder.take());
            if lane.send(made).is_err() {
                return;
            }
        }
    }
}
