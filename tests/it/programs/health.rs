//! Health and metrics over HTTP: what the daemons tell of themselves is what the database and the clock say.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::on_every_backend;
use crate::support::clock::Clock;
use crate::support::database::{Backend, Database};
use crate::support::http::{get, metric, send};
use crate::support::programs::{assert_has, eventually};
use crate::support::{SHANGHAI, date};

/// How many bars of an interval there are.
fn stored(database: &Database, interval: &str) -> f64 {
    let sql = format!("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE interval = '{interval}'");
    database.value(&sql).parse().unwrap()
}

on_every_backend! {
    fn the_metrics_are_what_the_database_holds(database: &Database) {
        database.filled();
        let before = (stored(database, "1m"), stored(database, "5m"));
        let mut market = database.klined("up --speed 6000 --health-addr 0").spawn();
        let address = market.health_address();
        market.until_minutes(20, database);
        let ready = || get(&address, "/readyz").status == 200;
        eventually("it is ready", ready);
        assert_eq!((get(&address, "/healthz").status, get(&address, "/healthz").body.as_str()), (200, "live\n"));
        let text = get(&address, "/metrics").body;
        for name in ["klined_minute_lag_seconds", "klined_catch_up_backlog_minutes"] {
            assert_eq!(metric(&text, name), Some(0.0), "{name} in test mode");
        }
        let written = metric(&text, "klined_bars_written_total{interval=\"1m\"}").unwrap();
        assert!(written >= 200.0 && before.0 + written <= stored(database, "1m"), "{written}");
        let transactions = metric(&text, "klined_transaction_duration_seconds_count{transaction=\"write_bars\"}");
        // A transaction is counted a moment before its bars, and the page may be made in between.
        assert!((1.0..=written / 10.0 + 1.0).contains(&transactions.unwrap()), "{transactions:?}");
        assert!(metric(&text, "klined_last_minute_timestamp_seconds").unwrap() <= database.last_minute() as f64);
        assert!(metric(&text, "klined_bars_written_total{interval=\"5m\"}").unwrap() > 0.0);
        for job in ["generator", "aggregator"] {
            assert_eq!(metric(&text, &format!("klined_job_ready{{job=\"{job}\"}}")), Some(1.0));
        }
        assert_eq!(metric(&text, "klined_pool_connections{state=\"max\"}"), Some(20.0));
        assert_has(&text, &[&format!("klined_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")), "# EOF"]);
        assert!(!text.contains("klined_klined"));
        market.terminate().succeeded();
    }

    fn live_lag_is_counted_in_the_exchanges_minutes(database: &Database) {
        database.open();
        let clock = Clock::at(database.directory.path(), "2026-11-20 10:14:50");
        let mut generator = clock.shown_to(database.market_generator("--health-addr 0 --db-timeout 3600")).spawn();
        let address = generator.health_address();
        let first = SHANGHAI.minute_of(date("2026-11-20"), 43).unwrap().start().get();
        generator.until("it has caught up", || database.last_minute() == first);
        generator.until("it is ready", || get(&address, "/readyz").status == 200);
        let now = |name: &str| metric(&get(&address, "/metrics").body, name).unwrap();
        assert_eq!((now("klined_minute_lag_seconds"), now("klined_catch_up_backlog_minutes")), (0.0, 0.0));
        assert_eq!(now("klined_calendar_known_days_remaining"), 41.0);
        // The writer is held up while the clock goes on over lunch.
        let hold = database.hold_writes();
        clock.set("2026-11-20 13:05:30");
        generator.until("the lag is reported", || now("klined_catch_up_backlog_minutes") == 81.0);
        // The oldest minute due was over at 10:15.
        assert_eq!(now("klined_minute_lag_seconds"), f64::from(2 * 3600 + 50 * 60 + 30));
        let answer = get(&address, "/readyz");
        assert_eq!((answer.status, answer.body.as_str()), (503, "not ready\ngenerator: 81 minutes behind\n"));
        assert_eq!(get(&address, "/healthz").status, 200);
        drop(hold);
        generator.until("it has caught up", || get(&address, "/readyz").status == 200);
        assert_eq!(now("klined_minute_lag_seconds"), 0.0);
        generator.terminate().succeeded();
    }

    fn roll_ups_that_wait_are_counted(database: &Database) {
        database.filled();
        let mut aggregator = database.data_aggregator("--interval 1440 --health-addr 0").variable("WATCHDOG_USEC", "400000").spawn();
        let address = aggregator.health_address();
        aggregator.until("it is ready", || get(&address, "/readyz").status == 200);
        let lag = |interval: &str| {
            metric(&get(&address, "/metrics").body, &format!("klined_aggregation_lag_minutes{{interval=\"{interval}\"}}"))
        };
        aggregator.until("nothing waits", || lag("1M") == Some(0.0));
        let mut generator = database.market_generator("--test --speed 6000").spawn();
        generator.until_minutes(5, database);
        generator.terminate().succeeded();
        aggregator.until("five minutes and more wait", || lag("5m").unwrap() >= 5.0 && lag("1M") == lag("5m"));
        aggregator.terminate().succeeded();
    }

    fn one_that_waits_for_its_database_says_so(database: &Database) {
        database.filled();
        let mut generator = database.market_generator("--test --speed 6000 --health-addr 0 --db-timeout 1").spawn();
        let address = generator.health_address();
        generator.until_minutes(2, database);
        let hold = database.hold_writes();
        generator.until("it is not ready", || get(&address, "/readyz").status == 503);
        generator.until("it counts a retry", || {
            metric(&get(&address, "/metrics").body, "klined_retries_total{job=\"generator\"}").unwrap_or(0.0) >= 1.0
        });
        let said = get(&address, "/readyz").body;
        assert!(said.starts_with("not ready\ngenerator: "), "{said}");
        drop(hold);
        generator.until("it is ready again", || get(&address, "/readyz").status == 200);
        generator.terminate().succeeded();
    }
}

#[test]
fn the_server_bears_strange_company() {
    let database = Database::new(Backend::Sqlite);
    let mut generator = database.filled().market_generator("--test --health-addr 0").spawn();
    let address = generator.health_address();
    assert_eq!(get(&address, "/").status, 404);
    assert_has(&send(&address, "POST /metrics HTTP/1.1\r\nHost: h\r\n\r\n"), &["405"]);
    assert_has(&send(&address, "nonsense\r\n\r\n"), &["400"]);
    let headed = |bytes: usize| {
        send(&address, &format!("GET /healthz HTTP/1.1\r\nHost: h\r\nX-Long: {}\r\n\r\n", "x".repeat(bytes)))
    };
    assert_has(&headed(8_000), &["HTTP/1.1 200 OK", "connection: close"]);
    assert!(!headed(500_000).contains("200 OK"));
    generator.terminate().succeeded();
}

#[test]
fn a_silent_client_is_closed_and_frees_its_place() {
    let database = Database::new(Backend::Sqlite);
    let mut generator = database.filled().market_generator("--test --health-addr 0").spawn();
    let address = generator.health_address();
    // As many as there are places, some in the midst of a request.
    let mut silent: Vec<TcpStream> = (0..16).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for stream in silent.iter_mut().step_by(2) {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
    }
    assert_eq!(get(&address, "/healthz").status, 200);
    let mut is_shown_out = |stream: &mut TcpStream| {
        stream.set_nonblocking(true).unwrap();
        !stream.read(&mut [0; 1024]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    assert!(silent.iter_mut().any(&mut is_shown_out), "more are served at once than there are places");
    for stream in &mut silent {
        eventually("every one of them is shown out", || is_shown_out(stream));
    }
    generator.terminate().succeeded();
}

#[test]
fn an_address_that_is_taken_is_a_readable_failure() {
    let database = Database::new(Backend::Sqlite);
    let mut first = database.filled().market_generator("--test --health-addr 0").spawn();
    let address = first.health_address();
    let words = [address.as_str(), "--health-addr", "in use"];
    database.data_aggregator("--health-addr").with(&address).run().failed(&words);
    database.data_aggregator("--health-addr nowhere").run().was_misused(&[
        "nowhere",
        "--health-addr",
        "127.0.0.1:9470",
    ]);
    // Nothing is served that was not asked for.
    let mut quiet = database.data_aggregator("").variable("KLINED_HEALTH_ADDR", "").spawn();
    quiet.until_it_says("started");
    assert!(!quiet.terminate().succeeded().stderr.contains("/healthz"));
    first.terminate().succeeded();
}
