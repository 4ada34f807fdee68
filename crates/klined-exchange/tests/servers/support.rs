//! The program, and what a topic should hold.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use klined_exchange::event::Event;
use klined_exchange::log::LogReader;
use klined_exchange::run::{Manifest, SessionEntry};
use klined_testing::kafka::{Record, each_record};

pub use klined_testing::kafka::{ends, put, records};
pub use klined_testing::servers::{Server, broker, said, terminated, until};

/// The producer with a topic of a server.
pub fn producer(server: &Server, topic: &str, folder: &Path, arguments: &str) -> Command {
    producer_of(Path::new(env!("CARGO_BIN_EXE_exchange-producer")), server, topic, folder, arguments)
}

/// That of another build.
pub fn producer_of(program: &Path, server: &Server, topic: &str, folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(program);
    command.args(arguments.split_whitespace()).arg("--output").arg(folder).args(["--kafka-topic", topic]);
    command.env_clear().env("KLINED_NO_LOG_FILES", "1").env("KAFKA_BROKERS", format!("127.0.0.1:{}", server.port));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

pub fn made(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

/// The events of each security in order, with their dates.
pub type Events = BTreeMap<String, Vec<(Rc<str>, Event)>>;

/// The logs of a security, session after session. It holds one chunk.
pub struct Logged {
    sessions: std::vec::IntoIter<(Rc<str>, PathBuf)>,
    open: Option<(Rc<str>, LogReader<File>, usize)>,
    events: std::vec::IntoIter<Event>,
}

impl Iterator for Logged {
    type Item = (Rc<str>, Event);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let (Some((date, ..)), Some(event)) = (&self.open, self.events.next()) {
                return Some((date.clone(), event));
            }
            match &mut self.open {
                Some((_, reader, next)) if *next < reader.chunks().len() => {
                    let mut events = Vec::new();
                    reader.read_chunk(*next, &mut events).unwrap();
                    *next += 1;
                    self.events = events.into_iter();
                }
                _ => {
                    let (date, path) = self.sessions.next()?;
                    self.open = Some((date, LogReader::open(File::open(path).unwrap()).unwrap(), 0));
                }
            }
        }
    }
}

pub fn manifest(folder: &Path) -> Manifest {
    serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap()
}

/// The logs of a directory by security.
pub fn logs(folder: &Path) -> BTreeMap<String, Logged> {
    let mut found = BTreeMap::new();
    for entry in manifest(folder).entries() {
        let session = |session: &SessionEntry| (session.date.to_string().into(), folder.join(&session.file));
        let sessions: Vec<(Rc<str>, PathBuf)> = entry.sessions.iter().map(session).collect();
        let logged = Logged { sessions: sessions.into_iter(), open: None, events: Vec::new().into_iter() };
        found.insert(entry.symbol.clone(), logged);
    }
    found
}

/// What the logs of a directory hold.
pub fn logged(folder: &Path) -> Events {
    logs(folder).into_iter().map(|(symbol, events)| (symbol, events.collect())).collect()
}

/// The symbol, the date and the event of a record.
fn event_of(record: &Record) -> (&str, &str, Event) {
    let [(day, date), (session, _)] = record.headers.as_slice() else { panic!("the headers of {record:?}") };
    assert_eq!((day.as_str(), session.as_str()), ("day", "session"));
    (&record.key, date, Event::from_record(record.value.as_slice().try_into().unwrap()).unwrap())
}

/// The topic has every event of the logs once, in order, and in each partition the times of a day do not fall. Returns their number. Neither the topic
/// nor the logs are held in memory as a whole.
pub fn assert_complete(server: &Server, topic: &str, folder: &Path) -> u64 {
    let (mut logs, mut counts) = (logs(folder), BTreeMap::<String, u64>::new());
    let mut lasts = BTreeMap::<i32, (String, u64)>::new();
    each_record(server, topic, |record| {
        let (symbol, date, event) = event_of(&record);
        let count = counts.entry(symbol.to_owned()).or_default();
        let expected = logs.get_mut(symbol).unwrap_or_else(|| panic!("{symbol} is no security of the run")).next();
        let found = Some((date, event));
        assert_eq!(expected.as_ref().map(|(date, event)| (&**date, *event)), found, "event {count} of {symbol}");
        *count += 1;
        let last = lasts.entry(record.partition).or_default();
        let place = (date, event.ts_ns);
        assert!((last.0.as_str(), last.1) <= place, "event {count} of {symbol} comes after {last:?}");
        if last.0 != date {
            last.0 = date.to_owned();
        }
        last.1 = event.ts_ns;
    });
    for (symbol, events) in &mut logs {
        assert_eq!(events.next(), None, "the topic lacks the end of {symbol}");
    }
    counts.values().sum()
}
