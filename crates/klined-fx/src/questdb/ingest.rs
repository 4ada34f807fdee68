//! A run: makes tables, sends rows with back-pressure, and proves at its end that they are there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;

use super::pressure::{self, Gate, GateRule, INTERVAL_MS};
use super::schema::{self, SchemaError};
use super::send::{IlpSettings, SendError, Senders};
use super::server::{PgSettings, Server, ServerError};
use crate::base::{NoMarket, Pair};
use crate::market::Book;
use crate::out::ilp::{IlpEncoder, IlpError};
use crate::out::text::push_instant;
use crate::out::{PerTable, Table};
use crate::pipeline::{Flow, Job, PipelineError};
use crate::plan::NothingToDo;

/// How rows are brought into the database.
#[derive(Debug, Clone)]
pub struct IngestSettings {
    pub pg: PgSettings,
    pub ilp: IlpSettings,
    pub create_views: bool,
    pub incremental: bool,
    pub pace: Pace,
}

/// When a second's rows may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At once.
    Free,
    /// A second after its beginning by the wall clock.
    Wall,
    /// As many seconds after the run's beginning as it lies behind the plan's first.
    FromNow,
}

/// A run that did not end well.
#[derive(Debug, Error)]
pub enum IngestError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Making(#[from] PipelineError<IlpError, Box<IngestError>>),
    #[error(transparent)]
    NoMarket(#[from] NoMarket),
    #[error("--start_ts, --end_ts: {0}")]
    NothingToDo(#[from] NothingToDo),
    #[error(
        "{sent} rows of {table} were sent and {found} are there from {from} to {until}: rows were lost, or rows of another run lie there; the same command again sends them anew, rows that are there stay as they are"
    )]
    Unequal { table: &'static str, sent: u64, found: u64, from: String, until: String },
    #[error(
        "rows that were sent are not applied after {0} s without any progress: look at wal_tables() and the server's log"
    )]
    NotApplied(u64),
    #[error(
        "--incremental: the newest {pair} price in the database, {found}, is not {expected} as this market has it: give the --seed, pairs, levels and orders of the run before"
    )]
    AnotherMarket { pair: Pair, found: String, expected: String },
}

/// What a run has done.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Rows that were sent, and found applied.
    pub rows: PerTable<u64>,
    /// The seconds that were sent, in Unix seconds; none when there was nothing to do.
    pub seconds: Option<(i64, i64)>,
    /// Whether the run was asked to stop before its plan's end.
    pub was_stopped: bool,
}

/// Seconds without progress after which rows count as not applied.
const PATIENCE_SECONDS: u64 = 60;
/// Seconds for which the database may be away while its lag is asked for.
const AWAY_MS: i64 = 120_000;

/// What a run hears and says.
pub struct Surroundings<'a> {
    /// Unix nanoseconds.
    pub now_nanos: &'a (dyn Fn() -> i64 + Sync),
    /// Set when the run shall end with the second it is in.
    pub stop: &'a AtomicBool,
    /// Takes a line of what happens.
    pub say: &'a (dyn Fn(&str) + Sync),
}

/// Runs a job into the database.
///
/// # Errors
/// Anything that keeps a row of the plan from being applied.
pub fn ingest(job: &Job, settings: &IngestSettings, around: &Surroundings) -> Result<Outcome, IngestError> {
    let mut server = Server::connect(&settings.pg)?;
    // Before a table is made: whether rows can be sent at all.
    let mut senders = Senders::open(&settings.ilp)?;
    for change in schema::prepare(&mut server, settings.create_views)? {
        (around.say)(&change);
    }
    let mut job = job.clone();
    if settings.incremental {
        go_on(&mut job, &mut server, around)?;
    }
    let Ok(totals) = job.plan.totals(job.market.streams) else {
        (around.say)("nothing to do: the database holds all of the plan");
        return Ok(Outcome { rows: PerTable::default(), seconds: None, was_stopped: false });
    };
    let started = (around.now_nanos)();
    let release = |second: i64| match settings.pace {
        Pace::Free => i64::MIN,
        Pace::Wall => (second + 1) * 1_000_000_000,
        Pace::FromNow => started + (second - totals.first) * 1_000_000_000,
    };
    let watch = Watch {
        state: Mutex::new(Watched { gate: Gate::Open, failed: None, is_over: false }),
        changed: Condvar::new(),
    };
    let mut seconds: Option<(i64, i64)> = None;
    let sent = std::thread::scope(|scope| {
        scope.spawn(|| watch.look(&settings.pg, GateRule::for_workers(job.workers), around));
        // However this ends, the other thread ends with it.
        let _over = Over(&watch);
        let streams = job.market.streams;
        let mut late_said = None;
        let ran = job.run(
            || IlpEncoder::new(streams),
            |block, rows| -> Result<Flow, Box<IngestError>> {
                let due = release(block.first.second);
                if !wait_until(due, around) || !watch.wait_open(around)? {
                    return Ok(Flow::Stop);
                }
                let now = (around.now_nanos)();
                let late_ms = now.saturating_sub(due) / 1_000_000;
                let is_news = late_said.is_none_or(|said| now - said > 10_000_000_000);
                if settings.pace != Pace::Free && late_ms > 1_000 && is_news {
                    late_said = Some(now);
                    (around.say)(&format!("{late_ms} ms late: catching up"));
                }
                senders.send(rows).map_err(|error| Box::new(error.into()))?;
                seconds = Some((seconds.map_or(block.first.second, |(first, _)| first), block.last.second));
                Ok(if around.stop.load(Ordering::Relaxed) { Flow::Stop } else { Flow::Continue })
            },
        );
        ran.map_err(IngestError::from).and_then(|()| Ok(senders.end()?))
    })?;
    if let Some((first, last)) = seconds {
        prove(&mut server, &job, &sent, (first, last), settings.ilp.protocol, around)?;
    }
    let was_stopped = seconds.is_none_or(|(_, last)| last < totals.last);
    Ok(Outcome { rows: sent, seconds, was_stopped })
}

/// Sleeps until an instant; false when the run shall stop.
fn wait_until(due_nanos: i64, around: &Surroundings) -> bool {
    loop {
        if around.stop.load(Ordering::Relaxed) {
            return false;
        }
        let left = due_nanos.saturating_sub((around.now_nanos)());
        if left <= 0 {
            return true;
        }
        std::thread::sleep(Duration::from_nanos(left.unsigned_abs().min(100_000_000)));
    }
}

struct Watched {
    gate: Gate,
    failed: Option<IngestError>,
    is_over: bool,
}

/// The lag as one thread sees it and another one waits for it.
struct Watch {
    state: Mutex<Watched>,
    changed: Condvar,
}

impl Watch {
    /// Looks at the lag until the run is over.
    fn look(&self, pg: &PgSettings, rule: GateRule, around: &Surroundings) {
        let now_ms = || (around.now_nanos)() / 1_000_000;
        let (mut server, mut away_since) = (None, None);
        loop {
            let asked = match server.take() {
                Some(server) => Ok(server),
                None => Server::connect(pg).map_err(SchemaError::from),
            };
            let asked = asked.and_then(|open| pressure::lags(server.insert(open)));
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = now_ms();
            match asked {
                Ok(lags) => {
                    away_since = None;
                    let gate = rule.after(state.gate, &lags, now);
                    let was_open = state.gate == Gate::Open;
                    if was_open != (gate == Gate::Open) {
                        let worst = lags.iter().max_by_key(|lag| lag.transactions);
                        let of = worst.map(|lag| {
                            format!("{}, {} transactions, {} rows", lag.table.name(), lag.transactions, lag.rows)
                        });
                        let word = if was_open {
                            "pausing: the database is behind"
                        } else {
                            "going on: the database has caught up"
                        };
                        (around.say)(&format!("{word} ({})", of.unwrap_or_default()));
                    }
                    state.gate = gate;
                }
                Err(error) if pressure::can_pass(&error) && now - *away_since.get_or_insert(now) < AWAY_MS => {
                    // Nothing is known of the lag, so nothing is sent.
                    state.gate = Gate::Closed { even_since: None };
                }
                Err(error) => {
                    state.failed = Some(error.into());
                    state.is_over = true;
                }
            }
            self.changed.notify_all();
            if state.is_over {
                return;
            }
            let wait_ms = if state.gate == Gate::Open { INTERVAL_MS } else { INTERVAL_MS / 5 };
            let wait = Duration::from_millis(wait_ms.unsigned_abs());
            let (state, _) = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return;
            }
        }
    }

    /// Waits for the gate to be open; false when the run shall stop.
    fn wait_open(&self, around: &Surroundings) -> Result<bool, Box<IngestError>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(failed) = state.failed.take() {
                return Err(Box::new(failed));
            }
            if around.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            if state.gate == Gate::Open {
                return Ok(true);
            }
            let waited = self.changed.wait_timeout(state, Duration::from_millis(100));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Ends the looking at the lag when it goes out of scope.
struct Over<'a>(&'a Watch);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.0.changed.notify_all();
    }
}

/// An instant as the database reads it.
pub(super) fn instant(second: i64) -> String {
    let mut text = Vec::new();
    push_instant(&mut text, second * 1_000_000_000, 6);
    String::from_utf8_lossy(&text).into_owned()
}

/// The condition that picks a job's rows of some seconds, the last included.
pub(super) fn window(job: &Job, (first, last): (i64, i64)) -> String {
    let names: Vec<String> = job.pairs.iter().map(|pair| format!("'{pair}'")).collect();
    let (from, until) = (instant(first), instant(last + 1));
    format!("timestamp >= '{from}' AND timestamp < '{until}' AND symbol IN ({})", names.join(", "))
}

/// How far the tables are behind, and how many rows they have under a condition.
fn look(server: &mut Server, condition: &str) -> Result<(Vec<pressure::Lag>, PerTable<u64>), SchemaError> {
    let lags = pressure::lags(server)?;
    let mut found = PerTable::<u64>::default();
    for table in Table::ALL {
        let count = server.number(&format!("SELECT count() FROM {} WHERE {condition}", table.name()))?;
        *found.of(table) = count.unsigned_abs();
    }
    Ok((lags, found))
}

/// Waits until all that was sent is applied, and compares the numbers of rows.
fn prove(
    server: &mut Server,
    job: &Job,
    sent: &PerTable<u64>,
    seconds: (i64, i64),
    protocol: ::questdb::ingress::Protocol,
    around: &Surroundings,
) -> Result<(), IngestError> {
    let is_unanswered = matches!(protocol, ::questdb::ingress::Protocol::Tcp | ::questdb::ingress::Protocol::Tcps);
    let condition = window(job, seconds);
    let now = || (around.now_nanos)() / 1_000_000_000;
    let (mut seen, mut since) = (None, now());
    loop {
        let (lags, found) = match look(server, &condition) {
            Ok(state) => state,
            // The database is being restarted.
            Err(error) if pressure::can_pass(&error) && now() - since < PATIENCE_SECONDS as i64 => {
                std::thread::sleep(Duration::from_millis(500));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let is_even = lags.iter().all(|lag| lag.transactions <= 0);
        if is_even && found == *sent {
            return Ok(());
        }
        let state = (lags, found.clone());
        if seen.as_ref() != Some(&state) {
            (seen, since) = (Some(state), now());
        }
        // Over TCP rows may still be on their way: the server says nothing of them.
        let patience = if is_even && !is_unanswered {
            0
        } else if is_even {
            10
        } else {
            PATIENCE_SECONDS
        };
        if now() - since >= patience as i64 {
            if !is_even {
                return Err(IngestError::NotApplied(PATIENCE_SECONDS));
            }
            let (mut sent, mut found) = (sent.clone(), found);
            for table in Table::ALL {
                let (sent, found) = (*sent.of(table), *found.of(table));
                if sent != found {
                    let (from, until) = (instant(seconds.0), instant(seconds.1 + 1));
                    return Err(IngestError::Unequal { table: table.name(), sent, found, from, until });
                }
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Moves the plan's start to where the database's newest rows are, and sees to it that they are of this market.
fn go_on(job: &mut Job, server: &mut Server, around: &Surroundings) -> Result<(), IngestError> {
    let names: Vec<String> = job.pairs.iter().map(|pair| format!("'{pair}'")).collect();
    let of_pairs = format!("symbol IN ({})", names.join(", "));
    let mut newest: Option<i64> = None;
    for (table, per_second) in
        [(Table::MarketData, 1_000_000), (Table::CorePrice, 1_000_000), (Table::FxTrades, 1_000_000_000)]
    {
        let rows =
            server.rows(&format!("SELECT cast(max(timestamp) AS LONG) FROM {} WHERE {of_pairs}", table.name()))?;
        let found =
            rows.first().and_then(|row| row.first().cloned().flatten()).and_then(|text| text.parse::<i64>().ok());
        let second = found.map(|instant| instant.div_euclid(per_second));
        // A second may be cut short in one table and not in another, and many have no trade.
        if table != Table::FxTrades {
            newest = [newest, second].into_iter().flatten().min();
        }
    }
    let Some(newest) = newest else { return Ok(()) };
    let latest = server.rows(&format!(
        "SELECT symbol, cast(timestamp AS LONG), bid_price, ask_price FROM core_price WHERE {of_pairs} LATEST ON timestamp PARTITION BY symbol"
    ))?;
    let mut walk = job.market.walk(&job.pairs);
    let mut book = Book::default();
    for row in latest {
        let text = |place: usize| row.get(place).cloned().flatten().unwrap_or_default();
        let (Ok(pair), Ok(micros)) = (text(0).parse::<Pair>(), text(1).parse::<i64>()) else { continue };
        let found = format!("{} / {}", text(2), text(3));
        let second = walk.second(micros.div_euclid(1_000_000))?;
        let Some(ladder) = second.ladders.iter().find(|ladder| ladder.pair == pair) else { continue };
        let best = ladder.best(micros.rem_euclid(1_000_000), &mut book);
        let is_it = text(2).parse() == Ok(best.bid_price) && text(3).parse() == Ok(best.ask_price);
        if !is_it {
            let expected = format!("{} / {}", best.bid_price, best.ask_price);
            return Err(IngestError::AnotherMarket { pair, found, expected });
        }
    }
    if newest >= job.plan.start {
        job.plan.start = newest;
        (around.say)(&format!("going on from {}, where the database's newest rows are", instant(newest)));
    }
    Ok(())
}
