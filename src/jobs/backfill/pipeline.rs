//! Writing history while it is made.
//!
//! One thread makes bars, another hands them to the database. Where a month goes in as a whole, the next one is handed over by
//! a third while the database builds the first one's key; it becomes visible only after the first. Parts waiting are bounded,
//! and when one thread fails the others give up what they are at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::{debug, info};

use super::super::advance::WRITE_BARS_MAX;
use super::super::universe::Roster;
use super::super::{JobError, Market, Stop};
use super::Progress;
use super::walk::{Made, Stretch, Walk, make, stretches};
use crate::store::{HistoryPart, LoadRoles, MonthLoad, MonthRoom, NextPart, PartSource};
use klined_market::calendar::Minute;

/// How many parts may wait for the database.
const PARTS_AHEAD: usize = 8;

/// Bars written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    /// Of a minute.
    pub bars: u64,
    pub rollups: u64,
}

impl Written {
    fn add(&mut self, more: Self) {
        self.bars += more.bars;
        self.rollups += more.rollups;
    }
}

impl From<&HistoryPart> for Written {
    fn from(part: &HistoryPart) -> Self {
        let bars = part.minutes.bars.len() as u64;
        Self { bars, rollups: part.bars() as u64 - bars }
    }
}

/// Writes the way of all symbols to a minute, or to where it was when asked to stop.
pub(super) struct Pipeline<'a> {
    pub market: &'a Market,
    pub roles: LoadRoles<'a>,
    pub roster: &'a Roster,
    pub stop: &'a Stop,
}

/// A message of a thread that writes a stretch.
enum StretchMessage {
    /// A part with this many 1-minute bars is in a transaction that is not committed yet.
    UnderWay(u64),
    /// All parts are handed over: the next stretch may begin.
    AllHandedOver,
    Written(Written),
    /// The thread has ended; none when it gave up without an error of its own.
    Over(Result<Option<()>, JobError>),
}

/// What the writing threads share.
struct Shared {
    /// None when nothing more is wanted.
    made: Mutex<Option<Receiver<Made>>>,
    has_failed: AtomicBool,
}

impl Shared {
    fn made(&self) -> MutexGuard<'_, Option<Receiver<Made>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline<'_> {
    pub fn run(
        &self,
        walks: &mut [Walk<'_>],
        target: Minute,
        progress: &mut dyn Progress,
    ) -> Result<Written, JobError> {
        let stretches = stretches(&self.market.calendar, walks, target);
        let rooms = stretches
            .iter()
            .map(|stretch| self.market.store.make_room(stretch.month))
            .collect::<Result<Vec<_>, _>>()?;
        let (send, made) = sync_channel(PARTS_AHEAD);
        let shared = Shared { made: Mutex::new(Some(made)), has_failed: AtomicBool::new(false) };
        std::thread::scope(|scope| {
            let (market, roster, all) = (self.market, self.roster, &stretches);
            scope.spawn(move || make(market, roster, walks, all, &send));
            let (messages, received) = channel();
            let begin = |stretch: &Stretch, room: MonthRoom, turn: Receiver<bool>| {
                let (stretch, shared) = (*stretch, &shared);
                let over = EndNotice { messages: messages.clone(), outcome: Ok(None) };
                scope.spawn(move || over.after(|messages| self.write(shared, stretch, room, messages, turn)));
            };
            let outcome = self.oversee(&stretches, &rooms, begin, &shared, &received, progress);
            // The thread that makes bars ends when their receiver is gone.
            drop(shared.made().take());
            outcome
        })
    }

    /// Begins one stretch after the other and receives their messages.
    fn oversee(
        &self,
        stretches: &[Stretch],
        rooms: &[MonthRoom],
        mut begin: impl FnMut(&Stretch, MonthRoom, Receiver<bool>),
        shared: &Shared,
        received: &Receiver<StretchMessage>,
        progress: &mut dyn Progress,
    ) -> Result<Written, JobError> {
        let lanes = if self.market.store.pool().max > 2 { 2 } else { 1 };
        let mut next = stretches.iter().zip(rooms).peekable();
        let (mut begun, mut over, mut is_handing_over) = (0, 0, false);
        // Signals the stretch that was begun last that the one before it is over.
        let mut turn: Option<Sender<bool>> = None;
        let (mut written, mut under_way, mut failure) = (Written::default(), 0, None);
        loop {
            let may_begin = !is_handing_over && !self.stop.is_asked() && !shared.has_failed.load(Ordering::Relaxed);
            let fits = |room: &MonthRoom| begun - over < if *room == MonthRoom::Free { lanes } else { 1 };
            if let Some((stretch, room)) = next.next_if(|(_, room)| may_begin && fits(room)) {
                let (send, take) = channel();
                if begun == over {
                    let _ = send.send(true);
                }
                begin(stretch, *room, take);
                turn = Some(send);
                (begun, is_handing_over) = (begun + 1, true);
                continue;
            }
            if begun == over {
                return failure.map_or(Ok(written), Err);
            }
            // Every thread that was begun sends a message at its end, so this does not wait forever.
            match received.recv() {
                Ok(StretchMessage::UnderWay(bars)) => {
                    under_way += bars;
                    progress.under_way(under_way);
                }
                Ok(StretchMessage::AllHandedOver) => is_handing_over = false,
                Ok(StretchMessage::Written(more)) => {
                    under_way = under_way.saturating_sub(more.bars);
                    written.add(more);
                    progress.advance(more.bars);
                }
                Ok(StretchMessage::Over(outcome)) => {
                    over += 1;
                    let is_written = matches!(outcome, Ok(Some(())));
                    if !is_written {
                        shared.has_failed.store(true, Ordering::Relaxed);
                        failure = failure.or(outcome.err());
                    }
                    if begun > over
                        && let Some(turn) = &turn
                    {
                        let _ = turn.send(is_written);
                    }
                }
                Err(_) => over = begun,
            }
        }
    }

    /// Writes a stretch; none when it was given up.
    fn write(
        &self,
        shared: &Shared,
        stretch: Stretch,
        room: MonthRoom,
        messages: &Sender<StretchMessage>,
        turn: Receiver<bool>,
    ) -> Result<Option<()>, JobError> {
        let store = &self.market.store;
        let mut parts = Parts {
            made: Some(shared.made()),
            shared,
            stop: self.stop,
            messages,
            turn,
            sum: Written::default(),
            failure: None,
        };
        let month = stretch.month.format("%Y-%m");
        let why = match room {
            MonthRoom::None(why) => why,
            MonthRoom::Free => {
                let outcome = store.load_month(self.roles, stretch.month, &mut parts)?;
                if let Some(failure) = parts.failure {
                    return Err(failure);
                }
                match outcome {
                    MonthLoad::Committed => {
                        let Written { bars, rollups } = parts.sum;
                        info!(%month, bars, rollups, "a month is written");
                        let _ = messages.send(StretchMessage::Written(parts.sum));
                        return Ok(Some(()));
                    }
                    MonthLoad::Cancelled => return Ok(None),
                    MonthLoad::Taken => "another shard has begun it",
                }
            }
        };
        debug!(%month, "written in parts: {why}");
        // The state that a part leads to must not become visible before the month before.
        if !parts.may_end() {
            return Ok(None);
        }
        store.ensure_partitions(stretch.month, stretch.month)?;
        let mut collected = HistoryPart::default();
        loop {
            let supply = parts.next_part();
            let is_last = !matches!(supply, NextPart::Part(_));
            if let NextPart::Part(part) = supply {
                collected.append(part);
            } else if let Some(failure) = parts.failure.take() {
                return Err(failure);
            }
            // What is made when asked to stop is written: it costs nothing.
            if is_last || collected.bars() >= WRITE_BARS_MAX {
                store.load_part(self.roles, &collected)?;
                let _ = messages.send(StretchMessage::Written(Written::from(&collected)));
                collected = HistoryPart::default();
            }
            if is_last {
                let _ = messages.send(StretchMessage::AllHandedOver);
                return Ok(Some(()));
            }
        }
    }
}

/// The parts of one stretch.
struct Parts<'a> {
    /// Held until the last part is taken.
    made: Option<MutexGuard<'a, Option<Receiver<Made>>>>,
    shared: &'a Shared,
    stop: &'a Stop,
    messages: &'a Sender<StretchMessage>,
    turn: Receiver<bool>,
    sum: Written,
    failure: Option<JobError>,
}

impl Parts<'_> {
    fn next_part(&mut self) -> NextPart {
        if !self.goes_on() {
            return NextPart::Abort;
        }
        match self.made.as_ref().and_then(|made| made.as_ref()).map(Receiver::recv) {
            Some(Ok(Made::Part(part))) => NextPart::Part(part),
            Some(Ok(Made::StretchEnd)) => NextPart::End,
            Some(Ok(Made::Failed(error))) => {
                self.failure = Some(error);
                NextPart::Abort
            }
            // The thread that makes bars has ended in the middle.
            Some(Err(_)) | None => NextPart::Abort,
        }
    }
}

impl PartSource for Parts<'_> {
    fn next(&mut self) -> NextPart {
        let supply = self.next_part();
        match &supply {
            NextPart::Part(part) => {
                let part = Written::from(part);
                self.sum.add(part);
                let _ = self.messages.send(StretchMessage::UnderWay(part.bars));
            }
            NextPart::End => {
                self.made = None;
                let _ = self.messages.send(StretchMessage::AllHandedOver);
            }
            NextPart::Abort => {}
        }
        supply
    }

    fn may_end(&mut self) -> bool {
        self.turn.recv().unwrap_or(false)
    }

    fn goes_on(&mut self) -> bool {
        !self.stop.is_asked() && !self.shared.has_failed.load(Ordering::Relaxed)
    }
}

/// Sends the message of a thread's end, also when the thread panics.
struct EndNotice {
    messages: Sender<StretchMessage>,
    outcome: Result<Option<()>, JobError>,
}

impl EndNotice {
    fn after(mut self, work: impl FnOnce(&Sender<StretchMessage>) -> Result<Option<()>, JobError>) {
        self.outcome = work(&self.messages);
    }
}

impl Drop for EndNotice {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, Ok(None));
        let _ = self.messages.send(StretchMessage::Over(outcome));
    }
}
