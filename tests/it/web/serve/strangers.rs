//! Requests that a browser sends for a page of another site, or a proxy for somebody elsewhere.

use std::collections::BTreeSet;
use std::fs;

use klined_testing::repository;

use super::guarding::key;
use crate::support::api::Api;
use crate::support::database::{Backend, Database};
use crate::support::http::send;

const SOCKETS: [&str; 4] = ["/ws", "/v2/iex", "/stocks", "/binance/ws/aapl@trade"];

/// Asks with a head of its own, and gives the whole answer.
fn ask(api: &Api, path: &str, version: &str, lines: &str) -> String {
    send(&api.address, &format!("GET {path} HTTP/{version}\r\nConnection: close\r\n{lines}\r\n"))
}

/// The status of a handshake for a WebSocket.
fn shaken(api: &Api, path: &str, lines: &str) -> String {
    let head = "Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let answer = send(&api.address, &format!("GET {path} HTTP/1.1\r\n{head}\r\n{lines}\r\n"));
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn a_name_that_leads_to_this_machine_gets_nothing_unless_it_was_listed() {
    let database = Database::new(Backend::Sqlite);
    let key = key(database.filled(), "");
    let api = database.api("--api-keys keys.toml");
    for path in
        ["/", "/health", "/docs/", "/openapi.json", "/nothing", "/api/v2/tickers", "/v2/stocks/bars", "/udf/time"]
    {
        let rebound = ask(&api, path, "1.1", &format!("Host: evil.example:8780\r\nX-API-Key: {key}\r\n"));
        assert!(rebound.contains(" 403 ") && !rebound.contains("page."), "{path}: {rebound}");
        let nameless = ask(&api, path, "1.1", "");
        assert!(nameless.contains(" 400 ") && nameless.contains("Host"), "{path}: {nameless}");
    }
    assert!(SOCKETS.iter().all(|path| shaken(&api, path, "Host: evil.example\r\n") == "403"));
    let listed = database.api("--api-keys keys.toml --host other.example,market.example");
    assert!(ask(&listed, "/health", "1.1", "Host: Market.Example:80\r\n").contains("200 OK"));
    assert!(ask(&listed, "/health", "1.1", "Host: evil.example\r\n").contains(" 403 "));
    let external = database.api("--api-keys keys.toml --external-url https://chart.example/market");
    assert!(ask(&external, "/health", "1.1", "Host: chart.example\r\n").contains("200 OK"));
    database.market_api("--host http://a.example").run().was_misused(&["--host", "market.example.org"]);
}

#[test]
fn the_pages_key_is_for_a_browser_on_this_machine_alone() {
    let database = Database::new(Backend::Sqlite);
    key(database.filled(), "");
    let has_key = |api: &Api, version: &str, lines: &str| {
        let page = ask(api, "/", version, lines);
        assert!(page.contains("200 OK") && page.contains("klined-key"), "{lines}: {page}");
        page.contains("content=\"page.")
    };
    let api = database.api("--api-keys keys.toml --cors https://chart.example");
    let host = "Host: localhost:8780\r\n";
    assert!(has_key(&api, "1.1", host));
    // As nginx passes a request on that was given an address and nothing else.
    assert!(!has_key(&api, "1.0", host));
    for line in [
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Host: a.example",
        "Forwarded: for=192.0.2.7",
        "Via: 1.1 proxy",
        "X-Real-IP: 192.0.2.7",
    ] {
        assert!(!has_key(&api, "1.1", &format!("{host}{line}\r\n")), "{line}");
    }
    // A site that may read answers may not read this one.
    let site = format!("{host}Origin: https://chart.example\r\n");
    assert!(!has_key(&api, "1.1", &site));
    assert!(!ask(&api, "/", "1.1", &site).to_lowercase().contains("access-control-allow-origin"));
    assert!(
        ask(&api, "/health", "1.1", &site)
            .to_lowercase()
            .contains("access-control-allow-origin: https://chart.example")
    );
    // Where the server has a name, a proxy is in front of it.
    let named = database.api("--api-keys keys.toml --host market.example");
    assert!(!has_key(&named, "1.1", host) && !has_key(&named, "1.1", "Host: market.example\r\n"));
}

#[test]
fn a_page_of_another_site_gets_nothing_and_opens_no_websocket() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("--cors https://chart.example");
    let host = format!("Host: {}\r\n", api.address);
    for path in SOCKETS {
        for origin in ["https://evil.example", "http://localhost:5173", "null", "https://chart.example.evil.example"] {
            assert_eq!(shaken(&api, path, &format!("{host}Origin: {origin}\r\n")), "403", "{path} {origin}");
        }
    }
    let foreign = [("Origin", "https://evil.example")];
    assert_eq!(api.ask("/api/v2/tickers", &foreign).code(), "forbidden");
    let picture = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "image")];
    assert_eq!(api.ask("/api/v2/tickers", &picture).code(), "forbidden");
    // A link leads here, the page asks itself, and so does a site that was listed.
    assert_eq!(api.ask("/", &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "document")]).status, 200);
    for origin in [format!("http://{}", api.address), "https://chart.example".to_owned()] {
        assert_eq!(api.ask("/api/v2/tickers", &[("Origin", &origin)]).status, 200, "{origin}");
    }
}

#[test]
fn an_upgrade_where_there_is_no_websocket_is_refused() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let host = format!("Host: {}\r\n", api.address);
    for path in ["/", "/docs/", "/openapi.json", "/health", "/api/v2/tickers", "/api/v3/ping", "/favicon.svg"] {
        assert_eq!(shaken(&api, path, &host), "400", "{path}");
        assert_eq!(api.get(path).status, 200, "{path}");
    }
}

/// Names in the documentation with several parts that begin with capitals, which are no headers of a request or an answer of a page: other
/// words, and headers that only browsers and proxies set.
const NO_PAGES_HEADERS: [&str; 14] = [
    "ctrl-c",
    "mid-autumn",
    "license-mit",
    "license-apache",
    "scram-sha",
    "ta-lib",
    "accept-encoding",
    "content-encoding",
    "cache-control",
    "sec-fetch-site",
    "x-forwarded",
    "x-forwarded-for",
    "x-real-ip",
    "user-agent",
];

/// The names of several parts that begin with capitals, in small letters.
fn headers_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let is_header = |word: &&str| {
        let word = word.trim_matches('-');
        word.contains('-') && word.split('-').all(|part| part.starts_with(|letter: char| letter.is_ascii_uppercase()))
    };
    words.filter(is_header).map(|word| word.trim_matches('-').to_lowercase()).collect()
}

#[test]
fn every_documented_header_is_one_that_pages_of_other_sites_may_send_or_read() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("--cors https://chart.example");
    let site = "Origin: https://chart.example\r\n";
    let preflight = format!(
        "OPTIONS /api/v2/tickers HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{site}Access-Control-Request-Method: GET\r\n\r\n",
        api.address
    );
    let list = |answer: &str, name: &str| -> BTreeSet<String> {
        let answer = answer.to_lowercase();
        let line = answer.lines().find_map(|line| line.strip_prefix(&format!("access-control-{name}-headers: ")));
        line.unwrap_or_default().split(',').map(|header| header.trim().to_owned()).collect()
    };
    let sent = list(&send(&api.address, &preflight), "allow");
    let read = list(&ask(&api, "/api/v2/tickers", "1.1", &format!("Host: {}\r\n{site}", api.address)), "expose");
    let mut documented = BTreeSet::from(["authorization".to_owned()]);
    let pages = fs::read_dir(repository("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    for page in pages.chain(["README.md", "README.zh-CN.md"].map(repository)) {
        documented.extend(headers_in(&fs::read_to_string(page).unwrap()));
    }
    documented.extend(headers_in(&api.get("/openapi.json").text));
    let known = |header: &String| sent.contains(header) || read.contains(header);
    let forgotten: Vec<&String> =
        documented.iter().filter(|header| !known(header) && !NO_PAGES_HEADERS.contains(&header.as_str())).collect();
    assert!(forgotten.is_empty(), "{forgotten:?} are neither in {sent:?} nor in {read:?}");
    // And the other way round: what is allowed is documented.
    let unknown: Vec<&String> = sent.union(&read).filter(|header| !documented.contains(*header)).collect();
    assert!(unknown.is_empty() && sent.len() > 5 && read.len() > 2, "{unknown:?}");
}

#[test]
fn an_answer_is_compressed_for_who_asks_and_docs_have_a_policy() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let lines = |more: &str| format!("Host: {}\r\n{more}", api.address);
    let head = |more: &str| {
        let answer = ask(&api, "/openapi.json", "1.1", &lines(more)).to_lowercase();
        let head = answer.split("\r\n\r\n").next().unwrap().to_owned();
        (head.contains("content-encoding: gzip"), answer.len())
    };
    let ((plain, long), (packed, short)) = (head(""), head("Accept-Encoding: gzip\r\n"));
    assert!(!plain && packed && short < long / 2, "{long} {short}");
    for path in ["/docs/", "/docs/index.css"] {
        let policy = api.get(path).header("content-security-policy").unwrap_or_default().to_owned();
        assert!(
            policy.starts_with("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
    }
}

#[test]
fn no_log_holds_a_key_however_fine_it_is() {
    let database = Database::new(Backend::Sqlite);
    let key = key(database.filled(), "");
    let directory = database.directory.path().to_owned();
    let api = database.api("--api-keys keys.toml --log-dir logs --log trace,tungstenite=trace,hyper=trace,axum=trace");
    for header in ["X-API-Key", "APCA-API-KEY-ID", "X-MBX-APIKEY"] {
        api.ask("/api/v1/tickers", &[(header, &key)]);
    }
    api.ask("/api/v1/tickers", &[("Authorization", &format!("Bearer {key}"))]);
    api.ask(&format!("/api/v1/tickers?api_key={key}"), &[]);
    api.ask(&format!("/v2/aggs/ticker/V/prev?apiKey={key}"), &[]);
    // A parameter that cannot be understood, beside a key.
    api.ask(&format!("/api/v1/klines?limit=many&api_key={key}"), &[]);
    drop(api.socket(&format!("?api_key={key}")));
    drop(api.socket_at(&format!("/binance/ws/aapl@trade?api_key={key}")));
    // Where the key comes in a message, the library of WebSockets would log the frame.
    let messages = [
        ("/v2/iex", format!("{{\"action\":\"auth\",\"key\":\"{key}\",\"secret\":\"{key}\"}}")),
        ("/stocks", format!("{{\"action\":\"auth\",\"params\":\"{key}\"}}")),
    ];
    for (path, message) in messages {
        let mut socket = api.socket_at(path);
        socket.say(&message);
        socket.hear();
        socket.hear();
    }
    let ended = api.running.terminate().succeeded();
    let secret = key.split('.').nth(1).unwrap();
    let files =
        std::fs::read_dir(directory.join("logs")).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()));
    let logs: Vec<String> = files.map(Result::unwrap).chain([ended.stderr, ended.stdout]).collect();
    assert!(logs.iter().any(|log| log.contains("TRACE") || log.contains("DEBUG")), "nothing was logged");
    for log in &logs {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
