//! Events a second into a topic, beside Kafka's client alone with constant records, in one run.
//!
//! `cargo bench -p klined-exchange --features platform --bench kafka [-- ROUNDS DAYS]`. The broker is the one of the tests, with one
//! partition in use. `exchange-producer` publishes finished logs, so its time is that of reading and sending. The client alone has the same
//! settings (idempotent, `acks=all`) and sends as many records of 26 bytes, which are all alike: first without headers, then with the two headers
//! of an event. The time of DAYS + 1 days less the time of one day counts, so no start and no end is in it. Rounds alternate, and medians are
//! printed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use klined_exchange::log::LogReader;
use klined_testing::servers::{Server, broker};
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rustix::time::{ClockId, clock_gettime};

const RECORD: [u8; 26] = [7; 26];
const KEY: &str = "AAPL";
const ROUNDS: usize = 5;
/// About 260,000 events each.
const DAYS: usize = 20;
/// How long the client may take to send what it holds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds since some instant.
fn clock_s() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn producer(folder: &Path, days: usize) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exchange-producer"));
    command.args(["--seed", "42", "--securities", "AAPL:10000", "--seconds", "3600", "--days", &days.to_string()]);
    command.arg("--output").arg(folder).env_clear().env("KLINED_NO_LOG_FILES", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn into_topic(mut command: Command, server: &Server, topic: &str) -> f64 {
    command.env("KAFKA_BROKERS", format!("127.0.0.1:{}", server.port)).args(["--kafka-topic", topic]);
    let begun = clock_s();
    assert!(command.status().is_ok_and(|status| status.success()), "exchange-producer failed");
    clock_s() - begun
}

/// Seconds of the client alone.
fn alone(server: &Server, topic: &str, count: u64, headers: Option<&OwnedHeaders>) -> f64 {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", format!("127.0.0.1:{}", server.port));
    config.set("enable.idempotence", "true").set("enable.gapless.guarantee", "true").set("acks", "all");
    config.set("linger.ms", "5").set("compression.type", "lz4");
    config.set("queue.buffering.max.messages", "50000").set("batch.num.messages", "50000");
    let sender: BaseProducer = config.create().expect("a client");
    let begun = clock_s();
    for _ in 0..count {
        let mut record = BaseRecord::to(topic).partition(0).key(KEY).payload(&RECORD[..]);
        if let Some(headers) = headers {
            record = record.headers(headers.clone());
        }
        while let Err((error, same)) = sender.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
            sender.poll(Duration::from_millis(10));
            record = same;
        }
    }
    sender.flush(PATIENCE).expect("all records are sent");
    clock_s() - begun
}

fn events(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder.join("AAPL")).expect("the logs").map(|entry| entry.expect("a log").path());
    let count = |path| LogReader::open(std::fs::File::open(path).expect("a log")).expect("a log").count();
    files.filter(|path| path.extension().is_some_and(|extension| extension == "qrsdp")).map(count).sum()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[allow(clippy::print_stdout, reason = "a benchmark prints")]
fn main() {
    // Cargo adds a flag of its own.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let mut next = |usual| words.next().map_or(usual, |word| word.parse().expect("ROUNDS and DAYS are numbers"));
    let (rounds, days) = (next(ROUNDS).max(1), next(DAYS));
    let folder = tempfile::tempdir().expect("a folder");
    let [short, long] = [("short", 1), ("long", 1 + days)].map(|(name, days)| {
        let logs = folder.path().join(name);
        assert!(producer(&logs, days).status().is_ok_and(|status| status.success()), "no logs");
        (name, days, events(&logs), logs)
    });
    let count = long.2 - short.2;
    let server = broker();
    // The program creates the topic, and the broker warms up.
    into_topic(producer(&long.3, long.1), server, "constant");
    let header = |key, value| Header { key, value: Some(value) };
    let headers = OwnedHeaders::new().insert(header("day", "2026-01-02")).insert(header("session", "run_42.12"));
    let mut seconds: [Vec<f64>; 3] = Default::default();
    for round in 0..rounds {
        let [bare, with_headers] = [None, Some(&headers)]
            .map(|headers| [&long, &short].map(|logs| alone(server, "constant", logs.2, headers)));
        let ours = [&long, &short]
            .map(|(name, days, _, logs)| into_topic(producer(logs, *days), server, &format!("{name}-{round}")));
        for (all, [long, short]) in seconds.iter_mut().zip([bare, with_headers, ours]) {
            all.push(long - short);
        }
    }
    let ratio = |of: usize| median(seconds[2].iter().zip(&seconds[of]).map(|(ours, client)| client / ours).collect());
    let [bare, with_headers, ours] = seconds.each_ref().map(|seconds| count as f64 / median(seconds.clone()) / 1e6);
    println!("{count} events   exchange-producer {ours:.2} M/s");
    println!("client alone {bare:.2} M/s   ratio {:.2}", ratio(0));
    println!("client alone, with headers {with_headers:.2} M/s   ratio {:.2}", ratio(1));
}
