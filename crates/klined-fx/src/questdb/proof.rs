//! The proof at a run's end: what was sent is applied, and is there once.

use std::time::Duration;

use ::questdb::ingress::Protocol;

use super::pressure;
use super::run::{IngestError, IngestSettings, Surroundings};
use super::schema::SchemaError;
use super::server::Server;
use crate::out::text::push_instant;
use crate::out::{PerTable, Table, TableNames};
use crate::pipeline::Job;

/// Seconds without progress after which rows count as not applied.
const PATIENCE_SECONDS: u64 = 60;

/// An instant as the database reads it.
pub(super) fn instant(second: i64) -> String {
    let mut text = Vec::new();
    push_instant(&mut text, second * crate::base::NANOS_PER_SECOND, 6);
    String::from_utf8_lossy(&text).into_owned()
}

/// The condition that picks a job's rows of some seconds, the last included.
pub(super) fn window(job: &Job, (first, last): (i64, i64)) -> String {
    let names: Vec<String> = job.pairs.iter().map(|pair| format!("'{pair}'")).collect();
    let (from, until) = (instant(first), instant(last + 1));
    format!("timestamp >= '{from}' AND timestamp < '{until}' AND symbol IN ({})", names.join(", "))
}

/// How far the tables are behind, and how many rows they have under a condition.
fn look(
    server: &mut Server,
    names: &TableNames,
    condition: &str,
) -> Result<(Vec<pressure::Lag>, PerTable<u64>), SchemaError> {
    let lags = pressure::lags(server, names)?;
    let mut found = PerTable::<u64>::default();
    for table in Table::ALL {
        let count = server.number(&format!("SELECT count() FROM {} WHERE {condition}", names.of(table)))?;
        *found.of(table) = count.unsigned_abs();
    }
    Ok((lags, found))
}

/// Waits until all that was sent is applied, and compares the numbers of rows.
pub(super) fn prove(
    server: &mut Server,
    job: &Job,
    settings: &IngestSettings,
    (sent, seconds): (&PerTable<u64>, (i64, i64)),
    around: &Surroundings,
) -> Result<(), IngestError> {
    let is_unanswered = matches!(settings.ilp.protocol, Protocol::Tcp | Protocol::Tcps);
    let condition = window(job, seconds);
    let now = || around.clock.now_nanos() / crate::base::NANOS_PER_SECOND;
    let (mut seen, mut since) = (None, now());
    loop {
        around.progress.moves();
        let (lags, found) = match look(server, &settings.names, &condition) {
            Ok(state) => state,
            // The database is being restarted.
            Err(error) if pressure::can_pass(&error) && now() - since < PATIENCE_SECONDS as i64 => {
                around.progress.is_unanswered(&error);
                around.clock.sleep(Duration::from_millis(500));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        around.progress.lags(&lags, false);
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
            for table in Table::ALL {
                let (sent, found) = (*sent.get(table), *found.get(table));
                if sent != found {
                    let (from, until) = (instant(seconds.0), instant(seconds.1 + 1));
                    return Err(IngestError::Unequal {
                        table: settings.names.of(table).to_owned(),
                        sent,
                        found,
                        from,
                        until,
                    });
                }
            }
        }
        around.clock.sleep(Duration::from_millis(50));
    }
}
