//! The page of figures that a run leaves behind.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use klined_service::instant;

use crate::log::{LogError, LogReader};
use crate::run::{DayDone, RunSpec};

/// Days beyond this many are summed, not listed, and not read back.
const LISTED_MAX: usize = 1000;

/// Writes the page: the run, each day that it made, sums and rates. Logs are read back for the rates of reading.
pub fn write(path: &Path, run: &RunSpec, days: &[DayDone], made_in: Duration) -> anyhow::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let page = page(run, days, made_in)?;
    fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

fn page(run: &RunSpec, days: &[DayDone], made_in: Duration) -> anyhow::Result<String> {
    let mut page = String::from(
        "# Performance Results\n\nWritten by `exchange-producer`.\n\n## Run\n\n| parameter | value |\n|:--|:--|\n",
    );
    writeln!(page, "| run_id | run_{} |\n| base_seed | {} |", run.base_seed, run.base_seed)?;
    writeln!(page, "| session_seconds | {} |\n| levels_per_side | {} |", run.session_seconds, run.levels)?;
    writeln!(page, "| initial_depth | {} |\n| chunk_capacity | {} |", run.depth, run.chunk_capacity)?;
    page += "\n## Days\n\n| security | log | events | bytes | bytes an event | read, events a second | open | close |\n|:--|:--|--:|--:|--:|--:|--:|--:|\n";
    let (mut events, mut bytes) = (0, 0);
    for day in days.iter().take(LISTED_MAX) {
        let (length, read_in) = read_back(&day.path, day.events)?;
        let name = day.path.file_name().unwrap_or_default().display().to_string();
        let (each, rate) = (ratio(length as f64, day.events as f64), ratio(day.events as f64, read_in.as_secs_f64()));
        let DayDone { symbol, events: count, open_ticks, close_ticks, .. } = day;
        writeln!(
            page,
            "| {symbol} | {name} | {count} | {length} | {each:.2} | {rate:.0} | {open_ticks} | {close_ticks} |"
        )?;
        bytes += length;
    }
    for day in days {
        events += day.events;
    }
    page += "\n## Sums\n\n| metric | value |\n|:--|:--|\n";
    writeln!(page, "| days | {} |\n| events | {events} |", days.len())?;
    if days.len() <= LISTED_MAX {
        writeln!(page, "| bytes | {bytes} |")?;
    }
    let rate = ratio(events as f64, made_in.as_secs_f64());
    writeln!(page, "| seconds | {:.2} |\n| made and written, events a second | {rate:.0} |", made_in.as_secs_f64())?;
    Ok(page)
}

fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// Bytes of a log, and how long it took to read it.
fn read_back(path: &Path, expected: u64) -> anyhow::Result<(u64, Duration)> {
    let start = instant();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut count = 0;
    let mut read = || -> Result<u64, LogError> {
        let mut reader = LogReader::open(&file)?;
        reader.for_each_chunk(|events| {
            count += events.len() as u64;
            Ok::<(), LogError>(())
        })?;
        Ok(reader.len_bytes())
    };
    let length = read().with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(count == expected, "{} has {count} events, not {expected}", path.display());
    Ok((length, start.elapsed()))
}
