//! Who is let in, how much of everything a client may take, and that nothing gets past a parameter.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use klined::serve::RouteExample;
use serde_json::{Value, json};

use crate::on_every_backend;
use crate::support::api::Api;
use crate::support::database::{Backend, Database};
use crate::support::http::{metric, send};
use crate::support::programs::{assert_has, eventually};

/// Makes a key and adds it to `keys.toml`; gives the key.
pub fn key(database: &Database, limits: &str) -> String {
    let made = database.klined("key somebody").run().succeeded();
    let file = database.directory.path().join("keys.toml");
    let before = fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, format!("{before}{}{limits}\n", made.stdout)).unwrap();
    let key = made.stderr.split_whitespace().last().unwrap().to_owned();
    assert!(!made.stdout.contains(key.split('.').nth(1).unwrap()), "the file would hold the secret");
    key
}

/// Every route of every dialect with each segment of its path that varies and each parameter that it may have: paths with `@` in place
/// of a value, the rest being what the route answers.
fn attacked() -> Vec<String> {
    let mut paths = Vec::new();
    for RouteExample { pattern, example, parameters, .. } in
        klined::serve::routes().into_iter().filter(|route| route.body.is_empty())
    {
        let (path, query) = example.split_once('?').unwrap();
        for (at, _) in pattern.split('/').enumerate().filter(|(_, segment)| segment.starts_with('{')) {
            let segment = |(place, segment)| if place == at { "@" } else { segment };
            let path: Vec<&str> = path.split('/').enumerate().map(segment).collect();
            paths.push(format!("{}?{query}", path.join("/")));
        }
        // What is below a key is what is there without one.
        for name in parameters.iter().filter(|_| !pattern.contains("{key}")) {
            let others = query.split('&').filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name));
            let query: Vec<String> = others.map(str::to_owned).chain([format!("{name}=@")]).collect();
            paths.push(format!("{path}?{}", query.join("&")));
        }
    }
    paths
}

/// How many of the attacks each place gets, which take turns.
const ATTACKS_EACH: usize = 3;

/// Escaped as a browser does.
const ATTACKS: [&str; 12] = [
    "%27",
    "%27%20OR%20%271%27=%271",
    "AAPL%27;DROP%20TABLE%20market_klines;--",
    "1;SELECT%20pg_sleep(10)",
    "1%20UNION%20SELECT%20*%20FROM%20market_identity",
    "%00",
    "%ff%fe",
    "..%2f..%2f..%2fetc%2fpasswd",
    "-9223372036854775808",
    "9223372036854775807",
    "99999999999999999999999999",
    "%f0%9f%92%a5",
];

on_every_backend! {
    fn no_parameter_is_taken_for_sql(database: &Database) {
        let api = database.filled().api("");
        let before = database.contents();
        let paths = attacked();
        assert!(paths.len() > 500, "{}", paths.len());
        let turns = (0..).step_by(ATTACKS_EACH).map(|turn| (turn..turn + ATTACKS_EACH).map(|at| ATTACKS[at % ATTACKS.len()]));
        for (path, attack) in paths.iter().zip(turns).flat_map(|(path, attacks)| attacks.map(move |attack| (path, attack))) {
            let path = path.replace('@', attack);
            let reply = api.get(&path);
            assert!(matches!(reply.status, 200 | 400 | 404), "{path}: {} {}", reply.status, reply.text);
            if reply.status != 200 && path.starts_with("/api/v2") {
                reply.code();
            }
            let low = reply.text.to_lowercase();
            for word in ["select ", "syntax", "sqlite", "postgres", "panicked", "src/", "root:"] {
                assert!(!low.contains(word) || attack.to_lowercase().replace("%20", " ").contains(word), "{path}: {}", reply.text);
            }
        }
        assert_eq!(database.contents(), before);
        assert!(!api.running.stderr().contains("ERROR"), "{}", api.running.stderr());
    }

    fn numbers_at_their_bounds_are_taken_and_past_them_refused(database: &Database) {
        let api = database.filled().api("");
        for (path, most) in [("bars", 5000), ("history", 10_000)] {
            for (limit, status) in [(0, 400), (1, 200), (most, 200), (most + 1, 400), (70_000, 400), (i64::MAX, 400)] {
                assert_eq!(api.get(&format!("/api/v2/{path}/AAPL?limit={limit}")).status, status, "{path} {limit}");
            }
        }
        for words in ["start=2026-03-03&end=2026-03-02", "start=99999999999999999", "end=-1", "limit=5&limit=6", "timeframe=25h"] {
            assert_eq!(api.get(&format!("/api/v2/bars/AAPL?{words}")).code(), "invalid_request", "{words}");
        }
        for fill in ["skip", "fill"] {
            let path = format!("/api/v2/bars/AAPL?fill={fill}&start=9999-12-31T00:00:00Z");
            assert_eq!(api.data(&path).as_array().unwrap().len(), 0);
            assert_eq!(api.get(&format!("/api/v2/bars/NOPE?fill={fill}")).code(), "unknown_ticker");
        }
        for path in ["trades", "quotes", "history", "quote", "stats", "truth"] {
            assert_eq!(api.get(&format!("/api/v2/{path}/NOPE")).code(), "unknown_ticker", "{path}");
        }
    }

    fn a_key_is_taken_in_each_place_and_no_other_lets_in(database: &Database) {
        let key = key(database.filled(), "");
        let api = database.api("--api-keys keys.toml");
        let path = "/api/v2/tickers";
        for headers in [("X-API-Key", key.clone()), ("Authorization", format!("Bearer {key}")), ("authorization", format!("bearer {key}"))] {
            assert_eq!(api.ask(path, &[(headers.0, &headers.1)]).status, 200, "{headers:?}");
        }
        assert_eq!(api.ask(&format!("{path}?api_key={key}"), &[]).status, 200);
        let wrong = format!("{key}0");
        let (id, secret) = key.split_once('.').unwrap();
        for path in ["/api/v2/tickers", "/api/v2/status", "/api/v2/bars/AAPL", "/api/v2/bars/NOPE", "/api/klines?symbol=AAPL", "/metrics"] {
            let none = api.ask(path, &[]);
            assert_eq!((none.status, none.code().as_str()), (401, "missing_key"), "{path}");
            for wrong in [&wrong, id, secret, "", &format!("{id}."), &format!(".{secret}"), &"x".repeat(2000)] {
                let reply = api.ask(path, &[("X-API-Key", wrong)]);
                assert_eq!((reply.status, reply.code().as_str()), (401, "invalid_key"), "{path} {wrong}");
            }
            assert_eq!(api.ask(path, &[("Authorization", "Basic abc")]).code(), "missing_key");
        }
        for path in ["/health", "/docs/", "/openapi.json"] {
            assert_eq!(api.ask(path, &[]).status, 200, "{path}");
        }
        assert!(!api.running.stderr().contains(secret));
        let api = api.with_key(&key);
        assert_eq!(metric(&api.get("/metrics").text, "klined_api_requests_total{route=\"/health\",status=\"200\"}"), Some(1.0));
    }

    fn a_client_over_its_rate_learns_when_to_come_again(database: &Database) {
        let slow = key(database.filled(), "requests_per_second = 1\nburst = 3");
        let quick = key(database, "");
        let api = database.api("--api-keys keys.toml").with_key(&slow);
        let answers: Vec<_> = (0..6).map(|_| api.get("/api/v2/status")).collect();
        assert_eq!(answers.iter().take(3).map(|reply| reply.header("x-ratelimit-remaining").unwrap()).collect::<Vec<_>>(), ["2", "1", "0"]);
        let refused = answers.iter().find(|reply| reply.status == 429).unwrap();
        assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("rate_limited", Some("1")));
        assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
        // Another key is not held back by it.
        assert_eq!(api.ask("/api/v2/status", &[("X-API-Key", &quick)]).status, 200);
        // An address is, whatever it asks for and with whatever key.
        let api = Api::start(database.market_api("--addr 127.0.0.1:0 --rate 1 --api-keys keys.toml"));
        let answers: Vec<_> = (0..5).map(|_| api.ask("/nothing", &[("X-API-Key", "wrong.wrong")])).collect();
        assert!(answers.iter().take(2).all(|reply| reply.status == 404));
        let refused = answers.iter().find(|reply| reply.status == 429).expect("an address is held back");
        assert_eq!(["retry-after", "x-ratelimit-remaining"].map(|name| refused.header(name)), [Some("1"), Some("0")]);
        // Each dialect says so in its own shape.
        for (path, name, word) in [
            ("/v2/stocks/bars", "code", json!(42_910_000)),
            ("/v2/iex", "code", json!(42_910_000)),
            ("/v2/aggs/ticker/AAPL/prev", "status", json!("ERROR")),
            ("/api/v3/time", "code", json!(-1003)),
            ("/udf/time", "s", json!("error")),
        ] {
            let refused = (0..200).map(|_| api.ask(path, &[])).find(|reply| reply.status == 429).unwrap();
            assert_eq!((refused.json()[name].clone(), refused.header("retry-after")), (word, Some("1")), "{path}");
        }
    }
}

/// A server of a filled SQLite database that loses its patience after a second.
fn impatient(words: &str) -> (Database, Api) {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("--client-timeout 1").running_with(words, &database);
    (database, api)
}

impl Api {
    fn running_with(self, words: &str, database: &Database) -> Self {
        if words.is_empty() { self } else { database.api(&format!("--client-timeout 1 {words}")) }
    }
}

#[test]
fn a_client_that_sends_little_is_closed_and_delays_no_other() {
    let (_database, api) = impatient("--connections 20 --connections-per-address 20");
    // As many as there are places, each with a part of a head and then a byte now and then.
    let mut slow: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(&api.address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-").unwrap();
    }
    for stream in &slow {
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    }
    eventually("every one of them is closed", || {
        slow.retain_mut(|stream| {
            // A byte of a header now and then does not help.
            let _ = stream.write_all(b"a");
            match stream.read(&mut [0; 512]) {
                Ok(length) => length > 0,
                Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            }
        });
        slow.is_empty()
    });
    assert_eq!(api.get("/health").status, 200);
}

#[test]
fn a_client_that_does_not_read_is_shown_out() {
    let (_database, api) = impatient("--connections 1 --connections-per-address 1");
    let mut deaf = TcpStream::connect(&api.address).unwrap();
    // Answers of a few megabytes, more than what the system keeps for a reader.
    for _ in 0..1000 {
        let sent = deaf.write_all(b"GET /api/v2/history/AAPL?limit=10000&start=0 HTTP/1.1\r\nHost: localhost\r\n\r\n");
        if sent.is_err() {
            break;
        }
    }
    // It has the only place, and others get it all the same.
    eventually("the place comes free", || {
        let said = send(&api.address, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        said.contains("200 OK")
    });
    drop(deaf);
}

#[test]
fn an_address_may_have_so_many_connections() {
    let (_database, api) = impatient("--connections-per-address 3");
    let mut streams: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(&api.address).unwrap()).collect();
    let ask = |stream: &mut TcpStream| {
        let _ = stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut head = [0; 12];
        stream.read_exact(&mut head).is_ok().then(|| String::from_utf8_lossy(&head).into_owned())
    };
    for stream in &mut streams {
        assert_eq!(ask(stream).as_deref(), Some("HTTP/1.1 200"));
    }
    let mut fourth = TcpStream::connect(&api.address).unwrap();
    assert_eq!(ask(&mut fourth), None);
    drop(streams);
    eventually("the places come free", || ask(&mut TcpStream::connect(&api.address).unwrap()).is_some());
}

#[test]
fn what_is_too_large_or_no_request_is_refused() {
    let (_database, api) = impatient("");
    let status = |request: &str| {
        let said = send(&api.address, &format!("{request}\r\n\r\n"));
        said.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let head = "Host: localhost\r\nConnection: close";
    assert_eq!(status(&format!("GET /health HTTP/1.1\r\n{head}")), "200");
    assert_eq!(status(&format!("GET /health HTTP/1.1\r\n{head}\r\nContent-Length: 16385")), "413");
    assert_eq!(status(&format!("GET /health HTTP/1.1\r\n{head}\r\nTransfer-Encoding: chunked")), "413");
    // A client that still sends when the connection closes would not get the answer.
    assert_eq!(api.post("/health", &"x".repeat(900_000)).status, 413);
    assert_eq!(status(&format!("POST /api/v2/tickers HTTP/1.1\r\n{head}\r\nContent-Length: 0")), "405");
    assert_eq!(status(&format!("POST /health HTTP/1.1\r\n{head}\r\nContent-Length: 0")), "405");
    assert_eq!(status("nonsense"), "400");
    for path in [
        "/docs/../../etc/passwd",
        "/docs/..%2f..%2fetc/passwd",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/docs//etc/passwd",
    ] {
        let said = send(&api.address, &format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n"));
        assert!(said.contains(" 404 ") && !said.contains("root:"), "{path}: {said}");
    }
}

#[test]
fn other_sites_may_read_what_they_were_allowed_to() {
    let origin = [("Origin", "https://example.org")];
    let (database, closed) = impatient("");
    assert_eq!(closed.ask("/api/v2/tickers", &origin).header("access-control-allow-origin"), None);
    let open = database.api("--cors https://example.org,http://localhost:5173");
    let reply = open.ask("/api/v2/tickers", &origin);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://example.org"));
    assert!(reply.header("access-control-expose-headers").unwrap().contains("x-ratelimit-remaining"));
    let foreign = open.ask("/health", &[("Origin", "https://example.com")]);
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (403, None));
    // A browser asks first, and has no key then.
    let asked = "OPTIONS /api/v2/tickers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: https://example.org\r\n\
                 Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: x-api-key\r\n\r\n";
    let taken = [
        "x-api-key",
        "x-mbx-apikey",
        "x-mbx-time-unit",
        "content-type",
        "apca-api-key-id",
        "apca-api-secret-key",
        "authorization",
    ];
    assert_has(&send(&open.address, asked).to_lowercase(), &["200 ok", "access-control-max-age"]);
    assert_has(&send(&open.address, asked).to_lowercase(), &taken);
    for wrong in ["example.org", "https://example.org/path", "https://*"] {
        database.market_api("--cors").with(wrong).run().was_misused(&["--cors", wrong]);
    }
}

#[test]
fn every_route_of_every_dialect_answers_its_example() {
    let (_database, api) = impatient("");
    for RouteExample { pattern, example, is_socket, body, .. } in klined::serve::routes() {
        let status = if body.is_empty() { api.get(&example).status } else { api.post(&example, body).status };
        // A WebSocket needs an upgrade; where that is missing Alpaca has nothing there.
        let expected: &[u16] = if is_socket { &[400, 404] } else { &[200] };
        assert!(!example.contains('{') && expected.contains(&status), "{pattern}: {example}: {status}");
    }
}

#[test]
fn the_document_has_every_route_and_the_page_loads_no_other_site() {
    let (_database, api) = impatient("");
    let document = api.body("/openapi.json");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    for path in klined::serve::routes().iter().map(|route| &route.pattern).filter(|path| path.starts_with("/api/v2")) {
        assert!(paths.contains_key(path), "{path} is not in the document");
    }
    for (path, operations) in paths {
        let responses = operations["get"]["responses"].as_object().unwrap();
        assert!(responses.contains_key("200"), "{path}");
    }
    assert_eq!(document["components"]["securitySchemes"].as_object().map(serde_json::Map::len), Some(3));
    let page = api.get("/docs/").text + &api.get("/docs/swagger-initializer.js").text;
    assert_has(&page, &["/openapi.json", "swagger-ui"]);
    assert!(
        !page.contains("https://") || page.matches("https://").count() == page.matches("https://github.com").count(),
        "{page}"
    );
    assert_eq!(api.get("/nothing").code(), "not_found");
    assert_eq!(Value::from(api.get("/docs/nothing").status), 404);
}
