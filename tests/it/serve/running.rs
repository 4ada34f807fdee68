//! The server as a program: what it needs to start, how it stops, and what it does when its database goes away.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::on_every_backend;
use crate::support::api::{Api, rows};
use crate::support::cluster::Cluster;
use crate::support::database::{Backend, Database};
use crate::support::programs::{assert_has, eventually};

on_every_backend! {
    fn it_reads_beside_a_generator_and_changes_nothing(database: &Database) {
        let api = database.filled().api("");
        let before = database.contents();
        api.data("/api/v1/tickers");
        assert_eq!(database.contents(), before);
        let mut generator = database.market_generator("--test --speed 600").spawn();
        generator.until_minutes(3, database);
        generator.terminate().succeeded();
        let last = database.bars("symbol = 'JPM' AND interval = '1m'").pop().unwrap();
        let shown = || rows(api.data("/api/v1/bars/JPM?limit=1").as_array().unwrap()).pop();
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
        let calendar = std::sync::Arc::new(klined::calendar::Calendar::shanghai());
        klined::jobs::Market::claim(store, calendar, klined::model::ModelKind::Gbm, None).unwrap();
        let api = database.api("");
        assert_eq!(api.get("/api/v1/status").code(), "empty_market");
        for path in ["bars", "history", "quote", "trades", "quotes", "stats"] {
            assert_eq!(api.get(&format!("/api/v1/{path}/AAPL")).code(), "unknown_ticker", "{path}");
        }
        assert_eq!(api.data("/api/v1/tickers").as_array().unwrap().len(), 0);
        assert_eq!(api.get("/health").status, 200);
    }

    fn klined_up_serves_its_market_with_a_key_that_it_tells_once(database: &Database) {
        // The usual port may be taken by another test: any will do then.
        let up = || Api::start(database.klined("up --days 1 --speed 600"));
        let mut api = up();
        let said = "The key, which is shown only now: ";
        let file = database.directory.path().join("api-keys.toml");
        api.running.until_it_says(said);
        let key = api.running.stdout().split(said).nth(1).unwrap().split(' ').next().unwrap().to_owned();
        assert_has(&api.running.stdout(), &["http://127.0.0.1:", "api-keys.toml", "/docs"]);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!fs::read_to_string(&file).unwrap().contains(key.split('.').nth(1).unwrap()));
        let api = api.with_key(&key);
        assert_eq!(api.data("/api/v1/tickers").as_array().unwrap().len(), 10);
        api.running.terminate().succeeded();
        let again = up();
        assert_eq!(again.ask("/api/v1/tickers", &[]).code(), "missing_key");
        let again = again.with_key(&key);
        assert_eq!(again.data("/api/v1/tickers").as_array().unwrap().len(), 10);
        assert!(!again.running.terminate().succeeded().stdout.contains(said));
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
        database.market_api(words).run().failed(&["0.0.0.0:0", "reached from elsewhere", "--api-keys", "klined key"]);
    }
    database.klined("up --addr 0.0.0.0:0 --api-keys none").run().failed(&["reached from elsewhere"]);
    let keys = database.directory.path().join("keys.toml");
    for (text, words) in [("", "there are no keys"), ("[[key]]\nname = 3\n", "line 2"), ("[[kex]]\n", "unknown field")]
    {
        fs::write(&keys, text).unwrap();
        database.market_api("--addr 0 --api-keys keys.toml").run().failed(&["keys.toml", words]);
    }
    database.market_api("--addr 0 --api-keys nowhere.toml").run().failed(&["nowhere.toml", "No such file"]);
    database.market_api("--addr none").run().failed(&["--addr none"]);
    database.market_api("--addr nowhere").run().was_misused(&["--addr", "nowhere"]);
    let check = database.market_api("--check").run().succeeded();
    assert_has(&check.stdout, &["ok   configuration", "ok   database", "ok   migrations"]);
}

#[test]
fn it_bears_the_loss_of_its_server_and_serves_again() {
    let cluster = Cluster::start();
    let database = Database::on(&cluster, "");
    let api = database.filled().api("--db-timeout 2 --request-timeout 5");
    let before = api.data("/api/v1/bars/AAPL?limit=3");
    cluster.stop("immediate");
    eventually("the loss is told", || api.get("/api/v1/bars/AAPL?limit=4").status == 503);
    let reply = api.get("/api/v1/tickers");
    assert!(["unavailable", "busy", "timeout"].contains(&reply.code().as_str()), "{}", reply.text);
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(api.get("/health").status, 503);
    cluster.start_again();
    eventually("it serves again", || api.get("/api/v1/bars/AAPL?limit=3").status == 200);
    assert_eq!(api.data("/api/v1/bars/AAPL?limit=3"), before);
    api.running.terminate().succeeded();
}
