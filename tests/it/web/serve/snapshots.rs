//! Snapshots of many stocks: they are those of each stock alone, and the database is asked as often for ten stocks as for one.

use std::net::TcpListener;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use klined::access::guard::AddressLimits;
use klined::access::limits::Rate;
use klined::jobs::{Generator, Market, Stop};
use klined::query::{Age, LatestTicks, TickQuery, Ticks};
use klined::serve::{PageKey, Server, ServerOptions, Visitors};
use klined::store::{CommittedBars, Observation, Operation, StoreError, StoreObserver};
use klined_market::base::{Clock, Pace, Symbol, UnixNanos};
use klined_market::model::ModelKind;
use klined_service::net::accept::Bounds;
use tokio_util::sync::CancellationToken;

use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::date;
use crate::support::http::get;
use crate::support::market_builder::{aggregate, fill, market_under, range, symbol};

/// A wall clock that stands still.
struct Still(UnixNanos);

impl Clock for Still {
    fn now_nanos(&self) -> UnixNanos {
        self.0
    }
}

/// Counts what is asked of a store, but by the feed, which asks all the time.
#[derive(Default)]
struct Questions(AtomicUsize);

struct Question;

impl StoreObserver for Questions {
    fn begins(&self, _operation: Operation) -> Box<dyn Observation + '_> {
        if std::thread::current().name() != Some("feed") {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        Box::new(Question)
    }
}

impl Observation for Question {
    fn advances(&mut self) {}

    fn ends(self: Box<Self>, _outcome: Result<&CommittedBars, &StoreError>) {}
}

impl Questions {
    /// How many there are of a piece of work.
    fn of<T>(&self, work: impl FnOnce() -> T) -> (usize, T) {
        let before = self.0.load(Ordering::SeqCst);
        let found = work();
        (self.0.load(Ordering::SeqCst) - before, found)
    }
}

/// A market whose minute from 14:51 is open, its ten stocks, and the count of what is asked of it.
fn begun(database: &Database) -> (Market, Vec<Symbol>, Arc<Questions>) {
    let market = market_under(database, ModelKind::Full, "test", "");
    fill(&market, range("2026-03-02", "2026-03-03"), "2026-03-03 14:50:00").unwrap();
    let mut generator = Generator::start(market.clone(), &[], date("2026-03-02"), &Stop::default()).unwrap();
    generator.keep_time(Pace::Test { speed: 1.0 }, UnixNanos::EPOCH);
    let next = generator.next().unwrap();
    generator.advance(next, &Stop::default()).unwrap();
    let stocks: Vec<Symbol> = market.store.universe().unwrap().iter().map(|row| symbol(&row.symbol)).collect();
    assert_eq!(stocks.len(), 10);
    let questions = Arc::new(Questions::default());
    let store = market.store.observed_by(questions.clone());
    (Market { store, ..market }, stocks, questions)
}

/// The market's ticks so many seconds after the open minute has begun.
fn ticks_at(market: &Market, seconds: i64) -> Ticks {
    Ticks::new(market.clone(), Arc::new(Still(UnixNanos::new(seconds * 1_000_000_000))))
}

on_every_backend! {
    fn a_snapshot_of_many_is_that_of_each_alone(database: &Database) {
        let (market, stocks, _) = begun(database);
        for (seconds, is_rolled_up) in [(0, false), (7, false), (59, false), (0, true), (59, true)] {
            if is_rolled_up {
                aggregate(&market);
            }
            let ticks = ticks_at(&market, seconds);
            let many = ticks.snapshots(&stocks).unwrap();
            let newest = ticks.last_of_many(&stocks, Age::Present).unwrap();
            assert_eq!(many.len(), stocks.len());
            for (snapshot, &stock) in many.iter().zip(&stocks) {
                let alone = ticks.snapshots(&[stock]).unwrap().remove(0);
                assert_eq!((snapshot.days, snapshot.present, snapshot.latest), (alone.days, alone.present, alone.latest));
                assert_eq!(snapshot.present, ticks.present(stock, Age::Present).unwrap());
                let query = TickQuery::newest(stock, 1);
                let (trade, quote) = (ticks.page(&query).unwrap().ticks.pop(), ticks.page(&query).unwrap().ticks.pop());
                let latest = LatestTicks { trade, quote };
                assert!(trade.is_some() && quote.is_some());
                assert_eq!((snapshot.latest, newest[&stock]), (latest, latest), "{stock} after {seconds} s");
            }
        }
    }

    fn a_snapshot_asks_as_often_for_ten_stocks_as_for_one(database: &Database) {
        let (market, stocks, questions) = begun(database);
        for (seconds, cold, warm) in [(59, 11, 6), (0, 13, 6)] {
            for count in [1, 5, 10] {
                let ticks = ticks_at(&market, seconds);
                for expected in [cold, warm] {
                    let (asked, found) = questions.of(|| ticks.snapshots(&stocks[..count]).unwrap());
                    assert_eq!((asked, found.len()), (expected, count), "{count} stocks after {seconds} s");
                }
            }
        }
    }

    fn a_route_asks_as_often_for_ten_stocks_as_for_one(database: &Database) {
        let (market, stocks, questions) = begun(database);
        let rate = Rate::of(NonZeroU32::new(1000).unwrap());
        let bounds = Bounds {
            connections: 8,
            connections_of_address: 8,
            silence: Duration::from_secs(60),
            life: Some(Duration::from_secs(60)),
            drain: Duration::from_secs(1),
            reserve: 0,
        };
        let options = ServerOptions {
            bounds,
            deadline: Duration::from_secs(60),
            of_address: AddressLimits { rate, unread_bytes: 64 << 20 },
            visitors: Visitors::default(),
            external_url: None,
            page_key: PageKey::Withheld,
            quote_asset: "USDT".into(),
            relay: None,
            is_fake: false,
        };
        let clock = Arc::new(Still(UnixNanos::new(59_000_000_000)));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = Server::new(market, clock, None, options).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, stop) = (listener.local_addr().unwrap().to_string(), CancellationToken::new());
        let stopping = stop.clone();
        let serving = runtime.spawn(async move { server.run(tokio::net::TcpListener::from_std(listener).unwrap(), None, stopping).await });
        for route in [
            "/v2/stocks/snapshots?symbols=",
            "/v2/stocks/bars/latest?symbols=",
            "/v2/stocks/trades/latest?symbols=",
            "/v2/stocks/quotes/latest?symbols=",
            "/v2/snapshot/locale/us/markets/stocks/tickers?tickers=",
            "/v3/snapshot?ticker.any_of=",
        ] {
            let path = |count: usize| {
                let names: Vec<String> = stocks[..count].iter().map(Symbol::to_string).collect();
                format!("{route}{}", names.join(","))
            };
            // What is read once a minute is read by this.
            assert_eq!(get(&address, &path(10)).status, 200, "{route}");
            for count in [1, 5, 10] {
                let (asked, answer) = questions.of(|| get(&address, &path(count)));
                assert!(stocks[..count].iter().all(|stock| answer.body.contains(&format!("\"{stock}\""))), "{}", answer.body);
                // Prices, status and clock may be read again, because they are two seconds old.
                assert!((1..=9).contains(&asked), "{route} asks {asked} times for {count} stocks");
            }
        }
        stop.cancel();
        runtime.block_on(serving).unwrap();
    }
}
