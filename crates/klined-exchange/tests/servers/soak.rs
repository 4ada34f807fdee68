//! The producer in real time under faults of itself and of its broker: each fault once, or, with SOAK_MINUTES, one after another for so
//! long (benches/soak.sh). In the end the directory is that of a run that nothing disturbed, and the topic has what the logs have.
#![allow(clippy::disallowed_methods, reason = "how long it takes is said by the environment and measured by the clock")]

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::{TempDir, tempdir};

use crate::support::{Server, assert_complete, made, manifest, producer_of, records, said};

/// Faults in the order in which they happen, again and again.
const FAULTS: [Fault; 8] = [
    Fault::KillProducer,
    Fault::FreezeBroker,
    Fault::StopProducer,
    Fault::KillBroker,
    Fault::FreezeProducer,
    Fault::StopBroker,
    Fault::StopProducerBesideFrozenBroker,
    Fault::KillProducerWithoutBroker,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// SIGKILL, and another start.
    KillProducer,
    /// SIGSTOP, and later SIGCONT.
    FreezeBroker,
    /// SIGTERM, and another start.
    StopProducer,
    KillBroker,
    FreezeProducer,
    /// SIGTERM, and another start.
    StopBroker,
    StopProducerBesideFrozenBroker,
    KillProducerWithoutBroker,
}

/// How it is done.
struct Plan {
    /// The programs' directory.
    programs: PathBuf,
    /// Flags of the run.
    run: String,
    length: Duration,
    /// Before each fault.
    rest: Duration,
    /// How long a server or a program is away.
    away: Duration,
    /// Between two looks at the memory.
    look: Duration,
}

impl Plan {
    fn of_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        let seconds = Duration::from_secs;
        let built = || Path::new(env!("CARGO_BIN_EXE_exchange-producer")).parent().unwrap().to_owned();
        let programs = variable("SOAK_PROGRAMS").map_or_else(built, PathBuf::from);
        let Some(minutes) = variable("SOAK_MINUTES") else {
            // A tenth of the default rates, so that the topic is read back soon.
            let run = "--seconds 5000 --chunk-size 256 --base-L 2 --base-M 1.5 --base-C 0.05".to_owned();
            let (length, rest) = (Duration::ZERO, Duration::from_millis(1200));
            return Self { programs, run, length, rest, away: seconds(1), look: Duration::from_millis(100) };
        };
        let length = seconds(60 * minutes.parse::<u64>().expect("SOAK_MINUTES is a number of minutes"));
        let run = variable("SOAK_FLAGS").unwrap_or_default();
        Self { programs, run, length, rest: seconds(25), away: seconds(25), look: seconds(2) }
    }
}

struct Soak {
    plan: Plan,
    broker: Server,
    folder: TempDir,
    child: Child,
    started: Instant,
    /// Resident memory of the producer in kB, and when it was read.
    memory: Vec<(Duration, u64)>,
}

const TOPIC: &str = "soak";

impl Soak {
    fn begin(plan: Plan) -> Self {
        let (broker, folder) = (Server::start("kafka.sh", "kafka"), tempdir().unwrap());
        let child = start(&plan, &broker, folder.path());
        Self { plan, broker, folder, child, started: Instant::now(), memory: Vec::new() }
    }

    fn start(&mut self) {
        self.child = start(&self.plan, &self.broker, self.folder.path());
    }

    /// Some time in which nothing happens.
    fn rest(&mut self, length: Duration) {
        let until = Instant::now() + length;
        while Instant::now() < until {
            thread::sleep(self.plan.look);
            let status = self.child.try_wait().unwrap();
            assert!(status.is_none(), "the producer ended with {status:?}: {}", self.messages());
            let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
            let resident = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
            self.memory.extend(resident.and_then(|kb| kb.parse().ok()).map(|kb| (self.started.elapsed(), kb)));
        }
    }

    /// The last messages of the producer.
    fn messages(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join("soak.log")).unwrap_or_default();
        text.lines().rev().take(5).collect::<Vec<_>>().join("\n")
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the producer ended with {status}: {}", self.messages());
    }

    fn does(&mut self, fault: Fault) {
        let away = self.plan.away;
        match fault {
            Fault::KillProducer => {
                self.kill();
                self.start();
            }
            Fault::FreezeBroker => {
                self.broker.does("pause");
                self.rest(away);
                self.broker.does("resume");
            }
            Fault::StopProducer => {
                self.stop();
                self.start();
            }
            Fault::KillBroker | Fault::StopBroker => {
                self.broker.does(if fault == Fault::KillBroker { "kill" } else { "stop" });
                self.rest(away);
                self.broker.again();
            }
            Fault::FreezeProducer => {
                self.signal(Signal::STOP);
                thread::sleep(away);
                self.signal(Signal::CONT);
            }
            Fault::StopProducerBesideFrozenBroker => {
                self.broker.does("pause");
                self.rest(away);
                self.stop();
                self.start();
                self.rest(away);
                self.broker.does("resume");
            }
            Fault::KillProducerWithoutBroker => {
                self.broker.does("kill");
                self.rest(away);
                self.kill();
                self.start();
                self.rest(away);
                self.broker.again();
            }
        }
    }
}

fn start(plan: &Plan, broker: &Server, folder: &Path) -> Child {
    let flags = format!("{} --realtime --speed 1000 --days 0", run_flags(plan));
    let mut command = producer_of(&plan.programs.join("exchange-producer"), broker, TOPIC, &folder.join("run"), &flags);
    let log = OpenOptions::new().create(true).append(true).open(folder.join("soak.log")).unwrap();
    command.stderr(log).spawn().unwrap()
}

fn run_flags(plan: &Plan) -> String {
    format!("--seed 42 --securities AAPL:10000,MSFT:15000,GOOG:12000 {}", plan.run)
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Files of a run other than the report, whose figures are of the clock, and their bytes.
fn files(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut found = vec![("manifest.json".to_owned(), folder.join("manifest.json"))];
    for entry in manifest(folder).entries() {
        found.extend(entry.sessions.iter().map(|session| (session.file.clone(), folder.join(&session.file))));
    }
    found
}

#[test]
fn an_hour_of_faults_leaves_the_run_and_the_topic_as_if_nothing_had_happened() {
    let mut soak = Soak::begin(Plan::of_environment());
    let mut counts = 0;
    for fault in FAULTS.iter().cycle() {
        soak.rest(soak.plan.rest);
        if counts >= FAULTS.len() && soak.started.elapsed() >= soak.plan.length {
            break;
        }
        soak.does(*fault);
        counts += 1;
    }
    soak.stop();
    let before = records(&soak.broker, TOPIC);
    // The day that is under way is made whole, and the topic gets what it lacks.
    let run = soak.folder.path().join("run");
    let days = manifest(&run).entries().iter().map(|entry| entry.sessions.len()).max().unwrap();
    let flags = format!("{} --days {days}", run_flags(&soak.plan));
    let program = soak.plan.programs.join("exchange-producer");
    made(producer_of(&program, &soak.broker, TOPIC, &run, &flags));

    let undisturbed = tempdir().unwrap();
    let mut alone = producer_of(&program, &soak.broker, TOPIC, undisturbed.path(), &flags);
    alone.env_remove("KAFKA_BROKERS");
    made(alone);
    let (found, expected) = (files(&run), files(undisturbed.path()));
    assert_eq!(found.len(), expected.len());
    for ((name, found), (other, expected)) in found.iter().zip(&expected) {
        let is_same = name == other && fs::read(found).unwrap() == fs::read(expected).unwrap();
        assert!(is_same, "{name} differs from that of a run without faults");
    }
    let mut verify = Command::new(soak.plan.programs.join("exchange-log"));
    let logs = found.iter().filter(|(name, _)| name.ends_with(".qrsdp"));
    let output = verify.arg("verify").args(logs.map(|(_, path)| path)).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let events = assert_complete(&soak.broker, TOPIC, &run);

    let (end, quarter) = (soak.started.elapsed(), |nth| soak.plan.length * nth / 4);
    let between = |from: Duration, to: Duration| {
        median(soak.memory.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, kb)| *kb).collect())
    };
    let (first, last) = (between(Duration::ZERO, quarter(1)), between(quarter(3), end));
    let most = soak.memory.iter().map(|(_, kb)| *kb).max().unwrap_or_default();
    let report = format!(
        "{counts} faults, {days} days, {events} events in the topic ({before} of them at the stop); memory of the producer in kB: median of the first \
         quarter {first}, of the last {last}, most {most}; {} waits before another try",
        fs::read_to_string(soak.folder.path().join("soak.log")).unwrap().matches("retry_in_ms").count()
    );
    if let Ok(file) = std::env::var("SOAK_REPORT") {
        fs::write(file, format!("{report}\n")).unwrap();
    }
    assert!(soak.plan.length.is_zero() || 10 * last <= 13 * first, "the memory grows: {report}");
}
