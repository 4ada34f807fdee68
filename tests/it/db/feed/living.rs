//! The hub with its thread, beside a generator that is a program and is killed.

use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use klined::feed::{Hub, WAIT_MAX};
use klined_market::base::Clock;
use klined_market::calendar::{Calendar, Hours, Overrides};
use klined_market::model::ModelKind;

use super::*;
use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::market_builder::{fill, market_under, range, symbol};
use crate::support::programs::eventually;

struct Wall;

impl Clock for Wall {
    #[allow(clippy::disallowed_methods, reason = "the programs under test go by it too")]
    fn now_nanos(&self) -> UnixNanos {
        UnixNanos::new(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap())
    }
}

/// Hears until the judge has so many bars of a symbol.
fn until_bars(judge: &mut Judge, subscription: &mut Subscription, symbol: Symbol, count: usize) {
    let patience = Duration::from_secs(60);
    while judge.bars.get(&symbol).map_or(0, Vec::len) < count {
        let update = runtime().block_on(async { tokio::time::timeout(patience, subscription.next()).await });
        let update = update.expect("the feed stands still").unwrap();
        judge.hears(subscription, &[update]);
    }
}

on_every_backend! {
    fn a_generator_that_is_killed_in_mid_minute_leaves_no_trace_in_the_feed(database: &Database) {
        database.filled();
        let market = market_under(database, ModelKind::Full, "test", "");
        let hub = Hub::begin(market.clone(), Arc::new(Wall)).unwrap();
        let wanted = [symbol("AAPL"), symbol("V")];
        let mut subscription = hub.subscribe();
        runtime().block_on(subscription.subscribe_to(&wanted));
        let mut judge = Judge::of(&market);
        let mut generator = database.market_generator("--test --speed 120").spawn();
        let mut bars = 0;
        for minutes in [4, 3, 5] {
            bars += minutes;
            until_bars(&mut judge, &mut subscription, wanted[0], bars);
            std::thread::sleep(10 * WAIT_MAX);
            generator.kill();
            generator = database.restarted_generator("--test --speed 120");
        }
        until_bars(&mut judge, &mut subscription, wanted[0], bars + 3);
        generator.terminate().succeeded();
        assert_eq!(judge.corrected, 0);
        assert!(judge.trades > 500, "{}", judge.trades);
        let firsts: Vec<_> = judge.bars[&wanted[0]].iter().map(|bar| bar.first).collect();
        assert!(firsts.windows(2).all(|pair| market.calendar.next_minute(pair[0]).unwrap() == pair[1]), "{firsts:?}");
        assert!(hub.last(&wanted[1]).is_some_and(|last| last.trade.is_some()) && hub.last(&symbol("JPM")).is_none());
        drop(hub);
        assert!(matches!(runtime().block_on(async { loop { if let Err(missed) = subscription.next().await { break missed } } }), Missed::Ended));
    }
}

#[test]
fn a_day_that_is_closed_meanwhile_is_passed_over_by_the_feed() {
    let database = Database::new(crate::support::database::Backend::Sqlite);
    let market = market_under(&database, ModelKind::Full, "test", "");
    fill(&market, range("2026-03-02", "2026-03-03"), "2026-03-03 14:50:00").unwrap();
    let closed = Calendar::with_overrides(Hours::Sse, &Overrides::parse(Hours::Sse, "closed 2026-03-04").unwrap());
    let changed = market.under(Arc::new(closed));
    let mut generator = begun(&changed);
    let mut write_one = || {
        generator.keep_time(Pace::Test { speed: 600.0 }, Wall.now_nanos());
        let next = generator.next().unwrap();
        generator.advance(next, &Stop::default()).unwrap();
    };
    write_one();
    let hub = Hub::begin(market, Arc::new(Wall)).unwrap();
    let v = symbol("V");
    let mut subscription = hub.subscribe();
    runtime().block_on(subscription.subscribe_to(&[v]));
    let mut judge = Judge::of(&changed);
    let counts = hub.counts();
    let foreseen = || counts.foreseen.load(Ordering::Relaxed);
    for bars in 1..=14 {
        write_one();
        until_bars(&mut judge, &mut subscription, v, bars);
        // A minute that is written before it was foreseen would be sent from its bar.
        eventually("the open minute is foreseen, and each was once", || foreseen() == bars as u64 + 1);
        // It is taken with one look, and goes by it from the next.
        if bars == 2 {
            hub.change_market(changed.clone());
        }
    }
    let firsts: Vec<_> = judge.bars[&v].iter().map(|bar| bar.first).collect();
    assert!(firsts.windows(2).all(|pair| changed.calendar.next_minute(pair[0]).unwrap() == pair[1]), "{firsts:?}");
    assert_eq!(
        (judge.corrected, counts.skipped.load(Ordering::Relaxed), counts.failures.load(Ordering::Relaxed)),
        (0, 0, 0)
    );
}

#[test]
fn a_lost_connection_is_found_again_and_nothing_is_left_out() {
    let database = Database::new(crate::support::database::Backend::Postgres);
    database.filled();
    let market = market_under(&database, ModelKind::Full, "test", "");
    let hub = Hub::begin(market.clone(), Arc::new(Wall)).unwrap();
    let v = symbol("V");
    let mut subscription = hub.subscribe();
    runtime().block_on(subscription.subscribe_to(&[v]));
    let mut judge = Judge::of(&market);
    let generator = database.market_generator("--test --speed 120").spawn();
    for bars in [2, 6, 10] {
        until_bars(&mut judge, &mut subscription, v, bars);
        database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name IN ('klined follow', 'klined')");
    }
    until_bars(&mut judge, &mut subscription, v, 14);
    assert_eq!(judge.corrected, 0);
    let firsts: Vec<_> = judge.bars[&v].iter().map(|bar| bar.first).collect();
    assert!(firsts.windows(2).all(|pair| market.calendar.next_minute(pair[0]).unwrap() == pair[1]), "{firsts:?}");
    generator.terminate().succeeded();
}
