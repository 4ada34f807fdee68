//! A run at full speed: securities side by side on some threads.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use super::lane::Lane;
use super::{DayDone, Directory, RunError};

/// About so many events are made between two looks at the stop flag, in full chunks; less than a millisecond's work.
const EVENTS: usize = 16_384;

/// Lanes that wait for a thread, the furthest behind first.
struct Waiting<'a> {
    lanes: Mutex<(VecDeque<Lane<'a>>, usize)>,
    changed: Condvar,
}

/// Makes the days of a run that are not there yet. `days` of none goes on until `stop`. `done` is called for every day that is whole, from
/// any of the threads.
///
/// # Errors
/// The first [`RunError`] of any security; the others end at the next event's border.
pub fn run_batch(
    directory: &Directory,
    days: Option<u32>,
    threads: NonZeroUsize,
    stop: &AtomicBool,
    done: &(dyn Fn(&DayDone) + Sync),
) -> Result<(), RunError> {
    let model = directory.run().model();
    let count = directory.run().securities_count();
    let mut lanes = VecDeque::with_capacity(count);
    for nth in 0..count {
        lanes.push_back(Lane::find(directory, &model, nth)?);
    }
    let waiting = Waiting { lanes: Mutex::new((lanes, count)), changed: Condvar::new() };
    let failed: Mutex<Option<RunError>> = Mutex::new(None);
    let halt = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..threads.get().min(count) {
            scope.spawn(|| {
                while let Some(mut lane) = waiting.take() {
                    let over = days.is_some_and(|days| lane.day >= days);
                    let next = if over { Ok(None) } else { one_day(&mut lane, stop, &halt) };
                    match next {
                        Ok(Some(day)) => {
                            done(&day);
                            waiting.put(lane);
                        }
                        Ok(None) => waiting.leave(),
                        Err(error) => {
                            halt.store(true, Ordering::Relaxed);
                            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                            waiting.leave();
                        }
                    }
                }
            });
        }
    });
    // What failed first says more than what failed because of it.
    let written = directory.write_manifest();
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(written, Err)
}

/// Makes a day to its end; nothing where it was stopped.
fn one_day(lane: &mut Lane<'_>, stop: &AtomicBool, halt: &AtomicBool) -> Result<Option<DayDone>, RunError> {
    let stopped = || stop.load(Ordering::Relaxed) || halt.load(Ordering::Relaxed);
    if stopped() {
        return Ok(None);
    }
    let count = EVENTS.next_multiple_of(lane.chunk_capacity());
    while lane.making()?.advance(count)? {
        if stopped() {
            lane.stop()?;
            return Ok(None);
        }
    }
    lane.turn().map(Some)
}

impl<'a> Waiting<'a> {
    /// The lane that is furthest behind; nothing when all are done.
    fn take(&self) -> Option<Lane<'a>> {
        let mut state = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(lane) = state.0.pop_front() {
                return Some(lane);
            }
            if state.1 == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, lane: Lane<'a>) {
        let mut state = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let at = state.0.partition_point(|other| other.day <= lane.day);
        state.0.insert(at, lane);
        self.changed.notify_one();
    }

    fn leave(&self) {
        let mut state = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 -= 1;
        self.changed.notify_all();
    }
}
