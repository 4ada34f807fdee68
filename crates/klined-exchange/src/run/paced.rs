//! A run in step with a clock: all securities on one schedule.
//!
//! A session of S seconds lasts S / speed by the clock, then comes a pause. Every instant of the schedule is reckoned from its start, so nothing drifts.
//! A run that goes on in mid-day starts its schedule so that the session is where the security that is furthest ahead stopped; the others catch up
//! at once.

use std::time::Duration;

use super::lane::Lane;
use super::{DayDone, Directory, RunError};

use crate::units::NANOS_PER_SECOND;

/// Between two sessions, by the clock.
const PAUSE: Duration = Duration::from_secs(5);
/// Events are put into the logs at least so far apart by the clock, so that few wake-ups serve many events.
const STEP: Duration = Duration::from_millis(20);

/// The clock that a run keeps step with, and what stops it.
pub trait Pace {
    /// Time since the run started.
    fn elapsed(&self) -> Duration;

    /// Waits until so much time has passed since the run started. False when the run is to stop: then at once.
    fn wait_until(&self, elapsed: Duration) -> bool;
}

/// Makes the days of a run that are not there yet, in step with a clock at `speed` times real time. `days` of none goes on until stopped.
///
/// # Errors
/// [`RunError`] of the first security that fails.
pub fn run_paced(
    directory: &Directory,
    days: Option<u32>,
    speed: f64,
    pace: &dyn Pace,
    done: &mut dyn FnMut(&DayDone),
) -> Result<(), RunError> {
    let model = directory.run().model();
    let count = directory.run().securities_count();
    let lanes: Result<Vec<_>, _> = (0..count).map(|nth| Lane::find(directory, &model, nth)).collect();
    let mut schedule = Schedule { lanes: lanes?, days, speed, pace, directory };
    // What failed first says more than what failed because of it.
    let mut outcome = schedule.run(done);
    for lane in &mut schedule.lanes {
        outcome = outcome.and(lane.stop());
    }
    outcome.and(directory.write_manifest())
}

struct Schedule<'a> {
    lanes: Vec<Lane<'a>>,
    days: Option<u32>,
    speed: f64,
    pace: &'a dyn Pace,
    directory: &'a Directory,
}

impl Schedule<'_> {
    fn run(&mut self, done: &mut dyn FnMut(&DayDone)) -> Result<(), RunError> {
        let run = self.directory.run();
        let open_ns = u64::from(run.market_open_s) * NANOS_PER_SECOND;
        let session_s = f64::from(run.session_seconds);
        let Some(mut day) = self.lanes.iter().map(|lane| lane.day).max() else { return Ok(()) };
        // Whole days of those that are behind, without waiting.
        for lane in &mut self.lanes {
            while lane.day < day && self.days.is_none_or(|days| lane.day < days) {
                let count = lane.chunk_capacity();
                while lane.making()?.advance(count)? {
                    if !self.pace.wait_until(Duration::ZERO) {
                        return Ok(());
                    }
                }
                done(&lane.turn()?);
            }
        }
        // When the session opened by the clock, before the run's start where the session goes on in mid-day.
        let mut opened_s = self.pace.elapsed().as_secs_f64();
        let mut first = true;
        while self.days.is_none_or(|days| day < days) {
            if first {
                let mut reached_ns = open_ns;
                for lane in &mut self.lanes {
                    reached_ns = reached_ns.max(lane.making()?.reached_ns(open_ns));
                }
                opened_s -= ((reached_ns - open_ns) as f64 * 1e-9).min(session_s) / self.speed;
                first = false;
            }
            if !self.session(opened_s, open_ns, session_s)? {
                return Ok(());
            }
            for lane in &mut self.lanes {
                done(&lane.turn()?);
            }
            day += 1;
            opened_s += session_s / self.speed + PAUSE.as_secs_f64();
            let more = self.days.is_none_or(|days| day < days);
            if more && !self.pace.wait_until(Duration::from_secs_f64(opened_s.max(0.0))) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One session of every security. False when it was stopped.
    fn session(&mut self, opened_s: f64, open_ns: u64, session_s: f64) -> Result<bool, RunError> {
        let ended_s = opened_s + session_s / self.speed;
        loop {
            let now_s = self.pace.elapsed().as_secs_f64();
            let passed_ns = ((now_s - opened_s) * self.speed * NANOS_PER_SECOND as f64).max(0.0) as u64;
            let mut next_ns = None;
            for lane in &mut self.lanes {
                let day = lane.making()?;
                if day.advance_until(open_ns + passed_ns)? {
                    next_ns = next_ns.into_iter().chain(day.next_ts_ns()).min();
                }
            }
            // When nothing more comes, the session still lasts to its end.
            let over = next_ns.is_none();
            let next_s = next_ns.map_or(ended_s, |ts_ns| opened_s + (ts_ns - open_ns) as f64 * 1e-9 / self.speed);
            let wake_s = if over { next_s } else { next_s.max(now_s + STEP.as_secs_f64()) };
            if !self.pace.wait_until(Duration::from_secs_f64(wake_s.max(0.0))) {
                return Ok(false);
            }
            if over {
                return Ok(true);
            }
        }
    }
}
