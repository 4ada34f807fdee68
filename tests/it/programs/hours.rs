//! Markets of every calendar: the same bars however they are made, over ends of days and months, and one calendar for good.

use klined_market::base::UnixSeconds;
use klined_market::calendar::{Calendar, Hours};
use klined_testing::market::event;
use rustix::process::Signal;

use crate::on_every_backend;
use crate::support::clock::Clock;
use crate::support::database::{Backend, Database};
use crate::support::date;
use crate::support::programs::{Running, assert_has, assert_same, eventually};

/// Days of a market, and instants on the way through them by a clock in UTC+8; the last is the end of the last day.
struct Days {
    hours: Hours,
    from: &'static str,
    to: &'static str,
    instants: [&'static str; 4],
    /// Trading minutes of the halt of TSLA that [`write_events`] has.
    halted: usize,
}

/// The end of a week before Thanksgiving's, with an early close; the end of a month; a weekend of foreign exchange.
const DAYS: [Days; 3] = [
    Days {
        hours: Hours::Nyse,
        from: "2025-11-26",
        to: "2025-11-28",
        instants: ["2025-11-26 22:31:10", "2025-11-27 01:17:00", "2025-11-29 00:40:30", "2025-11-29 02:00:00"],
        halted: 270,
    },
    Days {
        hours: Hours::AroundTheClock,
        from: "2026-02-27",
        to: "2026-03-01",
        instants: ["2026-02-27 08:01:00", "2026-02-28 07:59:59", "2026-03-01 08:03:00", "2026-03-02 08:00:00"],
        halted: 1320,
    },
    Days {
        hours: Hours::Fx,
        from: "2026-03-06",
        to: "2026-03-09",
        instants: ["2026-03-06 06:01:00", "2026-03-07 05:59:30", "2026-03-09 05:00:30", "2026-03-10 05:00:00"],
        halted: 1320,
    },
];

/// One stock, so that months of bars are few.
const ONE_STOCK: &str = "symbol,name,sector,base_price,base_volatility\nONE,One,Technology,50,0.02\n";

/// A halt of all stocks, one of a single stock over the end of a day, a gap and a fall of a sector, by the calendar's own clock.
fn write_events(database: &Database) {
    let events = [
        event("halt", "from = \"day 1 10:00\"\nuntil = \"10:20\""),
        event("halt", "symbol = \"TSLA\"\nfrom = \"day 1 12:30\"\nuntil = \"day 2 10:30\""),
        event("gap", "percent = 4\nday = \"day 2\""),
        event("move", "percent = -8\nsector = \"Technology\"\nfrom = \"day 2 09:45\"\nuntil = \"10:00\""),
    ];
    let text = format!("name = \"events\"\n{}", events.concat());
    std::fs::write(database.directory.path().join("events.toml"), text).unwrap();
}

fn count(database: &Database, condition: &str) -> String {
    database.value(&format!("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE {condition}"))
}

fn is_clean(database: &Database) {
    let report = database.klined("verify").run().succeeded().stdout;
    assert!(report.ends_with("clean\n") && !report.contains("not rolled up"), "{report}");
}

/// A live generator by a clock; a server may take a moment to see that the one before was killed.
fn live(clock: &Clock, database: &Database, words: &str) -> Running {
    for _ in 0..200 {
        let mut generator = clock.shown_to(database.market_generator(words)).spawn();
        eventually("it runs or ends", || generator.has_ended() || generator.stderr().contains(" started"));
        let is_refused = || generator.stderr().contains("another process is this database's writer");
        std::thread::sleep(std::time::Duration::from_millis(100));
        if !is_refused() {
            return generator;
        }
    }
    panic!("the role of a generator that was killed does not come free");
}

/// The last minute that is over at the end of some days.
fn last_of(days: &Days) -> i64 {
    let calendar = Calendar::of(days.hours);
    calendar.minutes_of(date(days.to)).last().unwrap().start().get()
}

on_every_backend! {
    fn backfill_and_a_live_generator_that_is_killed_write_the_same(database: &Database) {
        for days in &DAYS {
            let (filled, lived) = (Database::new(database.backend), Database::new(database.backend));
            [&filled, &lived].into_iter().for_each(write_events);
            let market = format!("--calendar {} --scenario events.toml", days.hours);
            filled.market_backfill(&format!("{market} --from {} --to {}", days.from, days.to)).run().succeeded();
            is_clean(&filled);
            let calendar = Calendar::of(days.hours);
            let minutes: usize =
                calendar.days(date(days.from), date(days.to)).iter().map(|&day| calendar.minutes_of(day).count()).sum();
            let minutes_of = |symbol: &str| count(&filled, &format!("interval = '1m' AND symbol = '{symbol}'"));
            assert_eq!(minutes_of("V"), (minutes - 20).to_string(), "{}", days.hours);
            assert_eq!(minutes_of("TSLA"), (minutes - 20 - days.halted).to_string(), "{}", days.hours);

            let clock = Clock::at(lived.directory.path(), days.instants[0]);
            let mut generator = live(&clock, &lived, &market);
            generator.until("it has begun", || lived.last_minute() > 0);
            for instant in &days.instants[1..3] {
                let before = lived.last_minute();
                clock.set(instant);
                generator.until(&format!("it has noticed {instant}"), || lived.last_minute() > before);
                generator.kill();
                // The calendar is the database's.
                generator = live(&clock, &lived, "");
            }
            clock.set(days.instants[3]);
            let last = last_of(days);
            generator.until("the last day is written", || lived.last_minute() == last);
            generator.terminate().succeeded();
            lived.data_aggregator("--once").run().succeeded();
            is_clean(&lived);
            assert_same(&lived.contents(), &filled.contents());
        }
    }

    fn sessions_of_each_calendar_are_rolled_up_by_their_own_buckets(database: &Database) {
        // New York: seven bars of an hour, the last of 30 minutes, and four on a short day; UTC and foreign exchange: 24.
        for (days, expected) in DAYS.iter().zip(["11", "72", "48"]) {
            let database = Database::new(database.backend);
            database.market_backfill(&format!("--calendar {} --from {} --to {}", days.hours, days.from, days.to)).run().succeeded();
            assert_eq!(count(&database, "symbol = 'V' AND interval = '60m'"), expected, "{}", days.hours);
            let calendar = Calendar::of(days.hours);
            let opens: Vec<String> = calendar
                .days(date(days.from), date(days.to))
                .iter()
                .map(|&day| calendar.open_of(day).unwrap().start().to_string())
                .collect();
            let found = "SELECT CAST(time AS text) AS text FROM market_klines WHERE symbol = 'V' AND interval = '1d' ORDER BY time";
            assert_eq!(database.column(found), opens, "{}", days.hours);
        }
        let nyse = Calendar::of(Hours::Nyse);
        let open = nyse.open_of(date("2025-11-26")).unwrap().start().get();
        let short = open + 6 * 3600;
        let database = Database::new(database.backend);
        database.market_backfill("--calendar nyse --from 2025-11-26 --to 2025-11-26").run().succeeded();
        let volume = |condition: &str| {
            database.value(&format!("SELECT CAST(sum(volume) AS text) AS text FROM market_klines WHERE symbol = 'V' AND {condition}"))
        };
        let last_half = volume(&format!("interval = '1m' AND time >= {short} AND time < {}", short + 1800));
        assert_eq!(volume(&format!("interval = '60m' AND time = {short}")), last_half);
        assert_eq!(count(&database, &format!("interval = '1m' AND time >= {}", short + 1800)), "0");
    }

    fn months_of_each_calendar_are_kept_and_removed_whole(database: &Database) {
        for hours in [Hours::Nyse, Hours::AroundTheClock, Hours::Fx] {
            let database = Database::new(database.backend);
            std::fs::write(database.directory.path().join("one.csv"), ONE_STOCK).unwrap();
            let words = format!("--calendar {hours} --universe one.csv --from 2026-02-26 --to 2026-03-31");
            database.market_backfill(&words).run().succeeded();
            let clock = Clock::at(database.directory.path(), "2026-04-01 22:32:10");
            let mut generator = live(&clock, &database, "--retain-months 1");
            let horizon = hours.midnight(date("2026-03-01")).unwrap();
            let early = format!("time < {horizon}");
            generator.until("February is removed", || count(&database, &early) == "0");
            generator.terminate().succeeded();
            let first = Calendar::of(hours).minutes_in(horizon, UnixSeconds::MAX).next().unwrap().start();
            let found = database.value("SELECT CAST(min(time) AS text) AS text FROM market_klines WHERE interval = '1m'");
            assert_eq!(found, first.to_string(), "{hours}");
            let kept = database.value("SELECT CAST(retained_from AS text) AS text FROM market_identity");
            assert_eq!(kept, horizon.to_string(), "{hours}");
            database.data_aggregator("--once").run().succeeded();
            is_clean(&database);
        }
    }

    fn a_market_keeps_its_calendar_and_refuses_another(database: &Database) {
        database.market_backfill("--calendar nyse --from 2026-03-02 --to 2026-03-03").run().succeeded();
        let before = database.contents();
        let words = ["the calendar nyse, not of 24x7", "--calendar", "klined reset"];
        database.market_generator("--test --calendar 24x7").run().failed(&words);
        database.market_backfill("--days 1 --calendar 24x7").run().failed(&words);
        database.klined("up --addr none --calendar 24x7").run().failed(&words);
        database.klined("up --addr none --around-the-clock").run().failed(&words);
        database.klined("verify --calendar 24x7").run().failed(&words);
        database.market_generator("--test").variable("KLINED_CALENDAR", "24x7").run().failed(&words);
        let check = database.market_generator("--test --check --calendar 24x7").run();
        assert_has(&check.stdout, &["FAIL market: ", words[0]]);
        database.klined("up --around-the-clock --calendar nyse").run().failed(&["--around-the-clock", "--calendar says nyse"]);
        assert_same(&database.contents(), &before);

        // Without the flag, and with its own, it goes on.
        database.market_generator("--test --check --calendar nyse").run().succeeded();
        let mut generator = database.market_generator("--test --speed 60000").spawn();
        let last = database.last_minute();
        generator.until("a day more is written", || database.last_minute() > last + 86_400);
        generator.terminate().succeeded();
        database.data_aggregator("--once").run().succeeded();
        is_clean(database);
        assert_eq!(database.value("SELECT calendar AS text FROM market_identity"), "nyse");
    }

    fn a_market_that_was_removed_may_have_another_calendar(database: &Database) {
        for hours in ["sse", "nyse", "24x7", "sse", "fx", "nyse"] {
            // Whole months and parts of them, which PostgreSQL writes in different ways.
            let words = format!("--calendar {hours} --from 2026-01-29 --to 2026-03-03");
            std::fs::write(database.directory.path().join("one.csv"), ONE_STOCK).unwrap();
            database.market_backfill(&words).with("--universe one.csv").run().succeeded();
            is_clean(database);
            let mut generator = database.market_generator("--test --speed 60000").spawn();
            let last = database.last_minute();
            generator.until("another day is written", || database.last_minute() > last + 86_400);
            generator.terminate().succeeded();
            database.data_aggregator("--once").run().succeeded();
            is_clean(database);
            database.klined("reset --yes").run().succeeded();
        }
    }

    fn a_calendar_that_was_lost_is_given_again(database: &Database) {
        database.market_backfill("--calendar nyse --from 2026-03-02 --to 2026-03-03").run().succeeded();
        let before = database.contents();
        database.execute("DELETE FROM market_identity");
        let repair = database.klined("repair --yes --seed 42 --calendar nyse").run().succeeded();
        assert_has(&repair.stdout, &["market_identity becomes seed 42", "calendar nyse"]);
        assert_same(&database.contents(), &before);
        is_clean(database);
    }

    fn an_aggregator_that_is_older_than_the_market_takes_its_calendar(database: &Database) {
        database.open();
        let mut aggregator = database.data_aggregator("--interval 1").spawn();
        aggregator.until_it_says(" started");
        let mut generator = database.market_generator("--test --speed 60000 --calendar nyse").spawn();
        generator.until("hours are written", || count(database, "symbol = 'V' AND interval = '1m'").parse::<u32>().unwrap() > 400);
        // A run comes with the calendar that is read again.
        aggregator.signal(Signal::HUP);
        aggregator.until("they are rolled up", || count(database, "symbol = 'V' AND interval = '60m'").parse::<u32>().unwrap() > 6);
        aggregator.terminate().succeeded();
        generator.terminate().succeeded();
        database.data_aggregator("--once").run().succeeded();
        is_clean(database);
    }
}

/// An instant that a clock in UTC+8 shows, in Unix seconds.
fn instant(text: &str) -> i64 {
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap().and_utc().timestamp() - 8 * 3600
}

#[test]
fn a_market_around_the_clock_is_up_to_the_minute_over_the_end_of_a_month() {
    use crate::support::api::Api;
    let database = Database::new(Backend::Sqlite);
    // 2026-02-28 23:57:30 UTC, a Saturday.
    let start = "2026-03-01 07:57:30";
    let clock = Clock::at(database.directory.path(), start);
    let up = || Api::start(clock.shown_to(database.klined("up --around-the-clock --days 2 --addr 127.0.0.1:0")));
    let mut api = up();
    let it_is = |api: &mut Api, time: &str| {
        clock.set(time);
        let now = instant(time);
        let last = now.div_euclid(60) * 60 - 60;
        api.running.until(&format!("it has noticed {time}"), || database.last_minute() == last);
        // A market that was just filled has bars before its generator publishes the clock.
        eventually("the clock is published", || api.get("/api/v2/status").json()["data"]["now"] == now * 1000);
        // The newest bars of a client that asks for the last minutes until now, as Binance names them.
        let path =
            format!("/api/v3/klines?symbol=AAPL&interval=1m&startTime={}&endTime={}", (last - 240) * 1000, now * 1000);
        let bars = api.get(&path).json();
        let starts: Vec<i64> = bars.as_array().unwrap().iter().map(|bar| bar[0].as_i64().unwrap() / 1000).collect();
        assert_eq!(starts[..5], [240, 180, 120, 60, 0].map(|back| last - back), "{time}");
        let shown = [
            api.get("/api/v3/time").json()["serverTime"].as_i64().unwrap(),
            api.data("/api/v2/status")["now"].as_i64().unwrap(),
            api.get("/udf/time").text.trim().parse::<i64>().unwrap() * 1000,
            parsed(&api.body("/v2/clock")["timestamp"]),
            parsed(&api.body("/v1/marketstatus/now")["serverTime"]),
        ];
        assert_eq!(shown, [now * 1000; 5], "{time}");
        assert_eq!(api.body("/v2/clock")["is_open"], true);
        assert_eq!(api.data("/api/v2/status")["session"], "regular");
    };
    it_is(&mut api, start);
    it_is(&mut api, "2026-03-01 07:58:00");
    it_is(&mut api, "2026-03-01 07:59:59");
    it_is(&mut api, "2026-03-01 08:00:00");
    it_is(&mut api, "2026-03-01 08:01:30");
    for interval in ["1d", "1M"] {
        let bars = api.get(&format!("/api/v3/klines?symbol=AAPL&interval={interval}&limit=1")).json();
        assert_eq!(bars[0][0].as_i64().unwrap(), instant("2026-03-01 08:00:00") * 1000, "{interval}");
    }
    api.running.signal(Signal::KILL);
    api.running.wait();
    clock.set("2026-03-01 08:07:00");
    api = up();
    it_is(&mut api, "2026-03-01 08:07:00");
    api.running.terminate().succeeded();
    is_clean(&database);
    let filled = Database::new(Backend::Sqlite);
    let backfill = filled.market_backfill("--calendar 24x7 --from 2026-02-27 --to 2026-03-01");
    clock.shown_to(backfill).run().succeeded();
    assert_same(&database.contents(), &filled.contents());
}

fn parsed(text: &serde_json::Value) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().timestamp_millis()
}
