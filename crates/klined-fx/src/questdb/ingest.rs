//! A run: makes tables, sends rows with back-pressure, and proves at its end that they are there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::{info, warn};

use super::pace::{Due, LateNews, Lateness};
use super::pressure::GateRule;
use super::progress::{HandedOver, Speedometer};
use super::proof::prove;
use super::resume::go_on;
use super::run::{IngestError, IngestSettings, Outcome, Surroundings};
use super::schema;
use super::send::Senders;
use super::server::Server;
use super::watch::Watch;
use crate::out::PerTable;
use crate::out::entities::Entities;
use crate::out::ilp::{IlpEncoder, TableRows};
use crate::pipeline::{Block, Flow, Job};

/// Seconds of rows that are compared at the end when the database drops older ones.
const REMEMBERED_SECONDS: i64 = 48 * 3_600;

/// Runs a job into the database.
///
/// # Errors
/// Anything that keeps a row of the plan from being applied.
pub fn ingest(job: &Job, settings: &IngestSettings, around: &Surroundings) -> Result<Outcome, IngestError> {
    let names = &settings.names;
    let mut server = Server::connect(&settings.pg)?;
    // Before a table is made: whether rows can be sent at all.
    let mut senders = Senders::open(&settings.ilp, names, around.progress)?;
    for change in schema::prepare(&mut server, names, settings.views)? {
        info!("{change}");
    }
    around.progress.begins();
    let mut job = job.clone();
    if settings.incremental {
        go_on(&mut job, settings, &mut server)?;
    }
    let Ok(totals) = job.plan.totals(job.market.streams) else {
        info!("nothing to do: the database holds all of the plan");
        return Ok(Outcome { rows: PerTable::default(), seconds: None, was_stopped: false });
    };
    let began_nanos = around.clock.now_nanos();
    let due = Due { pace: settings.pace, began_nanos, first: totals.first };
    let mut handed_over = HandedOver::new(settings.views.is_ttl_short.then_some(REMEMBERED_SECONDS));
    let watch = Watch::default();
    let sent = std::thread::scope(|scope| {
        let speed = Speedometer::new(totals.books_in_all(&job.plan), began_nanos / 1_000_000);
        scope.spawn(|| watch.look(&settings.pg, names, GateRule::for_workers(job.workers), speed, around));
        // However this ends, the other thread ends with it.
        let _over = watch.end_with_scope();
        let entities = Arc::new(Entities::of(job.market.streams, settings.entities));
        let mut lateness = Lateness::default();
        let ran = job.run(
            || IlpEncoder::new(Arc::clone(&entities), Arc::clone(names)),
            |block: Block, rows: PerTable<TableRows>| -> Result<Flow, Box<IngestError>> {
                let (first, last) = (block.first.second, block.last.second);
                if !due.wait(first, around.clock, || around.is_over()) || !watch.wait_open(around)? {
                    return Ok(Flow::Stop);
                }
                let late_ms = due.late_ms(first, around.clock);
                report(lateness.second(late_ms));
                around.progress.late(late_ms, lateness.is_late());
                handed_over.block(first, last, rows.0.each_ref().map(|table| table.rows));
                senders.send(rows).map_err(|error| Box::new(error.into()))?;
                around.progress.handed_over(last);
                Ok(if around.stop.load(Ordering::Relaxed) { Flow::Stop } else { Flow::Continue })
            },
        );
        ran.map_err(IngestError::from).and_then(|()| Ok(senders.end()?))
    })?;
    let remembered = handed_over.remembered();
    let Some(((first, last), rows)) = remembered else {
        return Ok(Outcome { rows: sent, seconds: None, was_stopped: true });
    };
    // A block that was handed over and not sent would have ended the run with an error.
    prove(&mut server, &job, settings, (&rows, (first, last)), around)?;
    Ok(Outcome { rows: sent, seconds: Some((first, last)), was_stopped: totals.last.is_none_or(|end| last < end) })
}

fn report(news: Option<LateNews>) {
    match news {
        Some(LateNews::Began { late_ms }) => warn!(late_ms, "seconds are late: catching up"),
        Some(LateNews::Over { seconds, most_ms }) => warn!(seconds, most_ms, "caught up: seconds were late"),
        None => {}
    }
}
