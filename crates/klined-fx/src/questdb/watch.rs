//! The lag as one thread sees it and another one waits for it.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use super::pressure::{self, Gate, GateRule, INTERVAL_MS, Lag};
use super::progress::{Sent, Speedometer};
use super::run::{IngestError, Surroundings};
use super::schema::SchemaError;
use super::server::{PgSettings, Server};
use crate::out::{Table, TableNames};

#[derive(Debug)]
struct Watched {
    gate: Gate,
    failed: Option<IngestError>,
    is_over: bool,
}

impl Default for Watched {
    fn default() -> Self {
        Self { gate: Gate::Open, failed: None, is_over: false }
    }
}

/// Milliseconds for which the database may be away while its lag is asked for.
const AWAY_MS: i64 = 120_000;

/// The lag as one thread sees it and another one waits for it.
#[derive(Debug, Default)]
pub(super) struct Watch {
    state: Mutex<Watched>,
    changed: Condvar,
}

impl Watch {
    /// Looks at the lag until the run is over.
    pub fn look(
        &self,
        pg: &PgSettings,
        names: &TableNames,
        rule: GateRule,
        mut speed: Speedometer,
        around: &Surroundings,
    ) {
        let now_ms = || around.clock.now_nanos() / 1_000_000;
        let (mut server, mut away_since) = (None, None);
        loop {
            let asked = match server.take() {
                Some(server) => Ok(server),
                None => Server::connect(pg).map_err(SchemaError::from),
            };
            let asked = asked.and_then(|open| pressure::lags(server.insert(open), names));
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = now_ms();
            match asked {
                Ok(lags) => {
                    away_since = None;
                    let gate = rule.after(state.gate, &lags, now);
                    let was_open = state.gate == Gate::Open;
                    if was_open != (gate == Gate::Open) {
                        say_change(&lags, was_open);
                    }
                    around.progress.lags(&lags, gate != Gate::Open);
                    let progress = around.progress;
                    let sent = Sent { rows: progress.rows_sent(), books: progress.rows_of(Table::MarketData) };
                    if let Some(line) = speed.line(now, sent, Some(&lags)) {
                        info!("{line}");
                        progress.shows(&line);
                    }
                    state.gate = gate;
                }
                Err(error) if pressure::can_pass(&error) && now - *away_since.get_or_insert(now) < AWAY_MS => {
                    if state.gate == Gate::Open {
                        warn!("pausing: the database does not say how far it is behind: {error}");
                    }
                    around.progress.is_unanswered(&error);
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

    /// Ends the looking when the value goes out of scope.
    pub fn end_with_scope(&self) -> Over<'_> {
        Over(self)
    }

    /// Waits for the gate to be open; false when the run shall stop.
    pub fn wait_open(&self, around: &Surroundings) -> Result<bool, Box<IngestError>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(failed) = state.failed.take() {
                return Err(Box::new(failed));
            }
            if around.is_over() {
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

/// Logs that the gate was closed or opened, with the table that is furthest behind.
fn say_change(lags: &[Lag], was_open: bool) {
    let worst = lags.iter().max_by_key(|lag| (lag.transactions, lag.rows));
    let of = worst
        .map(|lag| format!("{}, {} transactions, {} rows", lag.table.name(), lag.transactions, lag.rows))
        .unwrap_or_default();
    if was_open {
        warn!("pausing: the database is behind ({of})");
    } else {
        info!("going on: the database has caught up ({of})");
    }
}

/// Ends the looking at the lag when it goes out of scope.
pub(super) struct Over<'a>(&'a Watch);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.0.changed.notify_all();
    }
}
