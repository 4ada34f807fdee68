//! `exchange-log`: looks into logs, repairs them and writes them in other formats.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Parser, Subcommand};

use super::convert::{ConvertArgs, convert, created, open};
use super::scorecard::scorecard;
use crate::event::Event;
use crate::export::{ExportError, text};
use crate::log::{LogError, Tail, repair};
use crate::units::NANOS_PER_SECOND;

/// Shows, checks and repairs .qrsdp logs, and converts them to other formats
#[derive(Debug, Clone, Parser)]
#[command(name = "exchange-log", version)]
pub struct LogArgs {
    #[command(subcommand)]
    pub command: LogCommand,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum LogCommand {
    /// Print a log's header, counts, chunks and index
    Info {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// List every chunk
        #[arg(long)]
        chunks: bool,
    },
    /// Print events as CSV
    Dump {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Start with the first event at this time of the day or later, as HH:MM:SS
        #[arg(long, value_name = "TIME", value_parser = time_of_day)]
        from: Option<u64>,
        /// Print at most this number of events
        #[arg(long, value_name = "N")]
        count: Option<u64>,
    },
    /// Check that logs are complete and valid: blocks, records, times, ids, and that each event fits the book
    Verify {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Keep the complete chunks of a damaged log, and write its index
    Repair {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Write the repaired log to this file and leave the damaged one unchanged [default: replace the damaged one]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Measure what is known of real order books: tails, clusters, signs and sizes of trades, the shape of the day, common moves
    ///
    /// Logs that are named by the same date are securities of one market. The program ends with status 1 if a measure is outside its band and
    /// --strict is given.
    Scorecard {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// End with status 1 if a measure is outside its band
        #[arg(long)]
        strict: bool,
    },
    /// Write logs in another format
    Convert(ConvertArgs),
}

/// Nanoseconds since midnight.
fn time_of_day(text: &str) -> Result<u64, String> {
    let time = chrono::NaiveTime::parse_from_str(text, "%H:%M:%S%.f");
    let since = time.map(|time| time.signed_duration_since(chrono::NaiveTime::MIN).num_nanoseconds());
    since
        .ok()
        .flatten()
        .and_then(|nanos| u64::try_from(nanos).ok())
        .ok_or_else(|| "it must be a time as HH:MM:SS".to_owned())
}

/// Does what is asked.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn run(args: LogArgs) -> anyhow::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    let done = match args.command {
        LogCommand::Info { files, chunks } => files.iter().try_for_each(|file| info(file, chunks, &mut output)),
        LogCommand::Dump { file, from, count } => dump(&file, from.unwrap_or(0), count, &mut output),
        LogCommand::Verify { files } => verify(&files, &mut output),
        LogCommand::Repair { file, output: to } => repair_file(&file, to.as_deref(), &mut output),
        LogCommand::Scorecard { files, json, strict } => scorecard(&files, json, strict, &mut output),
        LogCommand::Convert(args) => convert(&args),
    };
    match done.and_then(|()| Ok(output.flush()?)) {
        // Who reads only the first lines closes the pipe.
        Err(error) if error.chain().any(is_closed_pipe) => Ok(()),
        done => done,
    }
}

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn info(path: &Path, chunks: bool, output: &mut impl Write) -> anyhow::Result<()> {
    let log = open(path)?;
    let (header, session) = (log.header(), &log.header().session);
    writeln!(output, "{}", path.display())?;
    writeln!(output, "  seed {}, opening price {} ticks of {}", session.seed, session.p0_ticks, session.tick_size)?;
    writeln!(output, "  opens {} for {} s", clock_time(session.market_open_ns), session.session_seconds)?;
    writeln!(output, "  levels {}, spread {}, depth {}", session.levels, session.spread_ticks, session.depth)?;
    let (count, bytes) = (log.count(), log.len_bytes());
    let each = if count > 0 { bytes as f64 / count as f64 } else { 0.0 };
    writeln!(
        output,
        "  events {count} in {} chunks of {}, {bytes} bytes, {each:.2} an event",
        log.chunks().len(),
        header.chunk_capacity
    )?;
    if let (Some(first), Some(last)) = (log.chunks().first(), log.chunks().last()) {
        writeln!(output, "  from {} to {}", clock_time(first.first_ts_ns), clock_time(last.last_ts_ns))?;
    }
    match log.tail() {
        Tail::Index { offset } => writeln!(output, "  index at byte {offset}")?,
        Tail::Nothing => writeln!(output, "  no index: still being written, or not ended")?,
        Tail::Torn { offset, bytes } => {
            writeln!(output, "  no index, and a torn chunk of {bytes} bytes at byte {offset}")?
        }
    }
    if chunks {
        for chunk in log.chunks() {
            let times = (clock_time(chunk.first_ts_ns), clock_time(chunk.last_ts_ns));
            writeln!(output, "  chunk at byte {}: {} events, {} to {}", chunk.offset, chunk.count, times.0, times.1)?;
        }
    }
    Ok(())
}

fn clock_time(ts_ns: u64) -> String {
    let (seconds, nanos) = (ts_ns / NANOS_PER_SECOND, ts_ns % NANOS_PER_SECOND);
    format!("{:02}:{:02}:{:02}.{nanos:09}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Writes until it has written so many lines.
struct Lines<'a, W> {
    output: &'a mut W,
    left: u64,
}

impl<W: Write> Write for Lines<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(ErrorKind::BrokenPipe.into());
        }
        self.left -= bytes.iter().filter(|byte| **byte == b'\n').count().min(self.left as usize) as u64;
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn dump(path: &Path, from_ns: u64, count: Option<u64>, output: &mut impl Write) -> anyhow::Result<()> {
    let mut log = open(path)?;
    let left = count.map_or(u64::MAX, |count| count.saturating_add(1));
    let mut lines = Lines { output, left };
    match text::csv(&mut log, from_ns, &mut lines) {
        Err(ExportError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.with_context(|| path.display().to_string()),
    }
}

fn verify(paths: &[PathBuf], output: &mut impl Write) -> anyhow::Result<()> {
    let mut damaged = 0;
    for path in paths {
        match verify_one(path) {
            Ok(count) => writeln!(output, "{}: whole, {count} events", path.display())?,
            Err(error) => {
                damaged += 1;
                writeln!(output, "{error:#}")?;
            }
        }
    }
    output.flush()?;
    ensure!(damaged == 0, "{damaged} of {} logs are damaged or not ended", paths.len());
    Ok(())
}

fn verify_one(path: &Path) -> anyhow::Result<u64> {
    let mut log = open(path)?;
    let mut book = log.header().session.open_book();
    let (mut next_id, mut bad) = (1, None);
    let mut check = |event: &Event| {
        if event.order_id != next_id {
            bad = Some(format!("event {} comes where {next_id} is expected", event.order_id));
        } else if let Err(error) = book.apply(event) {
            bad = Some(format!("event {next_id}: {error}"));
        }
        next_id += 1;
        bad.is_none()
    };
    let walked = log.for_each_chunk(|events| {
        let fits = events.iter().all(&mut check);
        if fits { Ok(()) } else { Err(LogError::Order { order_id: 0 }) }
    });
    if let Some(bad) = bad {
        bail!("{}: {bad}", path.display());
    }
    walked.with_context(|| path.display().to_string())?;
    match log.tail() {
        Tail::Index { .. } => Ok(log.count()),
        Tail::Nothing if log.count() == 0 => Ok(0),
        Tail::Nothing => bail!("{}: no index: still being written, or not ended", path.display()),
        Tail::Torn { offset, bytes } => bail!("{}: a torn chunk of {bytes} bytes at byte {offset}", path.display()),
    }
}

fn repair_file(path: &Path, to: Option<&Path>, output: &mut impl Write) -> anyhow::Result<()> {
    let damaged = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let beside = to.map_or_else(|| path.with_extension("qrsdp.repaired"), Path::to_owned);
    let mut whole = created(&beside)?;
    let repaired = repair(damaged, &mut whole).map_err(anyhow::Error::from).and_then(|repaired| {
        whole.sync_all()?;
        Ok(repaired)
    });
    let repaired = match repaired {
        Ok(repaired) => repaired,
        Err(error) => {
            drop(fs::remove_file(&beside));
            return Err(error.context(path.display().to_string()));
        }
    };
    if to.is_none() {
        fs::rename(&beside, path).with_context(|| format!("cannot put {} in place", beside.display()))?;
    }
    let (events, chunks, lost) = (repaired.events, repaired.chunks, repaired.lost_bytes);
    writeln!(
        output,
        "{}: kept {events} events in {chunks} chunks; {lost} bytes from byte {} on are lost",
        path.display(),
        repaired.lost_from
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        LogArgs::command().debug_assert();
    }
}
