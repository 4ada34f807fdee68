//! `--to file:DIRECTORY`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use tracing::info;

use super::request::Request;
use crate::out::entities::Entities;
use crate::out::files::{FileError, Files};
use crate::pipeline::Flow;
use crate::questdb::pace::Due;
use crate::questdb::progress::{Sent, Speedometer};
use crate::questdb::run::Surroundings;

/// Writes a request's rows to files.
///
/// # Errors
/// A file cannot be written, or the program was asked to stop before the files were whole.
pub fn write<F: Files>(request: &Request, directory: &Path, around: &Surroundings) -> anyhow::Result<()> {
    let mut files = F::create(directory)?;
    around.progress.begins();
    let (job, totals) = (&request.job, request.totals);
    let entities = Arc::new(Entities::of(job.market.streams, request.entities));
    let began_nanos = around.clock.now_nanos();
    let due = Due { pace: request.pace, began_nanos, first: totals.first };
    let mut speed = Speedometer::new(totals.books_in_all(&job.plan), began_nanos / 1_000_000);
    let (mut books, mut was_stopped) = (0, false);
    job.run(
        || F::encoder(Arc::clone(&entities)),
        |block, rows| -> Result<Flow, FileError> {
            if !due.wait(block.first.second, around.clock, || around.is_over()) {
                was_stopped = true;
                return Ok(Flow::Stop);
            }
            files.append(rows)?;
            books += block.book_rows;
            around.progress.handed_over(block.last.second);
            if let Some(line) = speed.line(around.clock.now_nanos() / 1_000_000, Sent { rows: books, books }, None) {
                info!("{line}");
                around.progress.shows(&line);
            }
            Ok(Flow::Continue)
        },
    )?;
    if was_stopped {
        bail!("stopped before the files in {} were whole: they end in .partial", directory.display());
    }
    files.finish().context("the rows are written, but not under their names")
}
