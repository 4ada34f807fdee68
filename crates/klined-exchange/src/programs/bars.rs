//! `exchange-bars` beside the producer: it follows the run's logs into the database of `--bars`.
//!
//! It is a program of its own, because the exchange knows no databases. It ends when its standard input does, so also when this
//! process is killed; what it lacks then it writes after the next start.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use klined_service::{Shutdown, sibling};
use tokio::task::JoinHandle;

use crate::run::{RunSpec, TradingDays};

const PROGRAM: &str = "exchange-bars";
/// How long it may still take after the request to stop, for the transaction that is under way.
const LAST_WORDS: Duration = Duration::from_millis(600);

/// The database of the venue's bars.
#[derive(Clone, Args)]
pub struct BarsArgs {
    /// Database that the trades go to as 1-minute bars of a market of its own, by the program exchange-bars beside this one; needs the
    /// --trading-days of a calendar [default: none]
    #[arg(long, env = "EXCHANGE_BARS", value_name = "DATABASE_URL", hide_env_values = true)]
    pub bars: Option<String>,
}

/// The URL may have a password.
impl fmt::Debug for BarsArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarsArgs").field("bars", &self.bars.is_some()).finish()
    }
}

/// The program while it runs, if there is one.
pub struct BarsChild(Option<(ChildStdin, JoinHandle<anyhow::Result<()>>)>);

impl BarsArgs {
    /// Refuses a run whose trades cannot be bars.
    ///
    /// # Errors
    /// Its days are those of no calendar.
    pub fn check(&self, run: &RunSpec) -> anyhow::Result<()> {
        let has_calendar = run.trading_days != TradingDays::Weekdays;
        ensure!(
            self.bars.is_none() || has_calendar,
            "--bars needs the trading days of a calendar: give --trading-days nyse, or another one"
        );
        Ok(())
    }

    /// Starts the program on a run's directory, for the run's first sessions or, with 0, for all.
    ///
    /// # Errors
    /// It cannot be run.
    pub fn start(&self, directory: &Path, days: u32, speed: f64, shutdown: &Shutdown) -> anyhow::Result<BarsChild> {
        let Some(url) = &self.bars else { return Ok(BarsChild(None)) };
        let mut command = Command::new(sibling(PROGRAM));
        command.arg("--input").arg(directory).args(["--until-input-ends", "--health-addr=", "--no-log-files"]);
        command.arg(format!("--days={days}")).arg(format!("--speed={speed}"));
        // Not among its arguments, which the list of processes shows.
        command.env("DATABASE_URL", url).env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").stdin(Stdio::piped());
        let mut child = match command.spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "--bars needs the program {PROGRAM}, which is neither beside this program nor in a directory of PATH; build it with \
                 `cargo build --release -p klined-venue`"
            ),
            child => child.with_context(|| format!("cannot run {PROGRAM}"))?,
        };
        let input = child.stdin.take().context("the program has no standard input")?;
        let shutdown = shutdown.clone();
        let watched = tokio::task::spawn_blocking(move || watch(child, &shutdown));
        Ok(BarsChild(Some((input, watched))))
    }
}

/// Waits for the end of the program. Without its bars the run must not go on unseen.
fn watch(mut child: Child, shutdown: &Shutdown) -> anyhow::Result<()> {
    let status: ExitStatus = child.wait().context("cannot wait for exchange-bars")?;
    if !status.success() {
        shutdown.request();
        bail!("{PROGRAM} has failed ({status}); its last message says why");
    }
    Ok(())
}

impl BarsChild {
    /// Waits until the database has all bars of the run; not for long after the request to stop.
    ///
    /// # Errors
    /// The program has failed.
    pub async fn end(self, shutdown: &Shutdown) -> anyhow::Result<()> {
        let Some((input, mut watched)) = self.0 else { return Ok(()) };
        let outcome = tokio::select! {
            outcome = &mut watched => Some(outcome),
            () = shutdown.requested() => {
                drop(input);
                tokio::time::timeout(LAST_WORDS, watched).await.ok()
            }
        };
        // A program that waits for its database is left behind. It ends by itself, and the next one continues where it ended.
        outcome.map_or(Ok(()), |outcome| outcome.context("the watch of exchange-bars has failed")?)
    }
}
