//! The daemons at work: beside one another, under signals, with the operator's hands in their tables, and by a clock
//! that the test sets.

use std::fs;

use klined_market::base::UnixSeconds;
use rustix::process::Signal;

use crate::on_every_backend;
use crate::support::clock::Clock;
use crate::support::database::Database;
use crate::support::programs::{assert_has, assert_same};
use crate::support::{SHANGHAI, date};

const FAST: &str = "--test --speed 6000";
const FASTEST: &str = "--test --speed 60000";
/// How many stocks agree with their last bar in every table that shows it, and with the market's status: read in one
/// statement, so that it holds at any instant. Days are counted in UTC+8. `{status}` is the instant of the status.
const STOCKS_IN_STEP: &str = "SELECT CAST(count(*) AS text) AS text FROM stock_state s \
     JOIN stock_realtime_price r ON r.symbol = s.symbol \
     JOIN market_klines k ON k.symbol = s.symbol AND k.interval = '1m' AND k.time = s.last_update \
     CROSS JOIN market_status m \
     WHERE s.last_update = (SELECT max(time) FROM market_klines WHERE interval = '1m') \
     AND k.close = s.current_price AND r.current_price = s.current_price AND r.last_update = s.last_update \
     AND {status} = s.last_update + 60 \
     AND r.volume = (SELECT sum(volume) FROM market_klines d WHERE d.symbol = s.symbol AND d.interval = '1m' \
         AND (d.time + 28800) / 86400 = (s.last_update + 28800) / 86400) \
     AND abs(r.change_percent - (SELECT (s.current_price - c.close) * 100.0 / c.close FROM market_klines c \
         WHERE c.symbol = s.symbol AND c.interval = '1m' AND c.time = (SELECT max(p.time) FROM market_klines p \
             WHERE p.symbol = s.symbol AND p.interval = '1m' \
             AND (p.time + 28800) / 86400 < (s.last_update + 28800) / 86400))) < 0.001";

fn stocks_in_step(database: &Database) -> String {
    database.value(&STOCKS_IN_STEP.replace("{status}", &database.seconds_of("m.last_update")))
}

/// The 1-minute bars' times of one stock.
fn times(database: &Database, symbol: &str) -> Vec<i64> {
    let sql = format!(
        "SELECT CAST(time AS text) AS text FROM market_klines WHERE symbol = '{symbol}' AND interval = '1m' ORDER BY time"
    );
    database.column(&sql).iter().map(|time| time.parse().unwrap()).collect()
}

/// The trading minutes' starts from one to another, both included.
fn minutes(first: i64, last: i64) -> Vec<i64> {
    let (from, to) = (UnixSeconds::new(first), UnixSeconds::new(last).next());
    SHANGHAI.minutes_in(from, to).map(|minute| minute.start().get()).collect()
}

fn start_of(day: &str, index: u16) -> i64 {
    SHANGHAI.minute_of(date(day), index).unwrap().start().get()
}

/// The place in its day of the minute that starts there.
fn index_of(time: i64) -> u16 {
    SHANGHAI.index_in_day(SHANGHAI.minute_starting(UnixSeconds::new(time)).unwrap())
}

/// Session, and whether it is open, of `market_status`.
fn status(database: &Database) -> String {
    database.value(&format!(
        "SELECT current_session || ' ' || session_start || ' ' || session_end || ' ' || {} AS text FROM market_status",
        database.seconds_of("last_update")
    ))
}

/// Nothing is off, and nothing waits to be rolled up.
fn is_clean(database: &Database) {
    let report = database.klined("verify").run().succeeded().stdout;
    assert!(report.ends_with("clean\n") && !report.contains("not rolled up"), "{report}");
}

on_every_backend! {
    fn the_generator_writes_trading_minutes_in_order_until_a_signal(database: &Database) {
        database.filled();
        for signal in [Signal::TERM, Signal::INT] {
            let mut generator = database.market_generator(FAST).spawn();
            for _ in 0..4 {
                generator.until_minutes(8, database);
                let written = times(database, "AAPL");
                assert_eq!(written, minutes(start_of("2026-03-02", 0), *written.last().unwrap()));
                assert_eq!(stocks_in_step(database), "10");
            }
            generator.signal(signal);
            let ended = generator.wait().succeeded();
            assert!(ended.stderr.ends_with(" stopped\n"), "{}", ended.stderr);
            let last = database.last_minute();
            let span = SHANGHAI.session_at(UnixSeconds::new(last + 60)).unwrap();
            assert_eq!(status(database), format!("{} {} {} {}", span.session, span.start, span.end, last + 60));
            let newest = database.column("SELECT DISTINCT CAST(last_update AS text) AS text FROM stock_state");
            assert_eq!(newest, [last.to_string()], "all stocks end with the same minute");
        }
        let link = database.directory.path().join("logs/market_generator.log");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        // The link leads to the newest file; what was logged first may be in the one of the day before.
        assert_has(&fs::read_to_string(link).unwrap(), &["stopped"]);
        assert_has(&database.logged("market_generator"), &["started", "seed=42", "SIGTERM", "SIGINT", "stopped"]);
    }

    fn a_second_writer_is_refused_while_the_first_lives_and_only_then(database: &Database) {
        let mut first = database.filled().market_generator(FAST).spawn();
        first.until_minutes(1, database);
        for second in [database.market_generator(FAST), database.market_backfill("--days 1"), database.klined("up")] {
            second.run().failed(&["another process is this database's writer"]);
        }
        first.until_minutes(1, database);
        first.kill();
        database.restarted_generator(FAST).terminate().succeeded();
    }

    fn the_aggregator_keeps_up_beside_the_generator(database: &Database) {
        let mut generator = database.filled().market_generator(FAST).spawn();
        generator.until_minutes(20, database);
        let (written, rolled) = (database.last_minute(), "SELECT CAST(min(folded_to) AS text) AS text FROM rollup_watermark");
        let mut aggregator = database.data_aggregator("--interval 1").spawn();
        aggregator.until("the new minutes are rolled up", || database.value(rolled).parse::<i64>().unwrap() >= written);
        for second in [database.data_aggregator("--once"), database.data_aggregator("--interval 5")] {
            second.run().failed(&["another process is this database's aggregator"]);
        }
        generator.until_minutes(20, database);
        aggregator.terminate().succeeded();
        database.data_aggregator("--once").run().succeeded();
        generator.terminate().succeeded();
        database.data_aggregator("--once").run().succeeded();
        is_clean(database);
        let (first, last) = (start_of("2026-03-02", 0), database.last_minute());
        let hours = "SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE symbol = 'V' AND interval = '60m'";
        let begun = minutes(first, last).into_iter().filter(|&time| index_of(time).is_multiple_of(60)).count();
        assert_eq!(database.value(hours), begun.to_string());
    }

    fn the_roster_is_edited_while_the_generator_runs(database: &Database) {
        let mut generator = database.filled().market_generator(FASTEST).spawn();
        generator.until_minutes(10, database);
        database.execute(
            "INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) VALUES \
             ('BAD', 'No price', -1, 0.02), ('NEW', 'Newcomer', 10, 0.02); \
             UPDATE stock_metadata SET is_active = false WHERE symbol = 'META'",
        );
        generator.until_minutes(500, database);
        let ended = generator.terminate().succeeded();
        assert_has(&ended.stderr, &["stock BAD: base_price -1", "listed symbols=\"NEW\"", "delisted symbols=\"META\""]);

        let (first, last) = (start_of("2026-03-02", 0), database.last_minute());
        let (new, gone) = (times(database, "NEW"), times(database, "META"));
        assert_eq!(new, minutes(new[0], last));
        assert_eq!(gone, minutes(first, *gone.last().unwrap()));
        assert_eq!((index_of(new[0]), index_of(*gone.last().unwrap())), (0, 239));
        assert!(new[0] > start_of("2026-03-04", 0) && times(database, "BAD").is_empty());
        database.data_aggregator("--once").run().succeeded();
        is_clean(database);

        let untouched = Database::uninterrupted(database.backend, last);
        untouched.data_aggregator("--once").run().succeeded();
        let others = |database: &Database| {
            let mut lines = database.contents();
            lines.retain(|line| !["NEW ", "META ", "BAD "].iter().any(|symbol| line.starts_with(symbol)));
            lines
        };
        assert_same(&others(database), &others(&untouched));
    }

    fn one_command_makes_a_market_and_goes_on_with_it(database: &Database) {
        let up = || database.klined("up --days 2 --speed 6000").spawn();
        let mut first = up();
        first.until_it_says("Ctrl-C stops");
        first.until_minutes(10, database);
        first.signal(Signal::INT);
        let ended = first.wait().succeeded();
        assert_has(&ended.stdout, &["Chart  http://127.0.0.1:", database.url(), "seed 42", "test mode, a new minute every 10 ms"]);
        assert_has(&ended.stderr, &["backfilled", "the next start continues"]);
        // Two days for ten stocks; while a session is open the second day has its minutes up to now.
        let filled = ended.stderr.split(" bars=").last().unwrap().split_whitespace().next().unwrap();
        let filled: u32 = filled.parse().unwrap();
        assert!((2400..=4800).contains(&filled) && filled.is_multiple_of(10), "{filled}");
        is_clean(database);

        let (written, before) = (times(database, "V"), database.last_minute());
        let mut second = up();
        second.until_minutes(10, database);
        second.signal(Signal::INT);
        let ended = second.wait().succeeded();
        assert_has(&ended.stdout, &[database.url()]);
        assert!(!ended.stderr.contains("backfilled"), "{}", ended.stderr);
        assert_eq!(times(database, "V"), minutes(written[0], database.last_minute()));
        assert_eq!(*written.last().unwrap(), before);
        is_clean(database);
    }

    fn live_mode_follows_the_clock(database: &Database) {
        database.open();
        let clock = Clock::at(database.directory.path(), "2026-11-20 10:14:50");
        let mut generator = clock.shown_to(database.market_generator("--verbose")).spawn();
        let open = start_of("2026-11-20", 0);
        let mut it_is = |time: &str, day: &str, last_index: u16| {
            clock.set(time);
            let last = start_of(day, last_index);
            generator.until(&format!("it has noticed {time}"), || database.last_minute() >= last);
            // The log tells of the write a moment after it, by the clock as it is then.
            let minute = SHANGHAI.minute_starting(UnixSeconds::new(last)).unwrap();
            generator.until_it_says(&format!("at={}", SHANGHAI.local_minute(minute)));
            assert_eq!(times(database, "V"), minutes(open, last), "at {time}");
        };
        let (morning, afternoon) = (open, open + 12_600);
        let monday = start_of("2026-11-23", 0);
        let shown = |session: &str, start: i64, update: i64| {
            assert_eq!(status(database), format!("{session} {start} {} {update}", start + 7200));
        };
        // What was missed before the start is written at once.
        it_is("2026-11-20 10:14:50", "2026-11-20", 43);
        shown("morning", morning, open + 44 * 60);
        it_is("2026-11-20 10:15:00", "2026-11-20", 44);
        it_is("2026-11-20 10:16:59", "2026-11-20", 45);
        shown("morning", morning, open + 46 * 60);
        it_is("2026-11-20 11:30:00", "2026-11-20", 119);
        shown("closed", afternoon, open + 7200);
        it_is("2026-11-20 13:01:07", "2026-11-20", 120);
        shown("afternoon", afternoon, afternoon + 60);
        it_is("2026-11-20 15:00:00", "2026-11-20", 239);
        shown("closed", monday, afternoon + 7200);
        it_is("2026-11-23 09:31:00", "2026-11-23", 0);
        shown("morning", monday, monday + 60);
        assert_eq!(stocks_in_step(database), "10");
        let log = generator.terminate().succeeded().stderr;
        let writes: Vec<_> = log.lines().filter(|line| line.contains(" written ")).collect();
        assert_eq!(
            writes,
            [
                "2026-11-20T02:14:50.000000Z DEBUG written minutes=44 at=2026-11-20 10:13",
                "2026-11-20T02:15:00.000000Z DEBUG written minutes=1 at=2026-11-20 10:14",
                "2026-11-20T02:16:59.000000Z DEBUG written minutes=1 at=2026-11-20 10:15",
                "2026-11-20T03:30:00.000000Z DEBUG written minutes=74 at=2026-11-20 11:29",
                "2026-11-20T05:01:07.000000Z DEBUG written minutes=1 at=2026-11-20 13:00",
                "2026-11-20T07:00:00.000000Z DEBUG written minutes=119 at=2026-11-20 14:59",
                "2026-11-23T01:31:00.000000Z DEBUG written minutes=1 at=2026-11-23 09:30",
            ]
        );

        // At lunch nothing is due, and a start shows that it is lunch.
        clock.set("2026-11-23 12:10:00");
        let mut generator = clock.shown_to(database.market_generator("")).spawn();
        generator.until("the morning is written", || database.last_minute() == start_of("2026-11-23", 119));
        clock.set("2026-11-23 13:00:00");
        generator.until("the afternoon has begun", || status(database).starts_with("afternoon"));
        shown("afternoon", monday + 12_600, monday + 12_600);
        let ended = generator.terminate().succeeded();
        assert_has(&ended.stderr, &["catching up minutes=119"]);
        is_rolled_up_clean(database);
    }
}

fn is_rolled_up_clean(database: &Database) {
    database.data_aggregator("--once").run().succeeded();
    is_clean(database);
}
