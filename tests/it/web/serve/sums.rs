//! Bars of every timeframe are the sums of the stored minutes, in every dialect and on every calendar.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use klined_market::base::UnixSeconds;
use klined_market::calendar::{Calendar, Hours};
use serde_json::Value;

use crate::on_every_backend;
use crate::support::api::{Api, rows};
use crate::support::database::{Backend, Database};

/// A stock that trades a few times in an hour, so that many of its minutes and some of its bars have no volume.
const THIN: &str =
    "symbol,name,sector,base_price,base_volatility,board,daily_turnover\nAAPL,One,Technology,50,0.02,main,30000\n";

/// What a bar counts.
#[derive(Clone, Copy)]
enum Length {
    Minutes(i64),
    Days(usize),
    Weeks(i64),
    Months(i32),
}

/// The number of the bar that a minute belongs to, within its day for minutes, by rules of their own: positions in lists of dates.
fn bar_number(calendar: &Calendar, start: i64, length: Length) -> (NaiveDate, i64, i64) {
    let minute = calendar.minute_starting(UnixSeconds::new(start)).unwrap();
    let date = calendar.day_of(minute);
    let none = NaiveDate::default();
    match length {
        Length::Minutes(minutes) => {
            let sessions: Vec<_> = calendar.sessions_of(date).collect();
            let session = sessions.iter().rposition(|session| session.start.get() <= start).unwrap();
            (date, session as i64, (start - sessions[session].start.get()) / 60 / minutes)
        }
        Length::Days(days) => (none, 0, ((calendar.days(calendar.first_day(), date).len() - 1) / days) as i64),
        Length::Weeks(weeks) => {
            let days = (date - "1970-01-05".parse::<NaiveDate>().unwrap()).num_days();
            (none, 0, days / 7 / weeks)
        }
        Length::Months(months) => (none, 0, i64::from((date.year() * 12 + date.month0() as i32) / months)),
    }
}

/// Where a bar begins: at the first minute that has its number, though the market may have begun later.
fn bar_start(calendar: &Calendar, start: i64, length: Length) -> i64 {
    if let Length::Minutes(_) = length {
        return start;
    }
    let number = bar_number(calendar, start, length);
    let minute = calendar.minute_starting(UnixSeconds::new(start)).unwrap();
    let days = calendar.days(calendar.first_day(), calendar.day_of(minute));
    let opens = days.iter().rev().map(|day| calendar.open_of(*day).unwrap().start().get());
    opens.take_while(|open| bar_number(calendar, *open, length) == number).last().unwrap()
}

/// The bars that stored minutes make up, as rows of the same form. Prices are compared in hundredths.
fn summed(calendar: &Calendar, minutes: &[String], length: Length) -> Vec<String> {
    type Sum = (i64, [i64; 4], i64);
    let cents = |text: &str| (text.parse::<f64>().unwrap() * 100.0).round() as i64;
    let mut sums: BTreeMap<(NaiveDate, i64, i64), Sum> = BTreeMap::new();
    for row in minutes {
        let parts: Vec<&str> = row.split(' ').collect();
        let start = parts[0].parse().unwrap();
        let [open, high, low, close] = [1, 2, 3, 4].map(|place| cents(parts[place]));
        let volume: i64 = parts[5].parse().unwrap();
        let number = bar_number(calendar, start, length);
        let sum =
            sums.entry(number).or_insert_with(|| (bar_start(calendar, start, length), [open, high, low, close], 0));
        sum.1 = [sum.1[0], sum.1[1].max(high), sum.1[2].min(low), close];
        sum.2 += volume;
    }
    let units = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    let row = |(start, prices, volume): &Sum| format!("{start} {} {volume}", prices.map(units).join(" "));
    sums.values().map(row).collect()
}

/// Rows of another dialect: the names of its fields, and how many of its units of time a second has.
fn named_rows(bars: &Value, names: [&str; 6], per_second: i64) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        value => format!("{:.2}", value.as_f64().unwrap()),
    };
    let time = |value: &Value| match value {
        Value::String(text) => chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp(),
        value => value.as_i64().unwrap() / per_second,
    };
    let row = |bar: &Value| {
        let prices = [1, 2, 3, 4].map(|place| text(&bar[names[place]])).join(" ");
        format!("{} {prices} {}", time(&bar[names[0]]), bar[names[5]].as_i64().unwrap())
    };
    bars.as_array().map(|bars| bars.iter().map(row).collect()).unwrap_or_default()
}

fn klines(api: &Api, path: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |kline: &Value| {
        let fields: Vec<String> = (1..6).map(|place| text(&kline[place])).collect();
        format!("{} {}", kline[0].as_i64().unwrap() / 1000, fields.join(" "))
    };
    api.ask(path, &[]).json().as_array().unwrap().iter().map(row).collect()
}

/// What a timeframe is called in each dialect; an empty name where a dialect has none.
type Names<'n> = (Length, [&'n str; 5]);

const NAMES: [Names<'_>; 12] = [
    (Length::Minutes(3), ["3m", "3Min", "3/minute", "3m", "3"]),
    (Length::Minutes(7), ["7m", "7T", "7/minute", "", "7"]),
    (Length::Minutes(10), ["10m", "10Min", "10/minute", "", "10"]),
    (Length::Minutes(45), ["45m", "45Min", "45/minute", "", "45"]),
    (Length::Minutes(240), ["4h", "4Hour", "4/hour", "4h", "240"]),
    (Length::Minutes(720), ["12H", "12H", "12/hour", "12h", "720"]),
    (Length::Days(2), ["2D", "", "2/day", "", "2D"]),
    (Length::Days(3), ["3d", "", "3/day", "3d", "3D"]),
    (Length::Weeks(2), ["2w", "", "2/week", "", "2W"]),
    (Length::Months(2), ["2M", "2Month", "2/month", "", "2M"]),
    (Length::Months(3), ["1q", "3Month", "1/quarter", "", "3M"]),
    (Length::Months(12), ["1y", "12Month", "1/year", "", "12M"]),
];

/// Compares a market's bars of every timeframe with the sums of its minutes.
fn compare(database: &Database, hours: Hours, span: &str) {
    std::fs::write(database.directory.path().join("thin.csv"), THIN).unwrap();
    database.market_backfill(&format!("--calendar {hours} --universe thin.csv {span}")).run().succeeded();
    let (api, calendar) = (database.api(""), Calendar::of(hours));
    let minutes = database.bars("symbol = 'AAPL' AND interval = '1m'");
    let is_traded = |row: &String| !row.ends_with(" 0");
    assert!(minutes.iter().any(|row| !is_traded(row)), "{hours}: every minute has a volume");
    for (length, [native, alpaca, polygon, binance, udf]) in NAMES {
        let expected = summed(&calendar, &minutes, length);
        let traded: Vec<String> = expected.iter().filter(|row| is_traded(row)).cloned().collect();
        let path = format!("/api/v2/bars/AAPL?timeframe={native}");
        assert_eq!(rows(&api.pages(&format!("{path}&limit=5000&start=0"))), expected, "{hours} {native}");
        let piece = expected.len() / 3 + 1;
        assert_eq!(rows(&api.pages(&format!("{path}&limit={piece}&start=0"))), expected, "{hours} {native}");
        assert_eq!(rows(&api.pages(&format!("{path}&limit={piece}&start=0&fill=fill"))), expected, "{hours} {native}");
        let mut backwards = rows(&api.pages(&format!("{path}&limit={piece}&order=desc")));
        backwards.reverse();
        assert_eq!(backwards, expected, "{hours} {native}, newest first");
        let latest = &expected[expected.len().saturating_sub(2)..];
        assert_eq!(rows(api.data(&format!("{path}&limit=2")).as_array().unwrap()), latest, "{hours} {native}");
        // A bar that begins before the first instant that is asked for is not shown.
        if let [first, second, ..] = &expected[..] {
            let after = first.split(' ').next().unwrap().parse::<i64>().unwrap() + 1;
            let found = rows(api.data(&format!("{path}&limit=1&start={after}")).as_array().unwrap());
            assert_eq!(&found[0], second, "{hours} {native}");
        }
        if !alpaca.is_empty() {
            let bars = api.body(&format!("/v2/stocks/AAPL/bars?timeframe={alpaca}&start=2000-01-01&limit=10000"));
            assert_eq!(named_rows(&bars["bars"], ["t", "o", "h", "l", "c", "v"], 1), traded, "{hours} {alpaca}");
        }
        let bars = api.body(&format!("/v2/aggs/ticker/AAPL/range/{polygon}/2000-01-01/2026-12-31?limit=50000"));
        assert_eq!(named_rows(&bars["results"], ["t", "o", "h", "l", "c", "v"], 1000), traded, "{hours} {polygon}");
        if !binance.is_empty() {
            let path = format!("/api/v3/klines?symbol=AAPL&interval={binance}&limit=1000");
            let last = &expected[expected.len().saturating_sub(1000)..];
            assert_eq!(klines(&api, &path), last, "{hours} {binance}");
            assert_eq!(klines(&api, &format!("{path}&startTime=0")), expected[..expected.len().min(1000)], "{binance}");
        }
        let history = api.body(&format!("/udf/history?symbol=AAPL&resolution={udf}&from=0&to=4000000000"));
        let column =
            |name: &str| history[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
        let [opens, closes, volumes] = [1, 4, 5].map(|place| {
            expected.iter().map(|row| row.split(' ').nth(place).unwrap().parse().unwrap()).collect::<Vec<f64>>()
        });
        assert_eq!((column("o"), column("c"), column("v")), (opens, closes, volumes), "{hours} {udf}");
    }
    api.running.terminate().succeeded();
}

on_every_backend! {
    fn bars_of_shanghai_are_sums_of_its_minutes(database: &Database) {
        compare(database, Hours::Sse, "--from 2025-12-25 --to 2026-02-05");
    }

    fn a_sum_whose_first_parts_are_removed_is_not_shown(database: &Database) {
        std::fs::write(database.directory.path().join("thin.csv"), THIN).unwrap();
        database.market_backfill("--universe thin.csv --from 2026-01-26 --to 2026-03-06").run().succeeded();
        // Without the bars of January, as retention leaves them.
        let february = Calendar::shanghai().midnight("2026-02-01".parse().unwrap()).unwrap();
        database.execute(&format!("UPDATE market_identity SET retained_from = {february}"));
        database.execute(&format!("DELETE FROM market_klines WHERE time < {february}"));
        let api = database.api("");
        for (timeframe, month) in [("2M", "2026-03"), ("1q", ""), ("1M", "2026-02")] {
            let bars = rows(&api.pages(&format!("/api/v2/bars/AAPL?timeframe={timeframe}&start=0")));
            let first = bars.first().map(|row| row.split(' ').next().unwrap().parse().unwrap());
            let shown = first.map(|start| Hours::Sse.local_time(UnixSeconds::new(start)));
            assert!(shown.as_deref().unwrap_or_default().starts_with(month) && shown.is_none() == month.is_empty(), "{timeframe}: {shown:?}");
        }
    }
}

#[test]
fn bars_of_the_other_calendars_are_sums_of_their_minutes() {
    // Thanksgiving with its early close, and a turn of the year.
    compare(&Database::new(Backend::Sqlite), Hours::Nyse, "--from 2025-11-24 --to 2026-01-06");
    compare(&Database::new(Backend::Sqlite), Hours::AroundTheClock, "--from 2025-12-27 --to 2026-01-05");
    compare(&Database::new(Backend::Sqlite), Hours::Fx, "--from 2025-12-29 --to 2026-01-06");
}
