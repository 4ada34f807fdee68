//! What cannot be written is refused with words, and nothing is changed.

use klined::store::{BarRange, MarketWrite, Mend, Outdated, Role};
use klined_market::bars::Bar;
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, Hours};
use klined_testing::assert_has;

use super::{Place, RUN};

const SMALL: &str = "--seed 5 --days 1 --seconds 120 --trading-days nyse --securities AAPL:10000,MSFT:15000";

#[test]
fn no_program_that_makes_bars_touches_an_exchanges_market() {
    let place = Place::on_sqlite();
    place.produce(SMALL);
    place.succeeds("exchange-bars", "--input run --days 1");
    let before = place.rows();
    for (program, words) in [
        ("market-generator", "--test --speed 60"),
        ("market-generator", "--check"),
        ("market-backfill", "--days 1"),
        ("klined", "up --addr none"),
        ("klined", "repair --yes"),
        ("klined", "verify --seed 6"),
    ] {
        let said = place.fails(program, words);
        assert_has(&said, &["holds the trades of an exchange", "with seed 5"]);
    }
    assert_eq!(place.rows(), before);
    place.succeeds("klined", "reset --yes");
    place.succeeds("exchange-bars", "--input run --days 1");
    assert_eq!(place.rows(), before);
}

#[test]
fn another_market_and_another_run_are_refused() {
    let place = Place::on_sqlite();
    place.produce(SMALL);
    place.succeeds("market-backfill", "--days 1 --calendar nyse --seed 5");
    let said = place.fails("exchange-bars", "--input run --days 1");
    assert_has(&said, &["holds the market of seed 5, model full-", "not of seed 5, model venue-1+", "klined reset"]);
    let place = Place::on_sqlite();
    place.produce(SMALL);
    place.succeeds("exchange-bars", "--input run --days 1");
    let before = place.rows();
    place.succeeds("exchange-producer", &format!("{SMALL} --depth 7 --output other"));
    let said = place.fails("exchange-bars", "--input other --days 1");
    assert_has(&said, &["holds the market of seed 5, model venue-1+", "not of seed 5, model venue-1+"]);
    place.fails("exchange-bars", "--input other --verify");
    assert_eq!(place.rows(), before);
}

#[test]
fn runs_that_are_no_market_are_refused_by_name() {
    let place = Place::on_sqlite();
    let refused = |run: &str, words: &[&str]| {
        let _ = std::fs::remove_dir_all(place.run_folder());
        place.produce(run);
        assert_has(&place.fails("exchange-bars", "--input run --days 1"), words);
        assert!(!place.path("bars.db").exists());
    };
    refused("--days 1 --seconds 60", &["on weekdays", "--trading-days nyse"]);
    let late = "--days 1 --seconds 60 --market-open 16:30 --trading-days nyse";
    refused(late, &["open at 16:30:00 for 60 seconds", "nyse"]);
    refused("--days 1 --seconds 7260 --trading-days sse", &["for 7260 seconds", "sse"]);
    let said = place.fails("exchange-bars", "--input nothing");
    assert_has(&said, &["nothing/manifest.json"]);
    let said = place.fails("exchange-producer", &format!("--days 1 --output new --bars {}", place.url));
    assert_has(&said, &["--bars needs the trading days of a calendar"]);
    assert!(!place.path("new").exists());
}

#[test]
fn a_price_below_a_cent_ends_the_program_with_its_name() {
    let place = Place::on_sqlite();
    // From 3 ticks on the market falls below zero within minutes.
    place.produce("--seed 1 --days 1 --seconds 3600 --p0 3 --trading-days nyse");
    let said = place.fails("exchange-bars", "--input run --days 1");
    assert_has(&said, &["ticks of QRSDP are not a price of a bar", "--price-floor"]);
}

#[test]
fn an_edited_bar_is_found_beside_the_log() {
    let place = Place::on_sqlite();
    place.produce(RUN);
    place.succeeds("exchange-bars", "--input run --days 2");
    let (store, symbol) = (place.store(), "AAPL".parse::<Symbol>().unwrap());
    let range = BarRange { symbol, interval: Interval::Minute1, from: UnixSeconds::EPOCH, to: UnixSeconds::MAX };
    let rows = store.bars(&[range], 12).unwrap();
    let calendar = Calendar::of(Hours::Nyse);
    let (first, second) = (rows[10].parse(&calendar).unwrap(), rows[11].parse(&calendar).unwrap());
    let lease = store.acquire(Role::Writer).unwrap();
    let times = vec![rows[10].time];
    let outdated = vec![Outdated::Bars { symbol, interval: Interval::Minute1, times }];
    let bars = vec![(symbol, Bar { first: first.first, ohlcv: second.ohlcv })];
    let write = MarketWrite { bars, ..MarketWrite::default() };
    store.mend(&lease, &Mend { outdated, write, ..Mend::default() }).unwrap();
    drop(lease);
    let said = place.fails("exchange-bars", "--input run --verify");
    assert_has(&said, &["AAPL 2026-01-02 09:40", "is not what the log has", "1 bars differ from the log"]);
}
