//! What differs from the original under names of its own: seeds that never meet, a price floor, days of a calendar.

use std::collections::HashSet;
use std::fs;

use klined_exchange::event::{Event, Side};
use klined_exchange::log::LogReader;
use klined_exchange::model::{Curves, Model, Parameters};
use klined_exchange::run::Manifest;
use klined_exchange::session::{Session, SessionSpec};
use tempfile::tempdir;

use super::support::{assert_same, digest, files, made};

#[test]
fn distinct_seeds_never_meet_and_sequential_ones_do_after_1024_days() {
    let seeds = |scheme: &str| -> Vec<u64> {
        let folder = tempdir().unwrap();
        made(folder.path(), &format!("--days 1030 --seconds 1 --securities A:100,B:100 --seed-scheme {scheme}"));
        let text = fs::read_to_string(folder.path().join("manifest.json")).unwrap();
        let manifest: Manifest = serde_json::from_str(&text).unwrap();
        assert_eq!(manifest.seed_strategy, scheme);
        let sessions = manifest.entries().into_iter().flat_map(|entry| entry.sessions.clone());
        sessions.map(|session| session.seed).collect()
    };
    let different = |seeds: &[u64]| seeds.iter().collect::<HashSet<_>>().len();
    let (sequential, distinct) = (seeds("sequential"), seeds("distinct"));
    assert_eq!((sequential.len(), different(&sequential)), (2060, 2054));
    assert_eq!((distinct.len(), different(&distinct)), (2060, 2060));
    // Pinned: a run keeps its seeds.
    assert_eq!(distinct[0], 6_332_618_229_526_065_668);
}

/// All events of a session, and how often a bid was below the floor.
fn path(model: &Model, spec: &SessionSpec) -> (Vec<Event>, Vec<i32>) {
    let mut session = Session::open(spec, model).unwrap();
    let (mut events, mut book) = (Vec::new(), spec.open_book());
    while session.next_events(&mut events, 777) > 0 {}
    let mut lowest = Vec::new();
    for event in &events {
        book.apply(event).unwrap();
        lowest.extend(book.levels(Side::Bid).map(|level| level.price_ticks).min());
    }
    assert_eq!(session.close_ticks(), book.middle_ticks());
    (events, lowest)
}

#[test]
fn no_bid_is_below_the_floor_and_above_it_the_path_is_the_same() {
    let spec = SessionSpec {
        seed: 42,
        p0_ticks: 8,
        tick_size: 100,
        session_seconds: 1800,
        levels: 5,
        spread_ticks: 2,
        depth: 2,
        market_open_ns: 34_200_000_000_000,
    };
    let curves = Curves::of_literature(5);
    for model in [Model::simple(Parameters::default()), Model::hlr(curves)] {
        let (free, free_lowest) = path(&model, &spec);
        let (above, lowest) = path(&model.clone().with_price_floor(Some(3)), &spec);
        // Seed and opening price were chosen so that the free path falls below.
        let fallen = free_lowest.iter().position(|lowest| *lowest < 3).unwrap();
        assert_eq!(above[..fallen], free[..fallen]);
        assert_eq!(lowest.iter().min(), Some(&3));
        assert!(above.iter().zip(1..).all(|(event, id)| event.order_id == id));
        // The market is at the floor again and again, and leaves it.
        assert!(lowest.iter().any(|lowest| *lowest > 6), "it never rises");
        assert!(above.len() > free.len() / 2);
        let (none, _) = path(&model.clone().with_price_floor(Some(-1_000_000)), &spec);
        assert!(none == free, "a floor that is never reached changes nothing");
    }
}

#[test]
fn a_run_with_a_floor_opens_above_it_every_day_and_does_not_depend_on_threads_or_stops() {
    let (one, two) = (tempdir().unwrap(), tempdir().unwrap());
    let arguments = "--seed 3 --days 8 --seconds 600 --p0 12 --price-floor 2 --seed-scheme distinct --trading-days nyse --start-date 2026-07-01";
    made(one.path(), &format!("{arguments} --threads 1"));
    made(two.path(), &arguments.replace("--days 8", "--days 3"));
    made(two.path(), &format!("{arguments} --threads 3"));
    assert_same(two.path(), one.path(), "in two parts");
    let dates: Vec<String> = files(one.path()).into_keys().filter(|name| name.ends_with(".qrsdp")).collect();
    assert_eq!(dates[..3], ["2026-07-01.qrsdp", "2026-07-02.qrsdp", "2026-07-06.qrsdp"]);
    for name in &dates {
        let mut reader = LogReader::open(fs::File::open(one.path().join(name)).unwrap()).unwrap();
        assert!(reader.header().session.p0_ticks >= 7, "{name}");
        let mut least = i32::MAX;
        reader
            .for_each_chunk(|events| {
                least = events.iter().map(|event| event.price_ticks).min().unwrap_or(least).min(least);
                Ok::<(), klined_exchange::log::LogError>(())
            })
            .unwrap();
        assert!(least >= 2, "{name}: {least}");
    }
    let text = fs::read_to_string(one.path().join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&manifest["price_floor_ticks"], &manifest["trading_days"]), (&2.into(), &"nyse".into()));
    // Pinned: the variants keep their bytes too.
    assert_eq!(digest(&one.path().join("2026-07-06.qrsdp")), "7f4e2059c5c3457d");
}
