//! `exchange-log` as a process.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::{TempDir, tempdir};

use super::support::{log, made};

fn day(folder: &TempDir) -> PathBuf {
    let output = folder.path().join("run");
    made(&output, "--seed 9 --days 1 --seconds 10 --chunk-size 100 --securities AAPL:10000");
    output.join("AAPL/2026-01-02.qrsdp")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_log_is_shown_and_its_events_from_any_time_on() {
    let folder = tempdir().unwrap();
    let path = day(&folder);
    let (done, shown, _) = log(&["info", "--chunks", text(&path)]);
    assert!(done && shown.contains("seed 9, opening price 10000 ticks of 100"), "{shown}");
    assert!(shown.contains("events 718 in 8 chunks of 100") && shown.matches("chunk at byte").count() == 8, "{shown}");
    let (_, all, _) = log(&["dump", text(&path)]);
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!((lines.len(), lines[0]), (719, "ts_ns,type,type_name,side,price_ticks,qty,order_id"));
    let (_, some, _) = log(&["dump", "--from", "09:30:05", "--count", "3", text(&path)]);
    let time = |line: &str| line.split(',').next().unwrap().parse::<u64>().unwrap();
    let first = lines[1..].iter().position(|line| time(line) >= 34_205_000_000_000).unwrap() + 1;
    assert_eq!(some.lines().skip(1).collect::<Vec<_>>(), lines[first..first + 3]);
}

#[test]
fn a_torn_log_is_named_by_verify_and_whole_after_repair() {
    let folder = tempdir().unwrap();
    let path = day(&folder);
    assert_eq!(log(&["verify", text(&path)]).1, format!("{}: whole, 718 events\n", path.display()));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 400]).unwrap();
    let (done, said, error) = log(&["verify", text(&path)]);
    assert!(!done && said.contains("the index that ends the file is damaged at byte"), "{said}");
    assert!(error.contains("1 of 1 logs are damaged or not ended"), "{error}");
    let (done, said, error) = log(&["repair", text(&path)]);
    assert!(done && said.contains("kept 700 events in 7 chunks"), "{said}{error}");
    assert_eq!(log(&["verify", text(&path)]).1, format!("{}: whole, 700 events\n", path.display()));
}

#[test]
fn an_event_that_does_not_fit_the_book_is_found() {
    use klined_exchange::event::{Event, EventType};
    use klined_exchange::log::{LogReader, LogWriter};
    let folder = tempdir().unwrap();
    let path = day(&folder);
    let header = *LogReader::open(fs::File::open(&path).unwrap()).unwrap().header();
    let mut writer = LogWriter::create(fs::File::create(&path).unwrap(), header).unwrap();
    let event =
        |order_id, price_ticks| Event { ts_ns: 1, event_type: EventType::CancelBid, price_ticks, qty: 1, order_id };
    writer.append(&[event(1, 9_999), event(2, 10_001)]).unwrap();
    writer.finish().unwrap();
    let (done, said, _) = log(&["verify", text(&path)]);
    assert!(
        !done && said.contains("event 2: CANCEL_BID at 10001 does not fit a book with best prices 9999 and 10001"),
        "{said}"
    );
    let output = folder.path().join("x.itch");
    let (done, _, error) = log(&["convert", "--to", "itch", "--output", text(&output), text(&path)]);
    assert!(!done && error.contains("event 2 does not follow") && !output.exists(), "{error}");
}

#[test]
fn formats_are_written_to_new_files_only() {
    let folder = tempdir().unwrap();
    let path = day(&folder);
    for (format, name, first) in [
        ("csv", "a.csv", &b"ts_ns,type"[..]),
        ("jsonl", "a.jsonl", b"{\"ts_ns\":342"),
        ("itch", "a.itch", b"\0\x0cS\0\0\0\0"),
        ("pcap", "a.pcap", &[0x4d, 0x3c, 0xb2, 0xa1]),
        ("lobster", "a.lob.csv", b"34200.000000000,1,1,1,999900,1\n"),
    ] {
        let output = folder.path().join(name);
        let arguments = ["convert", "--to", format, "--output", text(&output), text(&path)];
        let (done, _, error) = log(&arguments);
        assert!(done, "{error}");
        assert!(fs::read(&output).unwrap().starts_with(first), "{format}");
        let before = fs::read(&output).unwrap();
        let (done, _, error) = log(&arguments);
        assert!(!done && error.contains("cannot make") && fs::read(&output).unwrap() == before);
    }
    assert!(folder.path().join("a.lob.book.csv").exists());
    let output = folder.path().join("b");
    for (arguments, named) in [
        (["--to", "csv", "--symbols", "A,B"], "2 symbols for 1 logs"),
        (["--to", "itch", "--symbols", "ABCDEFGHI"], "\"ABCDEFGHI\" is no symbol of ITCH"),
    ] {
        let (done, _, error) = log(&[&["convert", "--output", text(&output), text(&path)], &arguments[..]].concat());
        assert!(!done && error.contains(named) && !output.exists(), "{error}");
    }
}

#[test]
fn the_messages_of_an_itch_feed_come_in_the_order_of_the_exchange() {
    let folder = tempdir().unwrap();
    let run_folder = folder.path().join("run");
    made(&run_folder, "--seed 9 --days 1 --seconds 10 --securities MSFT:15000,AAPL:10000,GOOG:12000");
    let output = folder.path().join("day.itch");
    let logs = ["AAPL", "GOOG", "MSFT"].map(|symbol| run_folder.join(symbol).join("2026-01-02.qrsdp"));
    let mut arguments = vec!["convert", "--to", "itch", "--output", text(&output)];
    arguments.extend(logs.iter().map(|path| text(path)));
    assert!(log(&arguments).0);
    let bytes = fs::read(&output).unwrap();
    let (mut rest, mut messages) = (bytes.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (message, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        messages.push(message);
        rest = after;
    }
    // Locates follow the order of the logs; the stocks are known before the market opens, and their orders come after that.
    let start: Vec<&[u8]> = messages.iter().take(9).map(|message| &message[..1]).collect();
    assert_eq!(start, [b"S", b"R", b"R", b"R", b"H", b"H", b"H", b"S", b"S"]);
    let stocks: Vec<(u8, &[u8])> = messages[1..4].iter().map(|message| (message[2], &message[11..15])).collect();
    assert_eq!(stocks, [(1, &b"AAPL"[..]), (2, b"GOOG"), (3, b"MSFT")]);
    let codes: Vec<u8> = messages.iter().filter(|message| message[0] == b'S').map(|message| message[11]).collect();
    assert_eq!(codes, b"OSQMEC");
    // Times start with the market's opening and never go back; the numbers of matches grow.
    let time = |message: &&[u8]| message[5..11].iter().fold(0u64, |time, byte| time << 8 | u64::from(*byte));
    let times: Vec<u64> = messages.iter().map(time).collect();
    assert!(times.is_sorted() && times[0] == 34_200_000_000_000);
    let matches = messages.iter().filter(|message| message[0] == b'E').map(|message| message[23..31].to_vec());
    let matches: Vec<Vec<u8>> = matches.collect();
    assert!(matches.len() > 100 && matches.is_sorted_by(|a, b| a < b));
}
