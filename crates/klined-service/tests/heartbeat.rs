//! The example is a real daemon: the program is built and run, asked over HTTP, signalled, and watched as systemd does.

#![allow(unsafe_code, reason = "signals for the program under test")]

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use klined_testing::http::get;
use tempfile::TempDir;

/// How often something is looked at again, and how many times at most.
const POLL: Duration = Duration::from_millis(20);
const LOOKS_MAX: usize = 3000;
/// The most lines that a daemon may cost.
const LINES_MAX: usize = 50;

/// The example program. `cargo test --test` does not build examples, so cargo is asked here, once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built_in = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "klined-service", "--example", "heartbeat", "--target-dir"]);
        cargo.arg(built_in.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success());
        built_in.join("examples/heartbeat")
    })
}

fn heartbeat(place: &TempDir, words: &str) -> Command {
    let mut command = Command::new(program());
    command.args(words.split_whitespace()).current_dir(place.path()).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[track_caller]
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        if let Some(found) = look() {
            return found;
        }
        sleep(POLL);
    }
    panic!("waited without success until {what}");
}

/// What heartbeats in a directory have logged to their files, one for each day of UTC.
fn logged(place: &TempDir) -> String {
    let files = fs::read_dir(place.path().join("logs")).into_iter().flatten();
    // The link to the newest file has no date.
    let dated = files.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("heartbeat.log"));
    let mut dated: Vec<PathBuf> = dated.collect();
    dated.sort();
    dated.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// A heartbeat that runs in a directory, and is killed when the test fails.
struct Beating<'a> {
    child: Child,
    place: &'a TempDir,
}

impl Drop for Beating<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl<'a> Beating<'a> {
    fn start(place: &'a TempDir, mut command: Command) -> Self {
        Self { child: command.spawn().unwrap(), place }
    }

    fn log(&self) -> String {
        logged(self.place)
    }

    fn until_it_logs(&self, text: &str) {
        eventually(&format!("it logs \"{text}\""), || self.log().contains(text).then_some(()));
    }

    fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).unwrap();
        // SAFETY: kill takes two numbers and touches no memory; the child has not been waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0, "signal {signal}");
    }

    /// The address at which it serves its health.
    fn address(&self) -> String {
        eventually("it serves its health", || {
            let log = self.log();
            let line = log.lines().find(|line| line.contains("serving /healthz"))?;
            line.split("address=").nth(1).map(|address| address.trim().to_owned())
        })
    }

    fn end(mut self) -> ExitStatus {
        eventually("it ends", || self.child.try_wait().unwrap())
    }
}

#[test]
fn a_daemon_costs_fifty_lines() {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/heartbeat.rs")).unwrap();
    assert!(source.lines().count() <= LINES_MAX, "{} lines", source.lines().count());
}

#[test]
fn health_answers_and_sigterm_ends_it_with_status_0() {
    let place = place();
    let beating = Beating::start(&place, heartbeat(&place, "--health-addr 0 --every 10"));
    let address = beating.address();
    eventually("it is ready", || get(&address, "/readyz").starts_with("HTTP/1.1 200").then_some(()));
    assert!(get(&address, "/readyz").ends_with("\r\n\r\nready\n"));
    assert!(get(&address, "/healthz").ends_with("\r\n\r\nlive\n"));
    let beats = || -> u64 {
        let text = get(&address, "/metrics");
        for line in ["klined_job_ready{job=\"heart\"} 1", "klined_retries_total{job=\"heart\"} 0", "# EOF"] {
            assert!(text.lines().any(|found| found == line), "no {line} in {text}");
        }
        assert!(text.contains(&format!("klined_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))), "{text}");
        text.lines().find_map(|line| line.strip_prefix("klined_beats_total ")).unwrap().parse().unwrap()
    };
    let before = beats();
    eventually("the heart beats", || (beats() > before).then_some(()));
    beating.signal(libc::SIGTERM);
    assert_eq!(beating.end().code(), Some(0));
    let log = logged(&place);
    assert!(log.contains("signal=\"SIGTERM\"") && log.ends_with(" INFO stopped\n"), "{log}");
}

#[test]
fn sighup_reads_the_log_filter_again_and_then_what_the_daemon_has() {
    let place = place();
    fs::write(place.path().join("filter"), "info\n").unwrap();
    let beating = Beating::start(&place, heartbeat(&place, "--health-addr 0 --log @filter"));
    beating.address();
    fs::write(place.path().join("filter"), "info,hyper=warn\n").unwrap();
    beating.signal(libc::SIGHUP);
    beating.until_it_logs("the log filter was read again filter=\"info,hyper=warn\"");
    beating.until_it_logs("reads its files again");
    fs::write(place.path().join("filter"), "heart=loud\n").unwrap();
    beating.signal(libc::SIGHUP);
    beating.until_it_logs("the log filter is unchanged: --log \"heart=loud\" is not a valid filter");
    beating.signal(libc::SIGINT);
    assert_eq!(beating.end().code(), Some(0));
}

#[test]
fn systemd_receives_ready_status_watchdog_and_the_end() {
    let place = place();
    let path = place.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = heartbeat(&place, "--every 10");
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let beating = Beating::start(&place, command);
    let mut received = String::new();
    let mut until = |what: &str| {
        for _ in 0..LOOKS_MAX {
            if received.lines().any(|line| line == what) {
                return;
            }
            let mut buffer = [0; 4096];
            let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {what}, {error}: {received}"));
            received.push_str(&String::from_utf8_lossy(&buffer[..length]));
            received.push('\n');
        }
        panic!("no {what} among {LOOKS_MAX} messages: {received}");
    };
    until("READY=1");
    until("STATUS=heart: running");
    until("WATCHDOG=1");
    beating.signal(libc::SIGHUP);
    until("RELOADING=1");
    beating.signal(libc::SIGTERM);
    until("STOPPING=1");
    assert_eq!(beating.end().code(), Some(0));
}

#[test]
fn a_check_says_what_it_finds_and_starts_nothing() {
    let place = place();
    let found = run(heartbeat(&place, "--check --every 10"));
    let text = String::from_utf8(found.stdout).unwrap();
    assert_eq!(text, "ok   configuration: can be used\nok   heart: beats every 10 ms\n");
    assert_eq!((found.status.code(), found.stderr.as_slice()), (Some(0), &b""[..]));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    fs::write(place.path().join("file"), "").unwrap();
    let found = run(heartbeat(&place, "--check --log-dir file/logs"));
    assert!(
        String::from_utf8(found.stdout).unwrap().starts_with("FAIL configuration: cannot write log files to file/logs")
    );
    assert_eq!(found.status.code(), Some(1));
}

#[test]
fn a_failed_start_is_status_1_and_a_wrong_command_line_status_2() {
    let place = place();
    let failed = run(heartbeat(&place, "--no-log-files --log heart=loud"));
    let said = String::from_utf8(failed.stderr).unwrap();
    assert!(said.starts_with("error: --log \"heart=loud\" is not a valid filter"), "{said}");
    assert_eq!(failed.status.code(), Some(1));
    for words in ["--every 0", "--every", "--fast", "--worker-threads 0", "--health-addr here"] {
        assert_eq!(run(heartbeat(&place, words)).status.code(), Some(2), "{words}");
    }
}

#[test]
fn variables_come_from_the_environment_then_from_the_file_and_empty_ones_do_not_count() {
    let place = place();
    let every = |value: Option<&str>| {
        let mut command = heartbeat(&place, "--check");
        value.map(|value| command.env("HEARTBEAT_MS", value));
        let text = String::from_utf8(run(command).stdout).unwrap();
        text.rsplit_once("every ").unwrap().1.trim().to_owned()
    };
    assert_eq!((every(None), every(Some("7")), every(Some(""))), ("1000 ms".into(), "7 ms".into(), "1000 ms".into()));
    fs::write(place.path().join(".env"), "HEARTBEAT_MS=9\n").unwrap();
    assert_eq!((every(None), every(Some("7")), every(Some(""))), ("9 ms".into(), "7 ms".into(), "1000 ms".into()));
    fs::write(place.path().join("file"), "").unwrap();
    for switch in ["1", "true", "YES", "on"] {
        let mut command = heartbeat(&place, "--log-dir file/logs --check");
        command.env("KLINED_NO_LOG_FILES", switch);
        assert_eq!(run(command).status.code(), Some(0), "{switch}");
    }
    for switch in ["0", "false", "No", "off", ""] {
        let mut command = heartbeat(&place, "--log-dir file/logs --check");
        command.env("KLINED_NO_LOG_FILES", switch);
        assert_eq!(run(command).status.code(), Some(1), "{switch}");
    }
}

#[test]
fn closed_pipes_do_not_end_it() {
    let place = place();
    let mut command = heartbeat(&place, "--health-addr 0 --every 10");
    let mut beating = Beating::start(&place, {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    });
    drop((beating.child.stdout.take(), beating.child.stderr.take()));
    let address = beating.address();
    // Each of them is a line that nobody can read.
    for _ in 0..3 {
        beating.signal(libc::SIGHUP);
        sleep(POLL);
    }
    beating.until_it_logs("reads its files again");
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    beating.signal(libc::SIGTERM);
    assert_eq!(beating.end().code(), Some(0));
    let mut check = heartbeat(&place, "--check");
    let mut child = check.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_number_of_worker_threads_is_that_asked_for() {
    let place = place();
    let workers = |words: &str, expected: usize| {
        let beating = Beating::start(&place, heartbeat(&place, words));
        let tasks = format!("/proc/{}/task", beating.child.id());
        beating.until_it_logs("serving /healthz");
        let names = || {
            let tasks = fs::read_dir(&tasks).unwrap();
            tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok())
        };
        let count = || names().filter(|name| name.starts_with("tokio")).count();
        // A thread has its name only when it has run for the first time.
        for _ in (0..LOOKS_MAX).take_while(|_| count() != expected) {
            sleep(POLL);
        }
        let count = count();
        beating.signal(libc::SIGTERM);
        assert_eq!(beating.end().code(), Some(0));
        fs::remove_dir_all(place.path().join("logs")).unwrap();
        count
    };
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(workers("--health-addr 0 --worker-threads 3", 3), 3);
    assert_eq!(workers("--health-addr 0", cores), cores);
}
