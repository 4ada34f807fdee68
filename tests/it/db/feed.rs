//! The feed: a subscriber receives all ticks of a minute in order and once, then its bar, and nothing else.

mod judge;
mod laws;
mod living;
mod quiet;
mod shards;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use klined::feed::{FeedUpdate, Last, Missed, Pump, Subscription};
use klined::jobs::{Generator, Market, Stop};
use klined_market::base::{Nanos, Pace, Symbol, UnixNanos};
use klined_market::calendar::Minute;

use self::judge::Judge;
use crate::support::date;

const SECOND: Nanos = Nanos::SECOND;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a subscription has to hear at present.
fn heard(subscription: &mut Subscription) -> Result<Vec<Arc<FeedUpdate>>, Missed> {
    let next = async |subscription: &mut Subscription| tokio::time::timeout(Duration::ZERO, subscription.next()).await;
    let mut updates = Vec::new();
    while let Ok(update) = runtime().block_on(next(subscription)) {
        updates.push(update?);
    }
    Ok(updates)
}

/// Wants some symbols of a pump that is driven by hand.
fn want(
    pump: &mut Pump,
    subscription: &mut Subscription,
    symbols: &[Symbol],
    wall: UnixNanos,
) -> BTreeMap<Symbol, Last> {
    runtime().block_on(async {
        let look = async { pump.look(wall).unwrap() };
        tokio::join!(subscription.subscribe_to(symbols), look).0
    })
}

fn begun(market: &Market) -> Generator {
    Generator::start(market.clone(), &[], date("2026-03-02"), &Stop::default()).unwrap()
}

/// A generator, a pump and a wall clock that is set by hand.
struct Stage {
    market: Market,
    /// None while it is down.
    generator: Option<Generator>,
    pump: Pump,
    pace: Pace,
    wall: UnixNanos,
}

impl Stage {
    /// The first minute is written so many nanoseconds after the epoch.
    fn of(market: Market, pace: Pace, wall: i64) -> Self {
        let wall = UnixNanos::new(wall);
        let generator = Some(begun(&market));
        let pump = Pump::new(market.clone());
        let mut stage = Self { market, generator, pump, pace, wall };
        stage.write(1);
        stage.look();
        stage
    }

    /// The generator ends, and one of a market with perhaps other scenarios begins.
    fn restart(&mut self, market: &Market) {
        self.generator = None;
        self.generator = Some(begun(market));
    }

    /// The alarm rings, and so many minutes are due.
    fn write(&mut self, minutes: usize) -> Minute {
        let generator = self.generator.as_mut().unwrap();
        generator.keep_time(self.pace, self.wall);
        let mut last = generator.next().unwrap();
        for _ in 1..minutes {
            last = self.market.calendar.next_minute(last).unwrap();
        }
        generator.advance(last, &Stop::default()).unwrap();
        last
    }

    fn look(&mut self) {
        self.pump.look(self.wall).unwrap();
    }

    /// Time passes.
    fn pass(&mut self, nanos: Nanos) {
        self.wall += nanos;
        self.pump.send_due(self.wall);
    }

    fn subscription(&mut self, symbols: &[Symbol]) -> Subscription {
        let mut subscription = self.pump.subscribe();
        want(&mut self.pump, &mut subscription, symbols, self.wall);
        subscription
    }
}
