//! The servers, the program, and what a topic should hold.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use klined_exchange::event::Event;
use klined_exchange::log::{LogError, LogReader};
use klined_exchange::run::Manifest;
use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A server that its script starts, and that ends with the test process.
pub struct Server {
    script: PathBuf,
    pub folder: TempDir,
    pub port: u16,
    library: PathBuf,
    /// Ends the server when this process is gone, however it ends.
    watch: Option<Child>,
}

impl Server {
    pub fn start(script: &str, library: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(script);
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(library);
        let mut server = Self { script, folder: tempfile::tempdir().unwrap(), port: free_port(), library, watch: None };
        server.again();
        let parent = std::process::id();
        let watch = format!(
            "while [ -d /proc/{parent} ]; do sleep 0.5; done; '{}' kill '{}'; rm -rf '{}'",
            server.script.display(),
            server.path(),
            server.path()
        );
        server.watch = Some(
            Command::new("setsid")
                .args(["bash", "-c", &watch])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        server
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// Starts it, or starts it again with its data.
    pub fn again(&self) {
        let (port, library) = (self.port.to_string(), self.library.to_str().unwrap());
        self.script(&["start", self.path(), &port, library]);
    }

    pub fn does(&self, what: &str) {
        self.script(&[what, self.path()]);
    }

    fn script(&self, words: &[&str]) {
        let status =
            Command::new(&self.script).args(words).stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{} {words:?}", self.script.display());
    }
}

impl Drop for Server {
    /// Before its folder vanishes, and with it the note of its process.
    fn drop(&mut self) {
        let _ = Command::new(&self.script).args(["kill", self.path()]).status();
    }
}

/// A port with two free ones after it.
fn free_port() -> u16 {
    let bind = |port| std::net::TcpListener::bind(("127.0.0.1", port));
    (0..1000)
        .find_map(|_| {
            let first = bind(0).ok()?;
            let port = first.local_addr().ok()?.port();
            let others = (bind(port.checked_add(1)?), bind(port.checked_add(2)?));
            (others.0.is_ok() && others.1.is_ok()).then_some(port)
        })
        .expect("no free ports")
}

/// The broker of all tests.
pub fn broker() -> &'static Server {
    static BROKER: OnceLock<Server> = OnceLock::new();
    BROKER.get_or_init(|| Server::start("kafka.sh", "kafka"))
}

/// The producer with a topic of a server.
pub fn producer(server: &Server, topic: &str, folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exchange-producer"));
    command.args(arguments.split_whitespace()).arg("--output").arg(folder).args(["--kafka-topic", topic]);
    command.env_clear().env("KLINED_NO_LOG_FILES", "1").env("KAFKA_BROKERS", format!("127.0.0.1:{}", server.port));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

pub fn made(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn terminated(child: Child) -> Output {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait_with_output().unwrap()
}

pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} did not come within a minute");
}

/// The events of each security in order, with their dates.
pub type Events = BTreeMap<String, Vec<(String, Event)>>;

/// What the logs of a directory hold.
pub fn logged(folder: &Path) -> Events {
    let manifest: Manifest =
        serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let mut found = Events::new();
    for entry in manifest.entries() {
        let events = found.entry(entry.symbol.clone()).or_default();
        for session in &entry.sessions {
            let mut reader = LogReader::open(File::open(folder.join(&session.file)).unwrap()).unwrap();
            let date = session.date.to_string();
            reader
                .for_each_chunk(|chunk| {
                    events.extend(chunk.iter().map(|event| (date.clone(), *event)));
                    Ok::<(), LogError>(())
                })
                .unwrap();
        }
    }
    found
}

fn consumer(server: &Server) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", format!("127.0.0.1:{}", server.port))
        .set("group.id", "tests")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .create()
        .unwrap()
}

/// Puts a record into a topic, as another program would.
pub fn put(server: &Server, topic: &str, key: &str, value: &[u8]) {
    let address = format!("127.0.0.1:{}", server.port);
    let sender: BaseProducer = ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
    sender.send(BaseRecord::to(topic).key(key).payload(value)).unwrap();
    sender.flush(Duration::from_secs(20)).unwrap();
}

/// Partitions of a topic with first and next offsets.
pub fn ends(server: &Server, topic: &str) -> Vec<(i64, i64)> {
    let consumer = consumer(server);
    let Ok(metadata) = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)) else { return Vec::new() };
    let partitions = metadata.topics()[0].partitions().len() as i32;
    (0..partitions)
        .map(|nth| consumer.fetch_watermarks(topic, nth, Duration::from_secs(10)).unwrap_or((0, 0)))
        .collect()
}

pub fn records(server: &Server, topic: &str) -> i64 {
    ends(server, topic).iter().map(|(_, high)| high).sum()
}

/// What a topic holds, read from its first record to its last.
pub fn published(server: &Server, topic: &str) -> Events {
    let ends = ends(server, topic);
    let consumer = consumer(server);
    let mut list = TopicPartitionList::new();
    for partition in 0..ends.len() {
        list.add_partition_offset(topic, partition as i32, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut left: i64 = ends.iter().map(|(low, high)| high - low).sum();
    let mut found = Events::new();
    while left > 0 {
        let message = consumer.poll(Duration::from_secs(20)).expect("a record").unwrap();
        let symbol = String::from_utf8(message.key().unwrap_or_default().to_vec()).unwrap();
        let event = Event::from_record(message.payload().unwrap().try_into().unwrap()).unwrap();
        let headers = message.headers().unwrap();
        assert_eq!((headers.count(), headers.get(0).key, headers.get(1).key), (2, "day", "session"));
        let day = String::from_utf8(headers.get(0).value.unwrap().to_vec()).unwrap();
        found.entry(symbol).or_default().push((day, event));
        left -= 1;
    }
    found
}

/// The topic has every event of the logs once, in order.
pub fn assert_complete(server: &Server, topic: &str, folder: &Path) {
    let (found, expected) = (published(server, topic), logged(folder));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (symbol, events) in &expected {
        assert_eq!(found[symbol].len(), events.len(), "{symbol}");
        let other = found[symbol].iter().zip(events).position(|(found, expected)| found != expected);
        assert_eq!(other, None, "{symbol}");
    }
}
