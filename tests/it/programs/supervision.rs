//! Under a supervisor: what systemd receives over a real notification socket, and how the programs end.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::spawn;

use klined_testing::assert_same;
use rustix::process::Signal;

use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::programs::{Program, assert_has, eventually};

/// The socket that a service manager listens on, and what it has heard.
struct Manager {
    path: PathBuf,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Manager {
    fn listening(database: &Database) -> Self {
        let path = database.directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = heard.clone();
        spawn(move || {
            let mut buffer = [0; 4096];
            // Ends with the process.
            while let Ok(length) = socket.recv(&mut buffer) {
                kept.lock().unwrap().extend(String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned));
            }
        });
        Self { path, heard }
    }

    /// The program as its service, with a watchdog of 400 ms.
    fn supervising(&self, program: Program) -> Program {
        program.variable("NOTIFY_SOCKET", self.path.to_str().unwrap()).variable("WATCHDOG_USEC", "400000")
    }

    fn count(&self, word: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|line| line.starts_with(word)).count()
    }

    fn last_status(&self) -> String {
        let heard = self.heard.lock().unwrap();
        heard.iter().rev().find_map(|line| line.strip_prefix("STATUS=")).unwrap_or_default().to_owned()
    }
}

on_every_backend! {
    fn systemd_receives_readiness_progress_and_the_end(database: &Database) {
        database.filled();
        let manager = Manager::listening(database);
        let mut generator = manager.supervising(database.market_generator("--test --speed 6000")).spawn();
        generator.until("it is ready", || manager.count("READY=1") == 1);
        generator.until("the watchdog is fed", || manager.count("WATCHDOG=1") > 2);
        generator.until("it tells where it is", || {
            let status = manager.last_status();
            status.starts_with("generator: ") && status.contains(" session, last minute 2026-03-0")
        });
        assert_eq!(manager.count("STOPPING=1"), 0);
        generator.terminate().succeeded();
        eventually("its end is announced", || manager.count("STOPPING=1") == 1);
        assert_eq!(manager.count("READY=1"), 1);
    }

    fn one_that_has_nothing_to_do_still_feeds_the_watchdog(database: &Database) {
        database.filled();
        let manager = Manager::listening(database);
        let programs =
            [database.market_generator("--test --speed 0.01"), database.data_aggregator("--interval 1440")];
        for (program, job) in programs.into_iter().zip(["generator: ", "aggregator: "]) {
            let mut idle = manager.supervising(program).spawn();
            idle.until("it is ready", || manager.last_status().starts_with(job) && manager.count("READY=1") > 0);
            let before = manager.count("WATCHDOG=1");
            idle.until("it is fed", || manager.count("WATCHDOG=1") > before + 4);
            idle.terminate().succeeded();
        }
    }

    fn the_watchdog_starves_while_a_transaction_hangs(database: &Database) {
        database.filled();
        let manager = Manager::listening(database);
        let mut generator = manager.supervising(database.market_generator("--test --speed 6000 --db-timeout 60")).spawn();
        generator.until_minutes(5, database);
        let hold = database.hold_writes();
        // Nothing is fed for as long as four times the deadline: only then is the feeding seen to have ended.
        let (mut fed, mut looks) = (manager.count("WATCHDOG=1"), 0);
        generator.until("the feeding ends", || {
            let now = manager.count("WATCHDOG=1");
            looks = if now == fed { looks + 1 } else { 0 };
            fed = now;
            looks > 80
        });
        drop(hold);
        generator.until("it is fed again", || manager.count("WATCHDOG=1") > fed);
        generator.terminate().succeeded();
    }

    fn the_readiness_waits_for_the_role(database: &Database) {
        let mut first = database.filled().market_generator("--test --speed 6000").spawn();
        first.until_minutes(1, database);
        let manager = Manager::listening(database);
        let second = manager.supervising(database.market_generator("--test")).run();
        second.failed(&["another process is this database's writer", "Stop it first"]);
        assert_eq!(manager.count("READY=1"), 0);
        first.terminate().succeeded();
    }

    fn a_reload_is_reported_to_systemd(database: &Database) {
        database.filled();
        let manager = Manager::listening(database);
        let mut aggregator = manager.supervising(database.data_aggregator("")).spawn();
        aggregator.until("it is ready", || manager.count("READY=1") == 1);
        aggregator.signal(Signal::HUP);
        aggregator.until("it has read again", || manager.count("READY=1") == 2);
        assert_eq!((manager.count("RELOADING=1"), manager.count("MONOTONIC_USEC=")), (1, 1));
        aggregator.terminate().succeeded();
    }

    fn a_transaction_that_hangs_does_not_hold_up_the_end(database: &Database) {
        database.filled();
        // Longer than any test may take: only the grace after the signal can end it.
        let mut generator = database.market_generator("--test --speed 6000 --db-timeout 3600").spawn();
        generator.until_minutes(5, database);
        let hold = database.hold_writes();
        let (mut last, mut looks) = (0, 0);
        generator.until("it waits for the lock", || {
            let now = database.last_minute();
            looks = if now == last { looks + 1 } else { 0 };
            last = now;
            looks > 20
        });
        let before = database.contents();
        let ended = generator.terminate();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_has(&ended.stderr, &["stopping after the current unit of work", "did not end within 4s"]);
        drop(hold);
        assert_same(&database.contents(), &before);
        let mut next = database.restarted_generator("--test --speed 6000");
        next.until_minutes(1, database);
        next.terminate().succeeded();
    }
}
