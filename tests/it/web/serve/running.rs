//! The server as a program: what it needs to start, how it stops, and what it does when its database goes away.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use klined_market::base::UnixSeconds;
use klined_market::calendar::{Calendar, Hours, Overrides};
use klined_market::model::ModelKind;
use rustix::process::Signal;

use crate::on_every_backend;
use crate::support::SHANGHAI;
use crate::support::api::{Api, rows};
use crate::support::cluster::Cluster;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::{at, fill, market_under, range};
use crate::support::programs::{assert_has, eventually};

on_every_backend! {
    fn it_reads_beside_a_generator_and_changes_nothing(database: &Database) {
        let api = database.filled().api("");
        let before = database.contents();
        api.data("/api/v2/tickers");
        assert_eq!(database.contents(), before);
        let mut generator = database.market_generator("--test --speed 600").spawn();
        generator.until_minutes(3, database);
        generator.terminate().succeeded();
        let last = database.bars("symbol = 'JPM' AND interval = '1m'").pop().unwrap();
        let shown = || rows(api.data("/api/v2/bars/JPM?limit=1").as_array().unwrap()).pop();
        eventually("the last minute is shown", || shown().as_ref() == Some(&last));
        api.running.terminate().succeeded();
    }

    fn it_needs_a_market_and_makes_none(database: &Database) {
        match database.backend {
            Backend::Sqlite => {
                database.market_api("").run().failed(&["there is no database", "market.db"]);
                assert!(!database.directory.path().join("market.db").exists());
            }
            Backend::Postgres => drop(database.market_api("").run().failed(&["migrations have not been run"])),
        }
        database.open();
        database.market_api("").run().failed(&["no market", "market-generator"]);
        // A market whose stocks have no bars yet.
        let store = database.open();
        let calendar = std::sync::Arc::new(klined_market::calendar::Calendar::shanghai());
        klined::jobs::Market::claim(store, calendar, klined_market::model::ModelKind::Gbm, None).unwrap();
        let api = database.api("");
        assert_eq!(api.get("/api/v2/status").code(), "empty_market");
        for path in ["bars", "history", "quote", "trades", "quotes", "stats"] {
            assert_eq!(api.get(&format!("/api/v2/{path}/AAPL")).code(), "unknown_ticker", "{path}");
        }
        assert_eq!(api.data("/api/v2/tickers").as_array().unwrap().len(), 0);
        assert_eq!(api.get("/health").status, 200);
    }

    fn klined_up_lets_everybody_on_this_machine_in_and_asks_others_for_a_key(database: &Database) {
        // The usual port may be taken by another test: any will do then.
        let api = Api::start(database.klined("up --days 1 --speed 600"));
        let path = "/api/v2/tickers";
        for headers in [&[][..], &[("X-API-Key", "anything")], &[("Authorization", "Bearer any.key")], &[("Host", "localhost")]] {
            assert_eq!(api.ask(path, headers).status, 200, "{headers:?}");
        }
        for headers in [("Host", "evil.example"), ("Origin", "https://evil.example"), ("X-Forwarded-For", "192.0.2.7"), ("Via", "1.1 proxy")] {
            assert_eq!((api.ask(path, &[headers]).status, api.ask(path, &[headers]).code().as_str()), (403, "forbidden"), "{headers:?}");
        }
        api.running.terminate().succeeded();
        let file = database.directory.path().join("api-keys.toml");
        assert!(!file.exists());
        // Where other machines come in, it makes a key at the first start.
        let up = || Api::start(database.klined("up --speed 600 --addr 0.0.0.0:0"));
        let mut api = up();
        let said = "The key, which is shown only now: ";
        api.running.until_it_says(said);
        let key = api.running.stdout().split(said).nth(1).unwrap().split(' ').next().unwrap().to_owned();
        assert_has(&api.running.stdout(), &["Chart  http://", "api-keys.toml"]);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!fs::read_to_string(&file).unwrap().contains(key.split('.').nth(1).unwrap()));
        api.running.terminate().succeeded();
        let again = up();
        assert_eq!(again.ask(path, &[]).code(), "missing_key");
        let again = again.with_key(&key);
        assert_eq!(again.data(path).as_array().unwrap().len(), 10);
        assert!(!again.running.terminate().succeeded().stdout.contains(said));
        // A key that was chosen is asked for on this machine too.
        let chosen = Api::start(database.klined("up --speed 600").variable("KLINED_API_KEY", "brunosapikey"));
        assert_eq!((chosen.ask(path, &[]).status, chosen.ask(path, &[("X-API-Key", "brunosapike")]).status), (401, 401));
        assert_eq!(chosen.ask(path, &[("X-API-Key", "brunosapikey")]).status, 200);
        let pair = [("APCA-API-KEY-ID", "any id"), ("APCA-API-SECRET-KEY", "brunosapikey")];
        assert_eq!(chosen.ask("/v2/stocks/bars?symbols=AAPL&timeframe=1Min", &pair).status, 200);
        let said = chosen.running.terminate().succeeded();
        assert!(!said.stderr.contains("brunosapikey") && !said.stdout.contains("brunosapikey"));
        let mut silent = database.klined("up --addr none --speed 600").spawn();
        silent.until_minutes(1, database);
        assert!(!silent.terminate().succeeded().stderr.contains("serving the market"));
    }
}

#[test]
fn what_it_cannot_start_with_is_a_readable_failure() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let taken = ["--addr", "in use"];
    database.market_api("--addr").with(&api.address).run().failed(&taken);
    database.klined("up --addr").with(&api.address).run().failed(&taken);
    for words in ["--addr 0.0.0.0:0", "--addr 0.0.0.0:0 --api-keys none"] {
        database.market_api(words).run().failed(&["0.0.0.0:0", "other machines can reach", "--api-keys", "klined key"]);
    }
    database.klined("up --addr 0.0.0.0:0 --api-keys none").run().failed(&["other machines can reach"]);
    let keys = database.directory.path().join("keys.toml");
    for (text, words) in [("", "there are no keys"), ("[[key]]\nname = 3\n", "line 2"), ("[[kex]]\n", "unknown field")]
    {
        fs::write(&keys, text).unwrap();
        database.market_api("--addr 0 --api-keys keys.toml").run().failed(&["keys.toml", words]);
    }
    database.market_api("--addr 0 --api-keys nowhere.toml").run().failed(&["nowhere.toml", "No such file"]);
    database
        .market_api("--addr 0 --api-keys none --api-key brunosapikey")
        .run()
        .failed(&["--api-key", "--api-keys none"]);
    let misused = database.market_api("--addr 0 --api-key s3cret").run().was_misused(&["--api-key", "8 to 128"]);
    assert!(!misused.stderr.contains("s3cret"));
    database.market_api("--addr none").run().failed(&["--addr none"]);
    database.market_api("--addr nowhere").run().was_misused(&["--addr", "nowhere"]);
    let check = database.market_api("--check").run().succeeded();
    assert_has(&check.stdout, &["ok   configuration", "ok   database", "ok   migrations"]);
}

on_every_backend! {
    fn what_the_database_fails_with_stays_in_the_log(database: &Database) {
        let mut api = database.filled().api("");
        database.execute("ALTER TABLE market_klines RENAME TO elsewhere");
        let paths = ["/api/v2/bars/AAPL", "/api/v2/history/AAPL", "/api/v2/trades/AAPL", "/api/klines?symbol=AAPL",
            "/v2/stocks/bars?symbols=AAPL&timeframe=1Min", "/api/v3/klines?symbol=AAPL&interval=1m", "/v2/aggs/ticker/AAPL/prev"];
        for path in paths {
            let reply = api.get(path);
            assert_eq!(reply.status, 500, "{path}: {}", reply.text);
            let low = reply.text.to_lowercase();
            for word in ["klines", "select", "table", "relation", "sql", "column"] {
                assert!(!low.contains(word), "{path}: {}", reply.text);
            }
        }
        assert_eq!(api.get(paths[0]).code(), "internal");
        api.running.until_it_says("a request has failed");
        assert_has(&api.running.stderr(), &["market_klines"]);
    }
}

#[test]
fn a_hangup_has_keys_and_calendar_read_again_and_the_feed_goes_on() {
    let database = Database::new(Backend::Sqlite);
    let write = |name: &str, text: &str| fs::write(database.directory.path().join(name), text).unwrap();
    let keys = [(); 2].map(|()| database.klined("key somebody").run().succeeded());
    let key = |of: usize| keys[of].stderr.split_whitespace().last().unwrap();
    let flags = "--api-keys keys.toml --calendar-file days.txt";
    database.filled();
    for is_up in [false, true] {
        write("keys.toml", &keys[0].stdout);
        write("days.txt", "known-until 2088-12-31\n");
        let mut generator = (!is_up).then(|| database.market_generator("--test --speed 600").spawn());
        let mut api = match is_up {
            true => Api::start(database.klined("up --speed 600 --addr 127.0.0.1:0").with(flags)),
            false => database.api(flags),
        };
        let known_until = |key: &str| {
            let reply = api.ask("/api/v2/status", &[("X-API-Key", key)]);
            (reply.status == 200).then(|| reply.json()["data"]["calendar_known_until"].as_str().unwrap().to_owned())
        };
        assert_eq!((known_until(key(0)).as_deref(), known_until(key(1))), (Some("2088-12-31"), None));
        let mut socket = api.socket(&format!("?api_key={}", key(0)));
        socket.say(r#"{"type":"subscribe","tickers":["AAPL"]}"#).hear_until("bar");
        write("keys.toml", &keys[1].stdout);
        write("days.txt", "known-until 2089-12-31\nclosed 2089-03-03\n");
        api.running.signal(Signal::HUP);
        eventually("both are read again", || known_until(key(1)).as_deref() == Some("2089-12-31"));
        assert_eq!(known_until(key(0)), None);
        // Whoever is connected stays so, and misses nothing.
        let mut last = socket.hear_until("bar")["time"].as_i64().unwrap();
        for _ in 0..20 {
            let bar = socket.hear_until("bar");
            let time = bar["time"].as_i64().unwrap();
            assert_eq!(
                (SHANGHAI.minutes_between(UnixSeconds::new(last), UnixSeconds::new(time)), &bar["corrected"]),
                (1, &false.into())
            );
            last = time;
        }
        write("keys.toml", "[[key]]\nname = 3\n");
        write("days.txt", "open yesterday\n");
        api.running.signal(Signal::HUP);
        api.running.until_it_says("the calendar is unchanged");
        api.running.until_it_says("the keys are unchanged");
        write("days.txt", "known-until 2089-12-31\nclosed 2026-03-03\n");
        api.running.signal(Signal::HUP);
        api.running.until_it_says("changes 2026-03-03");
        let reply = api.ask("/api/v2/status", &[("X-API-Key", key(1))]);
        assert_eq!(reply.json()["data"]["calendar_known_until"], "2089-12-31");
        api.running.terminate().succeeded();
        if let Some(generator) = generator.take() {
            generator.terminate().succeeded();
        }
    }
}

#[test]
fn a_saturday_that_is_opened_while_it_runs_is_sent_and_read() {
    let database = Database::new(Backend::Sqlite);
    let market = market_under(&database, ModelKind::Full, "test", "");
    // Later than any day on which this is tried: days that may have bars cannot be changed.
    fill(&market, range("2089-03-03", "2089-03-04"), "2089-03-04 14:35:00").unwrap();
    drop(market);
    let write = |text: &str| fs::write(database.directory.path().join("days.txt"), text).unwrap();
    write("known-until 2089-12-31\n");
    let flags = "--speed 120 --addr 127.0.0.1:0 --api-keys none --calendar-file days.txt";
    let mut api = Api::start(database.klined("up").with(flags));
    let mut socket = api.socket("");
    socket.say(r#"{"type":"subscribe","tickers":["AAPL"],"channels":["bar"]}"#).hear_until("bar");
    let days = "known-until 2089-12-31\nopen 2089-03-05\n";
    write(days);
    api.running.signal(Signal::HUP);
    api.running.until_it_says("the calendar was read again");
    let calendar = Calendar::with_overrides(Hours::Sse, &Overrides::parse(Hours::Sse, days).unwrap());
    let saturday = at("2089-03-05 09:30:00").get();
    let (mut count, mut last) = (0, socket.hear_until("bar")["time"].as_i64().unwrap());
    while count < 3 {
        let bar = socket.hear_until("bar");
        let time = bar["time"].as_i64().unwrap();
        assert_eq!(
            (calendar.minutes_between(UnixSeconds::new(last), UnixSeconds::new(time)), &bar["corrected"]),
            (1, &false.into()),
            "{last} {bar}"
        );
        count += usize::from(time >= saturday);
        last = time;
    }
    let minute = format!("start={saturday}&end={}", saturday + 59);
    assert_eq!(api.data(&format!("/api/v2/bars/AAPL?timeframe=1m&{minute}")).as_array().unwrap().len(), 1);
    assert!(!api.data(&format!("/api/v2/trades/AAPL?{minute}")).as_array().unwrap().is_empty());
    api.running.terminate().succeeded();
}

#[test]
fn it_bears_the_loss_of_its_server_and_serves_again() {
    let cluster = Cluster::start();
    let database = Database::on(&cluster, "");
    let api = database.filled().api("--db-timeout 2 --request-timeout 5");
    let before = api.data("/api/v2/bars/AAPL?limit=3");
    cluster.stop("immediate");
    eventually("the loss is answered with 503", || api.get("/api/v2/bars/AAPL?limit=4").status == 503);
    let reply = api.get("/api/v2/tickers");
    assert!(["unavailable", "busy", "timeout"].contains(&reply.code().as_str()), "{}", reply.text);
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(api.get("/health").status, 503);
    cluster.start_again();
    eventually("it serves again", || api.get("/api/v2/bars/AAPL?limit=3").status == 200);
    assert_eq!(api.data("/api/v2/bars/AAPL?limit=3"), before);
    api.running.terminate().succeeded();
}
