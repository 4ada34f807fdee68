//! The relay's REST: real symbols are answered by a vendor, which a second klined with another universe is, synthetic ones by the market.

use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::database::{Backend, Database};
use crate::support::programs::{assert_has, eventually};
use crate::support::proxy::Proxy;

/// A vendor of `SYNTH` and `TECH` with a key, the network before it, and a market of `AAPL` that relays it. Both have the same days.
struct Pair {
    _databases: [Database; 2],
    vendor: Api,
    proxy: Proxy,
    local: Api,
}

fn pair(words: &str) -> Pair {
    let (database, other) = (Database::new(Backend::Sqlite), Database::new(Backend::Sqlite));
    database.filled();
    other.market_backfill("--from 2026-03-02 --to 2026-03-03 --universe synth").run().succeeded();
    let vendor = other.api("--api-key the-vendors-key");
    let proxy = Proxy::to(vendor.address.rsplit_once(':').unwrap().1.parse().unwrap());
    let at = format!("http://127.0.0.1:{}", proxy.port);
    let keys = "--upstream-polygon-key the-vendors-key --upstream-alpaca-key any:the-vendors-key";
    let local = database.api(&format!("--upstream-polygon {at} --upstream-alpaca {at} {keys} {words}"));
    Pair { _databases: [database, other], vendor: vendor.with_key("the-vendors-key"), proxy, local }
}

/// An answer without the numbers that each server gives its answers.
fn without_number(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("request_id");
    answer
}

#[test]
fn each_symbol_is_answered_by_its_own_side_with_the_vendors_errors_as_they_are() {
    let Pair { vendor, local, .. } = &pair("");
    let range = |ticker: &str| format!("/v2/aggs/ticker/{ticker}/range/1/minute/2026-03-02/2026-03-03?limit=7");
    let ours = local.body(&range("AAPL"));
    assert_eq!((&ours["ticker"], ours["results"].as_array().unwrap().len()), (&json!("AAPL"), 7));
    let (mut theirs, mut direct) = (local.body(&range("TECH")), vendor.body(&range("TECH")));
    // The next page is asked of this server, and comes from the vendor.
    let next = theirs["next_url"].take().as_str().unwrap().to_owned();
    let direct_next = direct["next_url"].take().as_str().unwrap().to_owned();
    assert_eq!(without_number(theirs), without_number(direct));
    let path = next.strip_prefix(&format!("http://{}", local.address)).unwrap();
    let direct_path = direct_next.strip_prefix(&format!("http://{}", vendor.address)).unwrap();
    assert_eq!(path, direct_path);
    assert_eq!(local.body(path)["results"], vendor.body(path)["results"]);
    for path in ["/v2/aggs/ticker/TECH/range/2/fortnight/a/b", "/v3/trades/NOBODY?timestamp=now", "/vX/nothing"] {
        let (relayed, direct) = (local.get(path), vendor.get(path));
        assert_eq!(relayed.status, direct.status, "{path}");
        assert!(relayed.status >= 400, "{path}");
        assert_eq!(relayed.header("content-type"), direct.header("content-type"), "{path}");
    }
    let bars = "/v2/stocks/TECH/bars?timeframe=1Hour&start=2026-03-02&limit=3";
    let alpaca =
        |api: &Api, key: &str| api.ask(bars, &[("apca-api-key-id", "any"), ("apca-api-secret-key", key)]).json();
    let expected = alpaca(vendor, "the-vendors-key");
    assert!(expected["bars"].is_array() || expected["message"].is_string(), "{expected}");
    assert_eq!(alpaca(local, "the clients own"), expected);
}

#[test]
fn both_kinds_are_in_one_answer() {
    let Pair { local, .. } = &pair("");
    let latest = local.body("/v2/stocks/trades/latest?symbols=TECH,AAPL");
    let symbols: Vec<&String> = latest["trades"].as_object().unwrap().keys().collect();
    assert_eq!(symbols, ["AAPL", "TECH"]);
    let snapshots = local.body("/v2/stocks/snapshots?symbols=SYNTH,AAPL,V");
    assert_eq!(snapshots.as_object().unwrap().keys().collect::<Vec<_>>(), ["AAPL", "SYNTH", "V"]);
    let tickers = "/v2/snapshot/locale/us/markets/stocks/tickers";
    let both = local.body(&format!("{tickers}?tickers=AAPL,TECH,V"));
    let of = |answer: &Value| {
        answer["tickers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["ticker"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&both), ["AAPL", "V", "TECH"]);
    assert_eq!(of(&local.body(tickers)).len(), 15);
    let grouped = local.body("/v2/aggs/grouped/locale/us/market/stocks/2026-03-02");
    assert_eq!((grouped["results"].as_array().unwrap().len(), &grouped["resultsCount"]), (15, &json!(15)));
    let universal = local.body("/v3/snapshot?ticker.any_of=AAPL,TECH");
    assert_eq!(universal["results"].as_array().unwrap().len(), 2);
}

#[test]
fn pages_go_through_the_market_and_then_through_the_vendor_and_none_is_longer_than_asked() {
    let Pair { local, vendor, .. } = &pair("");
    let query = "timeframe=1Hour&start=2026-03-02&end=2026-03-04";
    for limit in [1, 3, 8, 1000] {
        let (mut found, mut token) = (serde_json::Map::new(), String::new());
        loop {
            let page = local.body(&format!("/v2/stocks/bars?symbols=TECH,AAPL,SYNTH&{query}&limit={limit}{token}"));
            let mut rows = 0;
            for (symbol, bars) in page["bars"].as_object().unwrap() {
                rows += bars.as_array().unwrap().len();
                let all = found.entry(symbol).or_insert_with(|| json!([]));
                all.as_array_mut().unwrap().extend(bars.as_array().unwrap().iter().cloned());
            }
            assert!(rows <= limit, "{rows} of {limit}");
            match page["next_page_token"].as_str() {
                Some(next) => token = format!("&page_token={next}"),
                None => break,
            }
        }
        let whole = |api: &Api, symbols: &str| {
            let path = format!("/v2/stocks/bars?symbols={symbols}&{query}");
            api.ask(&path, &[("apca-api-key-id", "any"), ("apca-api-secret-key", "the-vendors-key")]).json()["bars"]
                .clone()
        };
        let (ours, theirs) = (whole(local, "AAPL"), whole(local, "SYNTH,TECH"));
        assert_eq!(found["AAPL"], ours["AAPL"], "{limit}");
        assert_eq!((&found["SYNTH"], &found["TECH"]), (&theirs["SYNTH"], &theirs["TECH"]), "{limit}");
        assert!(found["TECH"].as_array().unwrap().len() >= 4);
    }
    drop(vendor.get("/health"));
}

#[test]
fn requests_need_a_key_of_this_server_and_no_clients_key_reaches_the_vendor() {
    let pair = pair("--api-key the-clients-key");
    for path in ["/v2/last/trade/TECH", "/vX/nothing", "/v2/last/trade/TECH?apiKey=the-vendors-key"] {
        assert_eq!(pair.local.ask(path, &[]).status, 401, "{path}");
    }
    // The vendor would refuse this key.
    assert_eq!(pair.local.ask("/v2/last/trade/TECH?apiKey=the-clients-key", &[]).status, 200);
    assert_eq!(pair.local.ask("/v2/last/trade/TECH", &[("authorization", "Bearer the-clients-key")]).status, 200);
}

#[test]
fn identical_requests_on_their_way_are_one_and_a_vendor_that_is_away_is_a_bad_gateway() {
    let Pair { local, proxy, .. } = &pair("");
    assert_eq!(local.get("/v2/last/trade/TECH").status, 200);
    proxy.hold();
    let path = "/v2/aggs/ticker/TECH/range/1/minute/2026-03-02/2026-03-03";
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| local.get(path))).collect();
        let metrics = || local.get("/metrics").text;
        eventually("seven wait for the first", || {
            metrics().contains(r#"relay_requests_total{vendor="polygon",outcome="shared"} 7"#)
        });
        proxy.release();
        let texts: Vec<String> = asked.into_iter().map(|reply| reply.join().unwrap().text).collect();
        assert!(texts[0].contains("results") && texts.iter().all(|text| *text == texts[0]));
    });
    assert_has(&local.get("/metrics").text, &[r#"relay_requests_total{vendor="polygon",outcome="sent"} 2"#]);
    let away = Database::new(Backend::Sqlite);
    let api = away.filled().api("--upstream-polygon http://127.0.0.1:1 --upstream-polygon-key k");
    let reply = api.get("/v2/last/trade/TECH");
    assert_eq!((reply.status, &reply.json()["status"]), (502, &json!("ERROR")));
    assert_eq!(api.get("/v2/last/trade/AAPL").status, 200);
}
