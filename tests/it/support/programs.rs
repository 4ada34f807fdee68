//! The real programs, run the way a user runs them: in a directory, with flags and variables, ended by signals.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

pub use super::ended::Ended;
use klined::jobs::{Generator, Market, ModelChoice, Stop};
use klined_market::base::UnixSeconds;
use klined_market::calendar::Calendar;
pub use klined_testing::{assert_has, assert_same};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use super::database::{Backend, Database};
use super::terminal::Terminal;
use super::{SHANGHAI, date};

/// How often something is looked at again.
const POLL: Duration = Duration::from_millis(20);
/// How long anything may take at most: a minute of looking, and a good deal more on a busy machine.
const LOOKS_MAX: usize = 9000;
/// The beginnings of the variables that the programs read, or libpq for them.
const VARIABLES: [&str; 11] = [
    "DATABASE_URL",
    "DB_",
    "KLINED_",
    "PG",
    "RUST_",
    "NOTIFY_SOCKET",
    "WATCHDOG_",
    "JOURNAL_STREAM",
    "NO_COLOR",
    "ENABLE_FAKE_DATA",
    "FAKE_DATA_SYMBOLS",
];

/// The user without rights of its own.
pub const NOBODY: u32 = 65534;

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if holds() {
            return;
        }
        sleep(POLL);
    }
    panic!("waited in vain until {what}");
}

/// Two days of history, from which test mode goes on whatever day it is today.
pub const TWO_DAYS: &str = "--from 2026-03-02 --to 2026-03-03";

/// A program with its flags, variables and directory, not yet started.
pub struct Program(Command);

impl Program {
    fn new(path: &str, directory: &Path) -> Self {
        let mut command = Command::new(path);
        #[allow(clippy::disallowed_methods, reason = "the variables of the tests' user are kept from the programs")]
        for (name, _) in std::env::vars_os() {
            if VARIABLES.iter().any(|start| name.to_string_lossy().starts_with(start)) {
                command.env_remove(name);
            }
        }
        command.current_dir(directory).stdin(Stdio::null());
        Self(command)
    }

    pub fn market_generator(directory: &Path) -> Self {
        Self::new(env!("CARGO_BIN_EXE_market-generator"), directory)
    }

    pub fn data_aggregator(directory: &Path) -> Self {
        Self::new(env!("CARGO_BIN_EXE_data-aggregator"), directory)
    }

    pub fn market_backfill(directory: &Path) -> Self {
        Self::new(env!("CARGO_BIN_EXE_market-backfill"), directory)
    }

    pub fn market_api(directory: &Path) -> Self {
        Self::new(env!("CARGO_BIN_EXE_market-api"), directory)
    }

    pub fn klined(directory: &Path) -> Self {
        Self::new(env!("CARGO_BIN_EXE_klined"), directory)
    }

    /// Adds the words of a command line.
    pub fn with(mut self, words: &str) -> Self {
        self.0.args(words.split_whitespace());
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Gives it a file descriptor of our own as standard error, and runs it to its end.
    pub fn run_with_stderr(mut self, stderr: Stdio) -> ExitStatus {
        self.0.stdout(Stdio::null()).stderr(stderr).status().unwrap()
    }

    /// Ignores a signal, named as a shell does, as the starter may have arranged.
    pub fn deaf_to(self, signal: &str) -> Self {
        self.after(&format!("trap '' {signal}"))
    }

    /// With a soft limit of so many open files.
    pub fn with_few_files(self, files: u32) -> Self {
        self.after(&format!("ulimit -S -n {files}"))
    }

    /// As it is started after a command of the shell, in the same process.
    fn after(self, first: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{first}; exec \"$@\""), "sh"]);
        shell.arg(self.0.get_program()).args(self.0.get_args()).stdin(Stdio::null());
        if let Some(directory) = self.0.get_current_dir() {
            shell.current_dir(directory);
        }
        for (name, value) in self.0.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Self(shell)
    }

    /// Run by a user who has only the rights that files give, also where root runs the tests; none where that user cannot run the program.
    pub fn by_nobody(mut self) -> Option<Self> {
        if !rustix::process::getuid().is_root() {
            return Some(self);
        }
        let mut test = Command::new("test");
        let may_run = test.arg("-x").arg(self.0.get_program()).uid(NOBODY).gid(NOBODY).status().unwrap().success();
        self.0.uid(NOBODY).gid(NOBODY);
        may_run.then_some(self)
    }

    pub fn spawn(mut self) -> Running {
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Output::of(child.stdout.take().unwrap());
        let stderr = Output::of(child.stderr.take().unwrap());
        Running { child, stdout, stderr }
    }

    /// Runs to the end.
    pub fn run(self) -> Ended {
        self.spawn().wait()
    }

    /// Starts without a reader of its outputs: the pipes are closed before the first line.
    pub fn spawn_unheard(mut self) -> Running {
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        Running { child, stdout: Output::of(std::io::empty()), stderr: Output::of(std::io::empty()) }
    }

    /// Starts on a terminal, which shows both outputs.
    pub fn spawn_on(mut self, terminal: &Terminal) -> Running {
        let child = self.0.stdout(terminal.end()).stderr(terminal.end()).spawn().unwrap();
        Running { child, stdout: Output::of(std::io::empty()), stderr: Output::of(std::io::empty()) }
    }

    /// Starts without a reader of its standard output: the pipe is closed before the first line.
    pub fn run_with_closed_output(mut self) -> Ended {
        let mut child = self.0.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let stderr = Output::of(child.stderr.take().unwrap());
        Running { child, stdout: Output::of(std::io::empty()), stderr }.wait()
    }
}

/// The programs on a database, each in its directory and with its URL in `DATABASE_URL`.
impl Database {
    pub fn market_generator(&self, words: &str) -> Program {
        Program::market_generator(self.directory.path()).variable("DATABASE_URL", self.url()).with(words)
    }

    pub fn data_aggregator(&self, words: &str) -> Program {
        Program::data_aggregator(self.directory.path()).variable("DATABASE_URL", self.url()).with(words)
    }

    pub fn market_backfill(&self, words: &str) -> Program {
        Program::market_backfill(self.directory.path()).variable("DATABASE_URL", self.url()).with(words)
    }

    pub fn market_api(&self, words: &str) -> Program {
        Program::market_api(self.directory.path()).variable("DATABASE_URL", self.url()).with(words)
    }

    pub fn klined(&self, words: &str) -> Program {
        Program::klined(self.directory.path()).variable("DATABASE_URL", self.url()).with(words)
    }
}

impl Database {
    /// Fills it with [`TWO_DAYS`].
    pub fn filled(&self) -> &Self {
        self.market_backfill(TWO_DAYS).run().succeeded();
        self
    }

    /// What a program has logged to its files, one for each day of UTC on which it ran.
    pub fn logged(&self, name: &str) -> String {
        let logs = self.directory.path().join("logs");
        let files = std::fs::read_dir(&logs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // The link to the newest file has no date.
        let is_own = |file: &str| file.strip_prefix(name).is_some_and(|rest| rest.starts_with('.') && rest != ".log");
        let mut dated: Vec<String> = files.filter(|file| is_own(file)).collect();
        dated.sort();
        dated.iter().map(|file| std::fs::read_to_string(logs.join(file)).unwrap()).collect()
    }

    /// Start of the last minute written, in Unix seconds; 0 before the first.
    pub fn last_minute(&self) -> i64 {
        self.value("SELECT CAST(coalesce(max(last_update), 0) AS text) AS text FROM stock_state").parse().unwrap()
    }

    /// Starts a generator as a supervisor does after a crash, and waits for its first minute: a server may take a moment
    /// to see that the one before is gone, and refuses the next one until then.
    pub fn restarted_generator(&self, words: &str) -> Running {
        for _ in 0..LOOKS_MAX {
            let before = self.last_minute();
            let mut generator = self.market_generator(words).spawn();
            eventually("it writes or ends", || generator.has_ended() || self.last_minute() > before);
            if !generator.has_ended() {
                return generator;
            }
            generator.wait().failed(&["another process is this database's writer"]);
        }
        panic!("the role of a generator that was killed does not come free");
    }

    /// A database of its own with [`TWO_DAYS`] and what one generator, in this process, writes after them.
    pub fn uninterrupted(backend: Backend, until: i64) -> Self {
        Self::uninterrupted_after(backend, TWO_DAYS, until)
    }

    /// The same after a backfill of other days.
    pub fn uninterrupted_after(backend: Backend, days: &str, until: i64) -> Self {
        let database = Self::new(backend);
        database.market_backfill(days).run().succeeded();
        let store = database.open();
        let market = Market::claim(store, Arc::new(Calendar::shanghai()), ModelChoice::default(), None).unwrap();
        let mut generator = Generator::start(market, &[], date("2026-03-02"), &Stop::default()).unwrap();
        generator.advance(SHANGHAI.minute_starting(UnixSeconds::new(until)).unwrap(), &Stop::default()).unwrap();
        database
    }
}

/// What a program writes to one of its streams, as it comes.
struct Output {
    text: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Output {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let kept = text.clone();
        let reader = spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                kept.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
        });
        Self { text, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }
}

/// A program that runs. Killed when it is dropped.
pub struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> &Self {
        kill_process(self.id(), signal).unwrap_or_else(|error| panic!("{signal:?}: {error}"));
        self
    }

    /// Its process, which stays its own until it has been waited for.
    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Kills it with SIGKILL, wherever it may be.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Asks it to stop as a supervisor does, and waits for its end.
    pub fn terminate(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// The number of its process.
    pub fn process(&self) -> i32 {
        self.id().as_raw_nonzero().get()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until something holds while the program runs.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let mut ended = None;
        eventually(what, || {
            ended = ended.or(self.child.try_wait().unwrap());
            ended.is_some() || holds()
        });
        assert!(ended.is_none() || holds(), "ended with {ended:?} before {what}\n{}", self.stderr());
    }

    /// Waits until it has said something on either stream.
    pub fn until_it_says(&mut self, text: &str) {
        let (stdout, stderr) = (self.stdout.text.clone(), self.stderr.text.clone());
        let says = |heard: &Mutex<Vec<u8>>| String::from_utf8_lossy(&heard.lock().unwrap()).contains(text);
        self.until(&format!("it says \"{text}\""), || says(&stdout) || says(&stderr));
    }

    /// How often it has said something on its standard error.
    pub fn times_said(&self, text: &str) -> usize {
        self.stderr().matches(text).count()
    }

    /// Waits until it has said something more often than that.
    pub fn until_said_more_than(&mut self, times: usize, text: &str) {
        let heard = self.stderr.text.clone();
        self.until(&format!("it says \"{text}\" once more"), || {
            String::from_utf8_lossy(&heard.lock().unwrap()).matches(text).count() > times
        });
    }

    /// Limits the size of the files that it writes, or no longer.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.id()), Resource::Fsize, limit).unwrap();
    }

    /// Waits until it has written so many more minutes, from now on.
    pub fn until_minutes(&mut self, count: u64, database: &Database) {
        let after_last = || UnixSeconds::new(database.last_minute()).next();
        let before = after_last();
        let written = || SHANGHAI.minutes_between(before, after_last());
        self.until(&format!("{count} more minutes are written"), || written() >= count);
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let mut status = None;
        for _ in 0..LOOKS_MAX {
            status = self.child.try_wait().unwrap();
            if status.is_some() {
                break;
            }
            sleep(POLL);
        }
        let Some(status) = status else { panic!("it does not end\n{}", self.stderr()) };
        eventually("its output has been read", || self.stdout.reader.is_finished() && self.stderr.reader.is_finished());
        Ended { status, stdout: self.stdout(), stderr: self.stderr() }
    }
}
