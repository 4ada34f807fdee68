//! Logs: what is written is read, whatever happened to the file in between.

use std::io::Cursor;
use std::sync::LazyLock;

use klined_exchange::event::{Event, EventType};
use klined_exchange::log::{Header, LogError, LogReader, LogWriter, Tail, repair};
use klined_exchange::model::{Model, Parameters};
use klined_exchange::session::{Session, SessionSpec};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const CAPACITY: u32 = 100;

fn header() -> Header {
    let session = SessionSpec {
        seed: 42,
        p0_ticks: 10_000,
        tick_size: 100,
        session_seconds: 10,
        levels: 5,
        spread_ticks: 2,
        depth: 5,
        market_open_ns: 34_200_000_000_000,
    };
    Header { session, chunk_capacity: CAPACITY, indexed: false }
}

fn events() -> Vec<Event> {
    let mut session = Session::open(&header().session, &Model::simple(Parameters::default())).unwrap();
    let mut events = Vec::new();
    session.next_events(&mut events, usize::MAX);
    events
}

fn written(events: &[Event]) -> Vec<u8> {
    let mut writer = LogWriter::create(Cursor::new(Vec::new()), header()).unwrap();
    writer.append(events).unwrap();
    writer.finish().unwrap().into_inner()
}

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| written(&events()));

fn read(bytes: &[u8]) -> Result<(Vec<Event>, Tail), LogError> {
    let mut reader = LogReader::open(Cursor::new(bytes))?;
    let mut events = Vec::new();
    reader.for_each_chunk(|chunk| -> Result<(), LogError> {
        events.extend_from_slice(chunk);
        Ok(())
    })?;
    Ok((events, reader.tail()))
}

fn number(bytes: &[u8], offset: usize, length: usize) -> u64 {
    bytes[offset..offset + length].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[test]
fn a_seed_keeps_the_bytes_of_its_log() {
    // Pinned: a run that is started again goes on with chunks that an earlier version wrote.
    let digest: String = Sha256::digest(&*WHOLE)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((WHOLE.len(), digest.as_str()), (10_354, "1fe5b180a451feb8"));
}

#[test]
fn the_bytes_are_where_the_format_says() {
    let (events, bytes) = (events(), written(&events()));
    assert_eq!(&bytes[..16], b"QRSDPLOG\x01\0\0\0\x1a\0\0\0");
    let fields = [(16, 8), (24, 4), (28, 4), (32, 4), (36, 4), (40, 4), (44, 4), (48, 4), (52, 4), (56, 8)];
    let found = fields.map(|(offset, length)| number(&bytes, offset, length));
    assert_eq!(found, [42, 10_000, 100, 10, 5, 2, 5, 100, 1, 34_200_000_000_000]);

    let chunks = events.chunks(100).len();
    let end = bytes.len();
    assert_eq!(&bytes[end - 12..end - 8], b"QIDX");
    assert_eq!(number(&bytes, end - 16, 4), chunks as u64);
    let index = number(&bytes, end - 8, 8) as usize;
    assert_eq!(index + 32 * chunks + 16, end);

    let mut offset = 64;
    for (nth, chunk) in events.chunks(100).enumerate() {
        let fields =
            [(0, 4), (8, 4), (12, 4), (16, 8), (24, 8)].map(|(at, length)| number(&bytes, offset + at, length));
        let (first, last) = (chunk[0].ts_ns, chunk[chunk.len() - 1].ts_ns);
        assert_eq!(fields, [chunk.len() as u64 * 26, chunk.len() as u64, 0, first, last]);
        let entry = [(0, 8), (8, 8), (16, 8), (24, 4), (28, 4)]
            .map(|(at, length)| number(&bytes, index + 32 * nth + at, length));
        assert_eq!(entry, [offset as u64, first, last, chunk.len() as u64, 0]);
        offset += 32 + number(&bytes, offset + 4, 4) as usize;
    }
    assert_eq!(offset, index);
}

#[test]
fn however_events_are_appended_the_bytes_are_the_same() {
    let events = events();
    for size in [1, 7, 99, 100, 101, 250] {
        let mut writer = LogWriter::create(Cursor::new(Vec::new()), header()).unwrap();
        for part in events.chunks(size) {
            writer.append(part).unwrap();
            if size % 2 == 1 {
                writer.flush().unwrap();
            }
        }
        assert!(writer.finish().unwrap().into_inner() == written(&events), "appended by {size}");
    }
}

#[test]
fn a_log_without_events_is_its_header() {
    let bytes = written(&[]);
    assert_eq!((bytes.len(), read(&bytes).unwrap()), (64, (Vec::new(), Tail::Nothing)));
}

#[test]
fn chunks_are_found_by_time() {
    let (events, bytes) = (events(), written(&events()));
    let mut reader = LogReader::open(Cursor::new(&bytes)).unwrap();
    assert_eq!(reader.count(), events.len() as u64);
    for ts_ns in [0, events[0].ts_ns, events[99].ts_ns, events[99].ts_ns + 1, events[350].ts_ns, u64::MAX] {
        let nth = reader.chunk_at_time(ts_ns);
        let mut found = Vec::new();
        if nth < reader.chunks().len() {
            reader.read_chunk(nth, &mut found).unwrap();
        }
        let first = found.iter().find(|event| event.ts_ns >= ts_ns);
        assert_eq!(first, events.iter().find(|event| event.ts_ns >= ts_ns));
    }
}

#[test]
fn what_was_flushed_is_read_before_the_log_is_finished() {
    let events = events();
    let file = tempfile::tempfile().unwrap();
    let mut writer = LogWriter::create(file.try_clone().unwrap(), header()).unwrap();
    for (end, visible) in [(250, 250), (260, 260), (310, 310), (400, 400)] {
        let start = LogReader::open(file.try_clone().unwrap()).unwrap().count() as usize;
        writer.append(&events[start..end]).unwrap();
        writer.flush().unwrap();
        let mut reader = LogReader::open(file.try_clone().unwrap()).unwrap();
        let mut found = Vec::new();
        for nth in 0..reader.chunks().len() {
            reader.read_chunk(nth, &mut found).unwrap();
        }
        assert!(found == events[..visible], "{} events of {visible}", found.len());
    }
}

#[test]
fn events_that_go_back_in_time_are_refused() {
    let mut events = events();
    events.swap(3, 9);
    let mut writer = LogWriter::create(Cursor::new(Vec::new()), header()).unwrap();
    assert!(matches!(writer.append(&events[..100]), Err(LogError::Order { .. })));
}

#[test]
fn cut_at_every_byte_of_its_end_a_log_gives_its_whole_chunks_and_is_repaired_and_resumed() {
    let (events, bytes) = (events(), written(&events()));
    let start = LogReader::open(Cursor::new(&bytes)).unwrap().chunks()[events.len() / 100 - 1].offset as usize;
    for cut in (start..bytes.len()).chain([64, 65, 96, 97]) {
        let mut torn = bytes[..cut].to_vec();
        // The flag is written when all the rest is there.
        torn[52] = 0;
        let (found, tail) = read(&torn).unwrap();
        assert_eq!(found, events[..found.len()], "cut at {cut}");
        assert!(found.len() % 100 == 0 || found.len() == events.len());
        let whole_end = LogReader::open(Cursor::new(&torn)).unwrap().chunks().last().map_or(64, |chunk| chunk.end());
        let bytes_behind = cut as u64 - whole_end;
        let expected =
            if bytes_behind == 0 { Tail::Nothing } else { Tail::Torn { offset: whole_end, bytes: bytes_behind } };
        assert_eq!(tail, expected);

        let mut repaired = Cursor::new(Vec::new());
        let kept = repair(Cursor::new(&torn), &mut repaired).unwrap();
        assert_eq!((kept.events, kept.lost_bytes), (found.len() as u64, bytes_behind));
        assert!(repaired.into_inner() == written(&found));

        let mut kept = Vec::new();
        let mut writer = LogWriter::resume(Cursor::new(torn), header(), |chunk| -> Result<(), LogError> {
            kept.extend_from_slice(chunk);
            Ok(())
        })
        .unwrap();
        assert_eq!((kept.len() as u64, kept.as_slice()), (writer.whole_chunks_count(), &events[..kept.len()]));
        writer.append(&events[kept.len()..]).unwrap();
        assert!(writer.finish().unwrap().into_inner() == bytes, "cut at {cut}");
    }
    for cut in 0..64 {
        assert!(matches!(read(&bytes[..cut]), Err(LogError::TooShort { .. })));
    }
}

#[test]
fn a_log_of_another_session_is_not_resumed() {
    let bytes = written(&events());
    let mut other = header();
    other.session.seed = 43;
    let none = |_: &[Event]| Ok::<(), LogError>(());
    let error = LogWriter::resume(Cursor::new(bytes.clone()), other, none).unwrap_err();
    assert_eq!(error.to_string(), "the log has 42 where 43 is expected: seed");
    let other = Header { chunk_capacity: 4096, ..header() };
    assert!(LogWriter::resume(Cursor::new(bytes), other, none).is_err());
}

#[test]
fn lying_headers_are_refused_with_their_place() {
    let bytes = written(&events());
    let changed = |offset: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[offset..offset + value.len()].copy_from_slice(value);
        read(&bytes).map(|_| ()).unwrap_err().to_string()
    };
    assert!(changed(0, b"X").starts_with("the file starts with"));
    assert_eq!(changed(8, &[2]), "the log has format version 2.0: only 1.0 is known");
    assert_eq!(changed(12, &[27]), "the log's records have 27 bytes: those of format 1.0 have 26");
    assert!(changed(48, &u32::MAX.to_le_bytes()).contains("4294967295 records"));
    // A count, a size or a time that no chunk has ends the chunks there, where the index says that more are to come.
    for (offset, value) in [(64, u32::MAX), (68, u32::MAX), (72, u32::MAX), (72, 0), (72, 99)] {
        let error = changed(offset, &value.to_le_bytes());
        assert!(error.starts_with("the index that ends the file is damaged at byte"), "{error}");
    }
    let error = changed(64 + 32 + 3, &[0xff; 8]);
    assert!(error.contains("byte 64"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn damaged_bytes_are_read_or_refused_and_never_more(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = WHOLE.clone();
        for (index, byte) in changes {
            let length = bytes.len();
            bytes[index.index(length)] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read(&bytes);
        if let Ok(kept) = repair(Cursor::new(&bytes), Cursor::new(Vec::new())) {
            prop_assert!(kept.lost_from <= bytes.len() as u64);
        }
    }

    #[test]
    fn any_bytes_behind_a_header_are_read_or_refused(rest in proptest::collection::vec(any::<u8>(), 0..600), indexed: bool) {
        let mut bytes = Header { indexed, ..header() }.to_bytes().to_vec();
        bytes.extend(rest);
        let _ = read(&bytes);
        let _ = repair(Cursor::new(&bytes), Cursor::new(Vec::new()));
    }
}

#[test]
fn a_record_that_is_no_event_is_refused_with_its_place() {
    let event = Event { ts_ns: 5, event_type: EventType::AddBid, price_ticks: 1, qty: 1, order_id: 1 };
    let bytes = written(&[event]);
    let at = bytes.windows(10).position(|part| part[..8] == 5u64.to_le_bytes() && part[8..] == [0, 0]).unwrap();
    // The header's times come first: the record is in the block behind it.
    let at = at.max(96 + bytes[96..].windows(8).position(|part| part == 5u64.to_le_bytes()).unwrap());
    let mut bytes = bytes;
    bytes[at + 8] = 9;
    assert!(matches!(read(&bytes), Err(LogError::Record { offset: 64, nth: 0, .. })));
}
