//! Who is answered, and how what is wrong is refused.

use clap::Parser;
use klined::access::keys::Keys;
use klined_fx::base::Hours;
use klined_fx_api::program::FxApiArgs;

use super::{Api, SATURDAY};

#[test]
fn a_key_is_asked_for_where_there_are_keys() {
    let api = Api::with_keys(SATURDAY, Hours::Week, Some(Keys::default().with_chosen("a-key-of-my-own")));
    let path = "/v1/last_quote/currencies/EUR/USD";
    assert_eq!(api.ask(path, &[]).0, 401);
    assert_eq!(api.ask(&format!("{path}?apiKey=wrong"), &[]).0, 401);
    assert_eq!(api.ask(&format!("{path}?apiKey=a-key-of-my-own"), &[]).0, 200);
    assert_eq!(api.ask(path, &[("authorization", "Bearer a-key-of-my-own")]).0, 200);
    let (mut socket, _) = tungstenite::connect(format!("ws://{}/forex", api.address)).unwrap();
    let connected = socket.read().unwrap();
    assert!(connected.to_text().unwrap().contains("connected"));
    socket.send(tungstenite::Message::text(r#"{"action":"auth","params":"wrong"}"#)).unwrap();
    let mut next = || std::iter::repeat_with(|| socket.read().unwrap()).find(|message| !message.is_ping()).unwrap();
    assert!(next().to_text().unwrap().contains("auth_failed"));
    assert!(next().is_close());
}

#[test]
fn pages_of_other_sites_and_other_hosts_are_refused() {
    let api = Api::at(SATURDAY, Hours::Week);
    let path = "/v1/last_quote/currencies/EUR/USD";
    assert_eq!(api.ask(path, &[]).0, 200);
    assert_eq!(api.ask(path, &[("host", "evil.example")]).0, 403);
    assert_eq!(api.ask(path, &[("origin", "https://evil.example")]).0, 403);
    assert_eq!(api.ask(path, &[("x-forwarded-for", "192.0.2.7")]).0, 403);
}

#[test]
fn what_is_wrong_is_refused_by_its_name() {
    let api = Api::at(SATURDAY, Hours::Week);
    for (path, status, word) in [
        ("/v2/aggs/ticker/C:EURUSD/range/0/minute/2025-07-11/2025-07-11", 400, "multiplier"),
        ("/v2/aggs/ticker/C:EURUSD/range/1/fortnight/2025-07-11/2025-07-11", 400, "fortnight"),
        ("/v2/aggs/ticker/C:EURUSD/range/1/minute/yesterday/2025-07-11", 400, "from"),
        ("/v2/aggs/ticker/C:EURUSD/range/1/minute/2025-07-11/2025-07-10", 400, "to"),
        ("/v2/aggs/ticker/C:EURUSD/range/1/minute/2025-07-11/2025-07-11?limit=0", 400, "limit"),
        ("/v2/aggs/grouped/locale/global/market/fx/07.11.2025", 400, "date"),
        ("/v3/quotes/C:EURUSD?timestamp=now", 400, "timestamp"),
        ("/v3/quotes/C:EURUSD?sort=price", 400, "sort"),
        ("/v1/conversion/EUR/USD?amount=-1", 400, "amount"),
        ("/v1/conversion/EUR/USD?amount=NaN", 400, "amount"),
        ("/v1/conversion/EUR/USD?precision=9", 400, "precision"),
        ("/v1/conversion/EUR/XXX", 404, "NOT_FOUND"),
        ("/v1/last_quote/currencies/EUR/EUR", 404, "NOT_FOUND"),
        ("/v2/snapshot/locale/global/markets/forex/tickers/C:EURXXX", 404, "NOT_FOUND"),
        ("/v2/snapshot/locale/global/markets/forex/sideways", 404, "NOT_FOUND"),
        ("/v3/reference/tickers/EURUSD", 404, "NOT_FOUND"),
        ("/forex", 400, "WebSocket"),
        ("/v9/anything", 404, "404"),
    ] {
        let (found, text) = api.ask(path, &[]);
        assert_eq!(found, status, "{path}: {text}");
        assert!(text.contains(word), "{path}: {text}");
    }
    // As at the vendor, a ticker that is not known has no bars and no quotes.
    for path in ["/v2/aggs/ticker/C:EURXXX/range/1/day/2025-07-11/2025-07-11", "/v2/aggs/ticker/C:EURXXX/prev"] {
        assert_eq!(api.get(path)["resultsCount"], 0, "{path}");
    }
    assert_eq!(api.all("/v3/quotes/C:EURXXX").0.len(), 0);
}

#[test]
fn instants_at_the_edge_of_all_numbers_are_understood() {
    let api = Api::at(SATURDAY, Hours::Week);
    for (from, to) in
        [("0", "9000000000000"), ("1900000000000", "9000000000000"), ("0", "0"), ("1970-01-01", "2200-01-01")]
    {
        for window in ["1/second", "1/minute", "3/hour"] {
            for sort in ["asc", "desc"] {
                api.get(&format!("/v2/aggs/ticker/C:EURUSD/range/{window}/{from}/{to}?limit=1&sort={sort}"));
            }
        }
        api.get(&format!("/v2/aggs/ticker/C:EURUSD/range/1/minute/{from}/{to}?limit=1&cursor=9223372036854775807"));
    }
    for query in ["timestamp.gte=0&order=asc", "timestamp.lte=0", "cursor=9223372036854775807&order=asc", "cursor=-5"] {
        api.get(&format!("/v3/quotes/C:EURUSD?limit=1&{query}"));
    }
}

#[test]
fn the_command_line_is_understood() {
    let always = |words: &[&str]| FxApiArgs::parse_from([&["fx-api"], words].concat()).always_open;
    assert!(always(&["--always-open"]) && always(&["--always_open"]) && !always(&[]));
    assert!(FxApiArgs::try_parse_from(["fx-api", "--seed", "-1"]).is_err());
}
