//! A market that several write: the events of a stock whose shard commits late are those of a shard in time.

use std::sync::atomic::Ordering;

use klined_market::base::Shard;
use klined_market::model::ModelKind;

use super::*;
use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::market_builder::{fill, market_under, range, symbol};

const PACE: Pace = Pace::Test { speed: 1.0 };

/// Two writers, of whom the first tells the time.
struct Pair {
    market: Market,
    writers: [Generator; 2],
    pump: Pump,
    wall: UnixNanos,
}

impl Pair {
    fn on(database: &Database) -> Self {
        let market = market_under(database, ModelKind::Full, "test", "");
        fill(&market, range("2026-03-02", "2026-03-03"), "2026-03-03 14:50:00").unwrap();
        let of = |shard: &str| {
            let market = market_under(database, ModelKind::Full, "test", "").of_shard(shard.parse().unwrap());
            begun(&market)
        };
        let mut pair =
            Self { writers: [of("1/2"), of("2/2")], pump: Pump::new(market.clone()), market, wall: UnixNanos::EPOCH };
        pair.write(0);
        pair.write(1);
        pair
    }

    fn write(&mut self, writer: usize) {
        let generator = &mut self.writers[writer];
        generator.keep_time(PACE, self.wall);
        let next = generator.next().unwrap();
        generator.advance(next, &Stop::default()).unwrap();
        self.look();
    }

    fn look(&mut self) {
        self.pump.look(self.wall).unwrap();
        self.pump.send_due(self.wall);
    }

    fn pass(&mut self, seconds: i64) {
        self.wall += seconds * SECOND;
        self.pump.send_due(self.wall);
    }

    fn want(&mut self, names: &[Symbol]) -> Subscription {
        let mut subscription = self.pump.subscribe();
        want(&mut self.pump, &mut subscription, names, self.wall);
        subscription
    }

    fn corrected(&self) -> u64 {
        self.pump.counts().corrected.load(Ordering::Relaxed)
    }
}

/// A stock of each of two shards.
fn of_each() -> [Symbol; 2] {
    let first: Shard = "1/2".parse().unwrap();
    let stocks = [symbol("AAPL"), symbol("TSLA"), symbol("MSFT"), symbol("JPM")];
    let one = stocks.into_iter().find(|symbol| first.holds(*symbol)).unwrap();
    assert!(!first.holds(symbol("V")));
    [one, symbol("V")]
}

on_every_backend! {
    fn a_bar_of_a_late_shard_is_waited_for_and_sent(database: &Database) {
        let mut pair = Pair::on(database);
        let [one, other] = of_each();
        let mut subscription = pair.want(&[one, other]);
        let mut judge = Judge::of(&pair.market);
        // Over a close, with the second writer late, later and early.
        for (minute, late_by) in [1, 20, 0, 59, 7, 0, 3, 1, 20, 20, 20, 5, 0, 9].into_iter().enumerate() {
            if minute % 5 == 4 {
                pair.write(1);
                pair.write(0);
                pair.pass(60);
            } else {
                pair.write(0);
                pair.pass(late_by);
                judge.listens(&mut subscription);
                assert_eq!((judge.bars.get(&one).map(Vec::len), judge.bars.get(&other).map_or(0, Vec::len)), (Some(minute + 1), minute));
                pair.write(1);
                pair.pass(60 - late_by);
            }
            judge.listens(&mut subscription);
            // Both are in the open minute.
            assert!(!judge.open(one).is_empty() && !judge.open(other).is_empty(), "minute {minute}");
        }
        assert_eq!((judge.bars[&one].len(), judge.bars[&other].len()), (14, 14));
        assert_eq!((judge.corrected, pair.corrected()), (0, 0));
    }

    fn a_shard_that_is_late_by_two_minutes_is_sent_in_order_and_a_dead_one_is_given_up(database: &Database) {
        let mut pair = Pair::on(database);
        let [one, other] = of_each();
        let mut subscription = pair.want(&[one, other]);
        let mut judge = Judge::of(&pair.market);
        for _ in 0..4 {
            pair.write(0);
            pair.pass(60);
            pair.write(0);
            pair.pass(30);
            pair.write(1);
            pair.write(1);
            pair.pass(30);
        }
        judge.listens(&mut subscription);
        assert_eq!((judge.bars[&one].len(), judge.bars[&other].len(), pair.corrected()), (8, 8, 0));
        for _ in 0..4 {
            pair.write(0);
            pair.pass(60);
        }
        judge.listens(&mut subscription);
        assert_eq!((judge.bars[&one].len(), judge.bars[&other].len(), pair.corrected()), (12, 8, 1));
        // It comes back.
        (0..4).for_each(|_| pair.write(1));
        for _ in 0..3 {
            pair.write(0);
            pair.write(1);
            pair.pass(60);
        }
        // Its bars of the minutes given up are not sent. It is foreseen again from the next minute on.
        judge = Judge::of(&pair.market);
        judge.listens(&mut subscription);
        assert_eq!((judge.bars[&one].len(), judge.bars[&other].len(), pair.corrected()), (3, 2, 1));
    }

    fn a_stock_subscribed_while_its_shard_is_late_is_sent_from_then_on(database: &Database) {
        let mut pair = Pair::on(database);
        let [_, other] = of_each();
        pair.write(0);
        let mut subscription = pair.want(&[other]);
        let mut judge = Judge::of(&pair.market);
        pair.pass(59);
        judge.listens(&mut subscription);
        assert!(!judge.open(other).is_empty());
        pair.write(1);
        for _ in 0..3 {
            pair.write(0);
            pair.write(1);
            pair.pass(10);
        }
        judge.listens(&mut subscription);
        assert_eq!((judge.bars[&other].len(), pair.corrected()), (3, 0));
    }
}
