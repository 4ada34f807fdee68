//! Backfill on a command line: the question before bars are removed, the progress, the roll-up at the end.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use klined_service::{GRACE, ProgramInfo, Shutdown, blocking, progress, start_logs};
use tracing::info;

use super::check;
use super::clock::SystemClock;
use super::confirm::confirm;
use super::work::{open_store, stop_on};
use crate::config::BackfillArgs;
use crate::jobs::{self, Backfilled, Folded, JobError, Market, Progress, Stop, Window};
use klined_market::base::{Clock, Symbol};

/// How often a shard tries whether the first one has begun the market, and the pause between two tries.
const BEGIN_TRIES: u32 = 60;
const BEGIN_PAUSE: Duration = Duration::from_millis(500);

/// Runs `market-backfill`.
///
/// # Errors
/// The window is empty or would precede bars that exist, the removal is not confirmed, or the database fails.
pub async fn run(args: BackfillArgs, program: ProgramInfo) -> anyhow::Result<ExitCode> {
    if args.check.check {
        let configuration = |args: &BackfillArgs| check::wanted(&args.model, &args.universe).map(drop);
        return klined_service::check(&args.log.clone(), &program, args, configuration, check::backfill).await;
    }
    start_logs(&args.log, &program.log_name)?;
    let shutdown = Shutdown::on_signals()?;
    shutdown.end_within(GRACE);
    // A file that cannot be used is noticed before anything is removed.
    args.calendar.changes.provisional(args.calendar.hours)?;
    let choice = args.model.choice()?;
    let universe = args.universe.universe()?;
    let shard = args.shard.part();
    if args.clear && !shard.is_whole() {
        bail!(
            "--clear removes the whole market and not only shard {shard}; clear and fill it without --shard (or with --shard 1/1)"
        );
    }
    if args.clear && !args.yes {
        confirm_removal(&args)?;
    }
    let stop = stop_on(&shutdown);
    let is_complete = blocking(move || {
        let store = open_store(&args.database)?;
        if args.clear && args.symbol.is_none() {
            jobs::require_universe(&*store, universe.as_ref(), args.model.seed, args.calendar.hours)?;
            jobs::clear(&*store, None)?;
            info!("removed all bars");
        }
        let hours = jobs::hours(&*store, args.calendar.hours)?;
        let calendar = Arc::new(args.calendar.changes.calendar(hours)?);
        let market = Market::claim_filling(store, calendar, choice, args.model.seed, universe.as_ref())?;
        if let Some(symbol) = args.symbol.filter(|_| args.clear) {
            jobs::clear(&*market.store, Some(symbol))?;
            info!(%symbol, "removed all bars");
        }
        fill_once_begun(&market.of_shard(shard), args.window(), args.symbol, &stop)
    })
    .await??;
    if !is_complete {
        info!("stopped before the end; the same command without --clear continues");
    }
    Ok(ExitCode::SUCCESS)
}

fn confirm_removal(args: &BackfillArgs) -> anyhow::Result<()> {
    let what = args
        .symbol
        .map_or_else(|| "all bars and the market's seed".to_owned(), |symbol| format!("all bars of {symbol}"));
    confirm(&format!("Remove {what} from {}?", args.database.db_url), "--clear --yes")
}

/// Fills a market and rolls it up; false when it was stopped before the end.
pub fn fill(market: &Market, window: Window, only: Option<Symbol>, stop: &Stop) -> anyhow::Result<bool> {
    let mut shown = TerminalProgress::default();
    let done = jobs::backfill(market, window, only, SystemClock.now(), &mut shown, stop);
    drop(shown);
    let Backfilled { bars, rollups, symbols, first, last, is_complete } = done?;
    let (first, last) = (market.calendar.local_minute(first), market.calendar.local_minute(last));
    if !is_complete {
        info!(bars, rollups, symbols, from = %first, planned_to = %last, "backfilled in part");
        return Ok(false);
    }
    info!(bars, rollups, symbols, from = %first, to = %last, "backfilled");
    if let Some(Folded { symbols: 1.., minutes, bars, .. }) = jobs::roll_up_the_rest(market, only, stop)? {
        info!(minutes, bars, "rolled up");
    }
    Ok(!stop.is_asked())
}

/// Fills a market as soon as its first shard has begun it, and waits half a minute for that at most.
fn fill_once_begun(market: &Market, window: Window, only: Option<Symbol>, stop: &Stop) -> anyhow::Result<bool> {
    for _ in 0..BEGIN_TRIES {
        match fill(market, window, only, stop) {
            Err(error) if matches!(error.downcast_ref(), Some(JobError::NotBegun(_))) && !stop.is_asked() => {
                std::thread::sleep(BEGIN_PAUSE);
            }
            outcome => return outcome,
        }
    }
    fill(market, window, only, stop)
}

/// Shows on a terminal how far a long run over bars is.
#[derive(Default)]
pub(super) struct TerminalProgress {
    shown: Option<progress::Progress>,
    written: u64,
}

impl Progress for TerminalProgress {
    fn begin(&mut self, bars: u64) {
        (self.shown, self.written) = (Some(progress::Progress::begin("bars", bars)), 0);
    }

    fn advance(&mut self, bars: u64) {
        self.written += bars;
        self.under_way(0);
    }

    fn under_way(&mut self, bars: u64) {
        if let Some(shown) = &mut self.shown {
            shown.set(self.written + bars);
        }
    }
}
