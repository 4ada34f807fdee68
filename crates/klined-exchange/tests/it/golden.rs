//! The compatible mode's golden values: counts, closes and digests of decoded records.

use klined_exchange::model::{Curves, Model, Parameters};
use klined_exchange::session::{Session, SessionSpec};
use sha2::{Digest, Sha256};

fn spec() -> SessionSpec {
    SessionSpec {
        seed: 42,
        p0_ticks: 10_000,
        tick_size: 100,
        session_seconds: 23_400,
        levels: 5,
        spread_ticks: 2,
        depth: 5,
        market_open_ns: 34_200_000_000_000,
    }
}

/// Count, close and the digest's first 16 hex digits.
fn made(spec: &SessionSpec, model: &Model) -> (u64, i32, String) {
    let mut session = Session::open(spec, model).unwrap();
    let (mut events, mut hash) = (Vec::new(), Sha256::new());
    while session.next_events(&mut events, 1000) > 0 {
        for event in events.drain(..) {
            hash.update(event.to_record());
        }
    }
    let digest = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    (session.count(), session.close_ticks(), digest)
}

fn golden(spec: SessionSpec, model: &Model, count: u64, close: i32, digest: &str) {
    assert_eq!(made(&spec, model), (count, close, digest.to_owned()));
}

#[test]
fn two_days_of_the_simple_model() {
    let model = Model::simple(Parameters::default());
    golden(spec(), &model, 1_689_650, 10_128, "b10be93774f538fc");
    golden(SessionSpec { seed: 43, p0_ticks: 10_128, ..spec() }, &model, 1_686_335, 9_780, "c2daec4670e54cc6");
}

#[test]
fn a_day_of_the_curves() {
    golden(spec(), &Model::hlr(Curves::of_literature(5)), 1_610_699, 9_966, "7691856bebec68dc");
}

#[test]
fn a_deeper_and_wider_book() {
    let spec = SessionSpec { seed: 7, session_seconds: 3600, levels: 10, depth: 8, p0_ticks: 2500, ..spec() };
    golden(spec, &Model::simple(Parameters::default()), 300_876, 2_230, "9548fda86c12dc0f");
}

#[test]
fn three_securities() {
    let model = Model::simple(Parameters::default());
    let of = |nth: u64, p0_ticks| SessionSpec { seed: 42 + 1024 * nth, session_seconds: 600, p0_ticks, ..spec() };
    golden(of(0, 10_000), &model, 43_278, 10_035, "fe4cbdda39176efa");
    golden(of(1, 15_000), &model, 43_139, 14_965, "4347cd0366713a61");
    golden(of(2, 12_000), &model, 43_415, 12_022, "bc57b1a1bb62bc6b");
}

#[test]
fn curves_of_a_shallow_book_from_midnight_on() {
    let spec = SessionSpec { seed: 3, session_seconds: 1800, levels: 3, depth: 1, market_open_ns: 0, ..spec() };
    golden(spec, &Model::hlr(Curves::of_literature(3)), 101_032, 9_866, "71a570200fccc3ba");
}

#[test]
fn ten_seconds() {
    let spec = SessionSpec { seed: 9, session_seconds: 10, ..spec() };
    golden(spec, &Model::simple(Parameters::default()), 718, 9_990, "cb049d732dd53de6");
}
