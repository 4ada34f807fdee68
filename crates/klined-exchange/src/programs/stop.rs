//! The request to stop a program, and the clock of the programs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::run::Pace;

/// Set by SIGTERM or SIGINT, or by hand.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    flag: AtomicBool,
    waiting: Mutex<()>,
    changed: Condvar,
}

impl Stop {
    /// One that the process's signals set.
    pub fn on_signals() -> anyhow::Result<Self> {
        let stop = Self::default();
        let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot wait for signals")?;
        let set = stop.clone();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for _ in signals.forever() {
                    set.set();
                }
            })
            .context("cannot start the thread that waits for signals")?;
        Ok(stop)
    }

    /// The flag itself.
    pub fn flag(&self) -> &AtomicBool {
        &self.0.flag
    }

    fn set(&self) {
        let _guard = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.flag.store(true, Ordering::Relaxed);
        self.0.changed.notify_all();
    }
}

/// The system's clock, monotonic, from the run's start on.
#[derive(Debug)]
pub struct SystemPace {
    start: Instant,
    stop: Stop,
}

impl SystemPace {
    #[allow(clippy::disallowed_methods, reason = "real time enters here")]
    pub fn start(stop: Stop) -> Self {
        Self { start: Instant::now(), stop }
    }
}

impl Pace for SystemPace {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn wait_until(&self, elapsed: Duration) -> bool {
        let shared = &self.stop.0;
        let mut guard = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if shared.flag.load(Ordering::Relaxed) {
                return false;
            }
            let left = elapsed.saturating_sub(self.start.elapsed());
            if left.is_zero() {
                return true;
            }
            guard = shared.changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
