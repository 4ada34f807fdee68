//! A standby that follows by streaming: the market is served there, and a writer that is started there waits for the promotion.

use crate::support::api::Api;
use crate::support::cluster::Cluster;
use crate::support::database::Database;
use crate::support::http::get;
use crate::support::programs::{Program, eventually};

const ROUTES: [&str; 7] = [
    "/api/v2/tickers",
    "/api/v2/bars/AAPL",
    "/api/v2/status",
    "/api/v2/quote/AAPL",
    "/v2/snapshot/locale/us/markets/stocks/tickers",
    "/v2/stocks/snapshots?symbols=AAPL,MSFT",
    "/api/v3/ticker/24hr?symbol=AAPL",
];

fn at(database: &Database, port: u16, program: Program) -> Program {
    program.variable("DATABASE_URL", &database.url_by(port))
}

#[test]
fn the_market_is_served_from_a_standby_and_a_writer_waits_for_its_promotion() {
    let cluster = Cluster::start();
    let database = Database::on(&cluster, "");
    let mut generator = database.filled().market_generator("--test --speed 600").spawn();
    generator.until_minutes(3, &database);
    let port = cluster.standby();

    let words = "--addr 127.0.0.1:0 --rate 100000 --api-keys none --health-addr 0";
    let mut api = Api::start(at(&database, port, database.market_api(words)));
    for route in ROUTES {
        let reply = api.get(route);
        assert_eq!(reply.status, 200, "{route}: {}", reply.text);
    }
    let health = api.running.health_address();
    eventually("it is ready", || get(&health, "/readyz").status == 200);
    let mut socket = api.socket("");
    socket.say(r#"{"type":"subscribe","tickers":["AAPL"],"channels":["bar"]}"#);
    let times: Vec<_> = (0..3).map(|_| socket.hear_until("bar")["time"].as_i64()).collect();
    assert!(times.is_sorted() && times[0] < times[2], "{times:?}");

    // A generator there waits, says why, and does not keep the standby from anything.
    let mut waiting = at(&database, port, database.market_generator("--test --speed 600 --db-timeout 2")).spawn();
    waiting.until_it_says("read-only");
    generator.terminate().succeeded();
    cluster.promote();
    // It writes there now, and the server's feed, which asked before, listens.
    let before = socket.hear_until("bar")["time"].as_i64();
    assert!(socket.hear_until("bar")["time"].as_i64() > before);
    waiting.terminate().succeeded();
    eventually("it is ready", || get(&health, "/readyz").status == 200);
    assert!(api.running.stderr().contains("the standby has been promoted"), "{}", api.running.stderr());
}
