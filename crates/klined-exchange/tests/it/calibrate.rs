//! Calibration closes the loop: curves, events of them, curves estimated from those, and events of these again.

use std::io::Cursor;

use klined_exchange::calibrate::{Cell, Estimator};
use klined_exchange::event::Side;
use klined_exchange::log::{Header, LogReader, LogWriter};
use klined_exchange::model::{Curves, Model};
use klined_exchange::session::{Session, SessionSpec};

const LEVELS: usize = 3;
/// Cells with fewer events are not compared: of this many the standard error is 1 %.
const EVENTS_LEAST: u64 = 10_000;

fn log(seed: u64, curves: &Curves) -> LogReader<Cursor<Vec<u8>>> {
    let session = SessionSpec {
        seed,
        p0_ticks: 10_000,
        tick_size: 100,
        session_seconds: 23_400,
        levels: LEVELS as u32,
        spread_ticks: 2,
        depth: 5,
        market_open_ns: 34_200_000_000_000,
    };
    let header = Header { session, chunk_capacity: 4096, indexed: false };
    let mut writer = LogWriter::create(Cursor::new(Vec::new()), header).unwrap();
    let mut session = Session::open(&session, &Model::hlr(curves.clone())).unwrap();
    let mut events = Vec::new();
    while session.next_events(&mut events, 4096) > 0 {
        writer.append(&events).unwrap();
        events.clear();
    }
    LogReader::open(writer.finish().unwrap()).unwrap()
}

fn estimated(seed: u64, curves: &Curves) -> Estimator {
    let mut estimator = Estimator::new(LEVELS, 100, 0.3, 1.0);
    for day in 0..2 {
        estimator.observe(&mut log(seed + day, curves), false).unwrap();
    }
    estimator
}

/// Cells of every kind of event with the rates that their curves have.
fn cells<'a>(estimator: &'a Estimator, curves: &serde_json::Value) -> Vec<(String, &'a Cell, f64)> {
    let mut list = Vec::new();
    let mut put = |name: String, cells: &'a [Cell], curve: &serde_json::Value| {
        for (length, cell) in cells.iter().enumerate() {
            let rate = curve[length.min(100)].as_f64().unwrap();
            list.push((format!("{name}, {length} waiting"), cell, rate));
        }
    };
    for (side, name) in [(Side::Bid, "bid"), (Side::Ask, "ask")] {
        for level in 0..LEVELS {
            let adds = estimator.adds(side, level).unwrap().cells();
            put(format!("add {name} {level}"), adds, &curves[format!("lambda_L_{name}")][level]);
            let cancels = estimator.cancels(side, level).unwrap().cells();
            put(format!("cancel {name} {level}"), cancels, &curves[format!("lambda_C_{name}")][level]);
        }
    }
    put("buy".to_owned(), estimator.executions(Side::Ask).cells(), &curves["lambda_M_buy"]);
    put("sell".to_owned(), estimator.executions(Side::Bid).cells(), &curves["lambda_M_sell"]);
    list
}

fn assert_close(estimator: &Estimator, curves: &Curves) -> usize {
    let curves: serde_json::Value = serde_json::from_str(&curves.to_json().unwrap()).unwrap();
    let seen: Vec<_> =
        cells(estimator, &curves).into_iter().filter(|(_, cell, _)| cell.count >= EVENTS_LEAST).collect();
    for (name, cell, expected) in &seen {
        let ratio = cell.rate().unwrap() / expected;
        assert!((0.95..1.05).contains(&ratio), "{name}: {ratio:.3} of the rate, by {} events", cell.count);
    }
    seen.len()
}

#[test]
fn estimated_rates_are_those_of_the_curves_and_so_are_those_of_the_next_round() {
    let first = Curves::of_literature(LEVELS);
    let estimator = estimated(42, &first);
    let seen = assert_close(&estimator, &first);
    assert!(seen >= 45, "{seen} cells are well observed");

    let second = Curves::from_json(&estimator.curves().to_json().unwrap()).unwrap();
    assert_eq!(second, estimator.curves());
    let again = estimated(77, &second);
    assert!(assert_close(&again, &first) >= 45);
    let ratio = again.events() as f64 / estimator.events() as f64;
    assert!((0.98..1.02).contains(&ratio), "{ratio:.3} of the events");
}

#[test]
fn curves_of_more_levels_than_the_log_has_are_refused() {
    let mut estimator = Estimator::new(LEVELS + 1, 100, 0.3, 1.0);
    let error = estimator.observe(&mut log(1, &Curves::of_literature(LEVELS)), false).unwrap_err();
    assert_eq!(error.to_string(), "the log has 3 levels a side, curves of 4 are asked for");
}
