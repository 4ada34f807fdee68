//! The bars are what the log has, and the market's programs serve them.

use klined::store::BarRange;
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, Hours};
use klined_testing::date;

use super::{Counted, Place, RUN, SYMBOLS, Serving, counted};

const DAYS: [&str; 2] = ["2026-01-02", "2026-01-05"];
const OPEN_MINUTE: u64 = 9 * 60 + 30;

/// What a day's bars must be: the trades of the dump, and in each minute without any the last price.
fn expected(place: &Place, symbol: &str, day: &str, minutes: u64, last: &mut i64) -> Vec<Counted> {
    let dump = place.succeeds("exchange-log", &format!("dump run/{symbol}/{day}.qrsdp"));
    let bars = counted(&dump);
    assert!(bars.len() >= 29, "{symbol} {day} has trades in {} minutes", bars.len());
    let bar = |minute: u64| {
        let bar = bars.get(&minute).copied().unwrap_or((*last, *last, *last, *last, 0, 0, 0));
        *last = bar.3;
        bar
    };
    (OPEN_MINUTE..OPEN_MINUTE + minutes).map(bar).collect()
}

fn stored(place: &Place, symbol: &str, calendar: &Calendar, day: &str) -> Vec<Counted> {
    let symbol: Symbol = symbol.parse().unwrap();
    let minutes: Vec<UnixSeconds> = calendar.minutes_of(date(day)).map(|minute| minute.start()).collect();
    let (from, to) = (minutes[0], minutes[minutes.len() - 1].next());
    let rows = place.store().bars(&[BarRange { symbol, interval: Interval::Minute1, from, to }], usize::MAX).unwrap();
    assert_eq!(rows.iter().map(|row| row.time).collect::<Vec<_>>(), minutes, "{symbol} {day}");
    let hundredths = |units: f64| (units * 100.0).round() as i64;
    let bar = |row: &klined::store::StoredBar| {
        let prices = [row.open, row.high, row.low, row.close].map(hundredths);
        let [open, high, low, close] = prices;
        (open, high, low, close, row.volume, hundredths(row.turnover.unwrap()), row.trades.unwrap())
    };
    rows.iter().map(bar).collect()
}

fn the_bars_are_the_logs(place: &Place) {
    let calendar = Calendar::of(Hours::Nyse);
    for (symbol, p0) in SYMBOLS.into_iter().zip([10_000, 15_000]) {
        let mut last = p0;
        for day in DAYS {
            let expected = expected(place, symbol, day, 390, &mut last);
            assert_eq!(stored(place, symbol, &calendar, day), expected, "{symbol} {day}");
        }
    }
    let compared = place.succeeds("exchange-bars", "--input run --verify");
    assert!(compared.contains("compared 1560 1-minute bars with the log\nclean"), "{compared}");
}

/// The aggregator rolls the bars up, `klined verify` finds nothing, and two dialects give what the log has.
fn the_market_serves_them(place: &Place) {
    place.succeeds("data-aggregator", "--once");
    let verified = place.succeeds("klined", "verify");
    assert!(verified.contains("checked 1560 1-minute bars") && verified.ends_with("clean\n"), "{verified}");
    let api = Serving::start(place, "--addr 0 --api-keys none");
    for (symbol, p0) in SYMBOLS.into_iter().zip([10_000, 15_000]) {
        let mut last = p0;
        let first = expected(place, symbol, DAYS[0], 390, &mut last);
        let price = |hundredths: i64| format!("{}.{:02}", hundredths / 100, hundredths % 100);
        let bars = api.json(&format!("/api/v2/bars/{symbol}?timeframe=1m&start=1767364200&end=1767364259"));
        let (bar, shown) = (first[0], &bars["data"][0]);
        for (name, value) in [("open", bar.0), ("high", bar.1), ("low", bar.2), ("close", bar.3)] {
            assert_eq!(shown[name], price(value), "{name} of {bars}");
        }
        assert_eq!((shown["volume"].as_i64(), shown["trades"].as_i64()), (Some(bar.4), Some(bar.6)), "{bars}");
        assert_eq!(shown["turnover"], price(bar.5), "{bars}");
        // The day's bar is the roll-up.
        let day = api.json(&format!(
            "/v2/stocks/bars?symbols={symbol}&timeframe=1Day&start=2026-01-01T00:00:00Z&end=2026-01-03T00:00:00Z"
        ));
        let day = &day["bars"][symbol][0];
        let sum: i64 = first.iter().map(|bar| bar.4).sum();
        let high = first.iter().map(|bar| bar.1).max().unwrap();
        assert_eq!((day["v"].as_i64(), day["n"].as_i64()), (Some(sum), Some(sum)), "{day}");
        assert_eq!(day["h"].as_f64(), Some(high as f64 / 100.0), "{day}");
        // The ticks of a minute roll up to its bar.
        let trades = api.json(&format!(
            "/v2/stocks/trades?symbols={symbol}&start=2026-01-02T14:30:00Z&end=2026-01-02T14:30:59.999Z&limit=10000"
        ));
        let trades = trades["trades"][symbol].as_array().unwrap();
        assert_eq!(trades.len() as i64, bar.6);
        assert_eq!(trades.iter().map(|trade| trade["s"].as_i64().unwrap()).sum::<i64>(), bar.4);
        let truth = api.json(&format!("/api/v2/truth/{symbol}?start=1767364200&end=1767364259"));
        assert_eq!(truth["data"]["exact"], false, "{truth}");
        assert_eq!(truth["data"]["regimes"].as_array().map(Vec::len), Some(0), "{truth}");
    }
}

#[test]
fn the_bars_are_those_of_the_log_and_are_served_on_sqlite() {
    let place = Place::on_sqlite();
    place.produce(RUN);
    place.succeeds("exchange-bars", "--input run --days 2");
    the_bars_are_the_logs(&place);
    the_market_serves_them(&place);
}

#[test]
fn the_bars_are_those_of_the_log_and_are_served_on_postgresql() {
    let place = Place::on_postgresql();
    place.produce(RUN);
    place.succeeds("exchange-bars", "--input run --days 2");
    the_bars_are_the_logs(&place);
    the_market_serves_them(&place);
}

#[test]
fn the_producer_writes_them_by_a_flag() {
    let place = Place::on_sqlite();
    let mut command = place.program("exchange-producer", &format!("{RUN} --output run"));
    let output = command.arg("--bars").arg(&place.url).env_remove("DATABASE_URL").output().unwrap();
    assert!(output.status.success(), "{}", super::all(&output));
    the_bars_are_the_logs(&place);
}

#[test]
fn trades_after_an_early_close_are_no_part_of_the_bars() {
    let place = Place::on_sqlite();
    // The exchange closes at 13:00 on the Friday after Thanksgiving, and the run goes on to 13:10.
    place.produce("--seed 3 --days 1 --start-date 2026-11-27 --market-open 12:50 --seconds 1200 --trading-days nyse --securities AAPL:10000");
    place.succeeds("exchange-bars", "--input run --days 1");
    let dump = place.succeeds("exchange-log", "dump run/AAPL/2026-11-27.qrsdp");
    let bars = stored(&place, "AAPL", &Calendar::of(Hours::Nyse), "2026-11-27");
    let in_time: Vec<Counted> =
        counted(&dump).into_iter().filter(|(minute, _)| *minute < 13 * 60).map(|(_, bar)| bar).collect();
    assert_eq!(bars.len(), 210);
    assert_eq!(bars[200..], in_time, "the last ten minutes");
    assert!(bars[..200].iter().all(|bar| *bar == (10_000, 10_000, 10_000, 10_000, 0, 0, 0)));
}
