//! Logs: one line an event, in the format asked for, and never a password.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use rustix::process::Signal;

use crate::on_every_backend;
use crate::support::cluster::Cluster;
use crate::support::database::{Backend, Database};
use crate::support::http::{get, metric};
use crate::support::programs::{Program, assert_has};

on_every_backend! {
    fn json_has_one_object_a_line_with_the_fields_beside_the_message(database: &Database) {
        let program = database.market_backfill("--from 2026-03-02 --to 2026-03-02 --log-format json");
        let said = program.run().succeeded().stderr;
        let file = database.logged("market_backfill");
        let read = |text: &str| -> Vec<serde_json::Value> {
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let (events, in_file) = (read(&said), read(&file));
        let messages = |events: &[serde_json::Value]| -> Vec<_> {
            events.iter().map(|event| event["message"].clone()).collect()
        };
        assert_eq!(messages(&events), messages(&in_file));
        let filled = events.iter().find(|event| event["message"] == "backfilled").unwrap();
        assert_eq!((&filled["level"], filled["bars"].as_u64()), (&"INFO".into(), Some(2400)));
        assert!(filled["timestamp"].as_str().unwrap().ends_with('Z'));
        // What ends the program is an event like any other.
        let ended = database.market_generator("--test --seed 7").variable("KLINED_LOG_FORMAT", "json").run();
        let last: serde_json::Value = serde_json::from_str(ended.stderr.lines().last().unwrap()).unwrap();
        assert_eq!((ended.status.code(), &last["level"]), (Some(1), &"ERROR".into()));
        assert_has(last["message"].as_str().unwrap(), &["seed 42", "seed 7"]);
    }
}

#[test]
fn the_journal_gets_priorities_and_no_times() {
    let database = Database::new(Backend::Sqlite);
    let path = database.directory.path().join("journal");
    let journal = fs::File::create(&path).unwrap();
    let meta = journal.metadata().unwrap();
    let stream = format!("{}:{}", meta.dev(), meta.ino());
    let generator = database.filled().market_generator("--test --seed 7").variable("JOURNAL_STREAM", &stream);
    assert_eq!(generator.run_with_stderr(Stdio::from(journal)).code(), Some(1));
    let said = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].starts_with("<3>error: this database holds"), "{said}");
    // Another stream than the journal's is not taken for it.
    let other = database.market_generator("--test --seed 7").variable("JOURNAL_STREAM", "1:1").run();
    other.failed(&["seed 42"]);
}

#[test]
fn no_colours_without_a_terminal() {
    let database = Database::new(Backend::Sqlite);
    database.filled();
    let said = database.market_backfill("--from 2026-03-04 --to 2026-03-04").run().succeeded().stderr;
    assert!(!said.contains('\u{1b}') && said.contains(" INFO backfilled bars=2400"), "{said}");
}

#[test]
fn a_password_never_appears() {
    let place = tempfile::tempdir().unwrap();
    let port = Cluster::shared().port;
    let urls = [
        "postgresql://u:s3cret@127.0.0.1:1/db".to_owned(),
        "postgresql://u:s3cr%65t@127.0.0.1:1/db".to_owned(),
        "postgresql://u:s3cret%zz@127.0.0.1:1/db".to_owned(),
        "postgresql://u:x@s3cret@127.0.0.1:1/db".to_owned(),
        "postgresql://u:s3cret@[::1/db".to_owned(),
        "postgresql://u:s3cret@127.0.0.1:notaport/db".to_owned(),
        "postgresql://u@127.0.0.1:1/db?password=s3cret".to_owned(),
        "postgresql://u:s3cret@127.0.0.1:1/db?nonsense=1".to_owned(),
        "postgresql://u:s3cret@127.0.0.1:1/db?sslmode=require".to_owned(),
        format!("postgresql://postgres:s3cret@127.0.0.1:{port}/nowhere"),
        format!("postgresql://nobody:s3cret@127.0.0.1:{port}/postgres"),
        "mysql://u:s3cret@h/db".to_owned(),
        "u:s3cret@h/db".to_owned(),
        "postgresql://u:s3cr?et@127.0.0.1:1/db".to_owned(),
        "postgresql://u:s3cr#et@127.0.0.1:1/db".to_owned(),
        "postgresql://u:s3cr/et@127.0.0.1:1/db".to_owned(),
        "postgresql://u:12?s3cr=et@127.0.0.1:1/db".to_owned(),
        "postgresql://u:12/s3cret@127.0.0.1:1/db".to_owned(),
        "postgresql://u@127.0.0.1:1/db?password=x&s3cret".to_owned(),
        "host=127.0.0.1 password=s3cret".split(' ').next_back().unwrap().to_owned(),
    ];
    let programs: [fn(&std::path::Path) -> Program; 3] =
        [Program::market_generator, Program::data_aggregator, Program::market_backfill];
    let clean = |text: &str, url: &str| {
        assert!(!text.contains("s3cr") && !text.contains("cret"), "{url}: {text}");
    };
    for url in &urls {
        for (program, first) in programs.into_iter().zip(["", "--once", "--days 1"]) {
            for more in ["", "--check", "--log-format json"] {
                let start = || program(place.path()).with(first).with(more).with("--log trace");
                for ended in [start().with("--db-url").with(url).run(), start().variable("DATABASE_URL", url).run()] {
                    assert!(!ended.status.success(), "{url}");
                    clean(&ended.stdout, url);
                    clean(&ended.stderr, url);
                }
            }
        }
    }
    for words in ["--db-ulr", "--symbols", "--speed", "--seed", "--check=", ""] {
        let url = &urls[0];
        let ended = Program::market_generator(place.path()).with(&format!("{words} {url}")).run();
        assert_eq!(ended.status.code(), Some(2), "{words}: {}", ended.stderr);
        clean(&ended.stderr, words);
    }
    let logs = fs::read_dir(place.path().join("logs")).unwrap();
    for file in logs.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        clean(&fs::read_to_string(&file).unwrap(), &file.display().to_string());
    }
}

#[test]
fn hangup_reads_the_filter_and_the_calendar_again() {
    let database = Database::new(Backend::Sqlite);
    let file = |name: &str| database.directory.path().join(name);
    fs::write(file("filter"), "klined=info\n").unwrap();
    fs::write(file("days.txt"), "closed 2090-03-06\n").unwrap();
    let flags = "--test --speed 6000 --log @filter --calendar-file days.txt --health-addr 0";
    let mut generator = database.filled().market_generator(flags).spawn();
    let address = generator.health_address();
    generator.until_minutes(5, &database);
    assert!(!generator.stderr().contains("DEBUG"));
    fs::write(file("filter"), "klined=debug\n").unwrap();
    fs::write(file("days.txt"), "known-until 2089-12-31\n").unwrap();
    generator.signal(Signal::HUP);
    generator.until_it_says("DEBUG written");
    let days = || metric(&get(&address, "/metrics").body, "klined_calendar_known_days_remaining").unwrap();
    generator.until("it goes by the new calendar", || days() > 10_000.0);
    generator.until_minutes(5, &database);

    // What cannot be used leaves things as they were.
    fs::write(file("filter"), "klined=loud\n").unwrap();
    fs::write(file("days.txt"), "open yesterday\n").unwrap();
    generator.signal(Signal::HUP);
    generator.until_it_says("the log filter is unchanged: --log \"klined=loud\" is not a valid filter");
    generator.until_it_says("the calendar is unchanged");
    fs::write(file("days.txt"), "known-until 2089-12-31\nclosed 2026-03-03\n").unwrap();
    generator.signal(Signal::HUP);
    generator.until_it_says("changes 2026-03-03");
    generator.until_minutes(5, &database);
    assert!(days() > 10_000.0);
    assert!(generator.terminate().succeeded().stderr.ends_with(" stopped\n"));
}
