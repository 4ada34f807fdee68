//! Long lists of symbols: as many as are promised are answered, and more are refused in the words of the dialect, however long the list is.

use serde_json::Value;

use crate::support::database::{Backend, Database};
use crate::support::http::send;

/// Symbols of six letters, in a list with escaped commas as clients write it.
fn names(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|number| format!("{number:06}")).collect();
    names.join("%2C")
}

/// Status and body of an answer to a request with this target and these further lines.
fn asked(address: &str, target: &str, lines: &str) -> (u16, String) {
    let said = send(address, &format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{lines}\r\n"));
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {said}"));
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    assert_eq!(length.map(|length| length.parse()), Some(Ok(body.len())), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Whether a body is an error in the shape of a dialect.
type IsError = fn(&Value) -> bool;

const SHAPES: [(&str, IsError); 5] = [
    ("/api/v2/bars/AAPL?x=", |body| body["success"] == false && body["error"]["code"] == "too_large"),
    ("/v2/stocks/bars?timeframe=1Day&symbols=", |body| body["code"].is_u64() && body["message"].is_string()),
    ("/v3/snapshot?ticker.any_of=", |body| body["status"] == "ERROR" && body["error"].is_string()),
    ("/api/v3/ticker/price?symbols=", |body| body["code"] == -1130 && body["msg"].is_string()),
    ("/udf/quotes?symbols=", |body| body["s"] == "error" && body["errmsg"].is_string()),
];

#[test]
fn six_thousand_symbols_are_answered_and_more_are_refused() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let list =
        |count: usize| format!("/v2/stocks/bars?timeframe=1Day&start=2026-03-01&symbols={}%2CAAPL", names(count - 1));
    let (status, body) = asked(&api.address, &list(6000), "");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, body["bars"]["AAPL"].as_array().map(Vec::len)), (200, Some(2)), "{body}");
    let (status, body) = asked(&api.address, &list(6001), "");
    assert!(status == 400 && body.contains("at most 6000"), "{body}");
    let (status, body) = asked(&api.address, &format!("/v3/snapshot?ticker.any_of={}", names(251)), "");
    assert!(status == 400 && body.contains("at most 250"), "{body}");
}

#[test]
fn a_head_that_is_too_long_is_refused_in_the_shape_of_its_dialect() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    for (target, is_error) in SHAPES {
        // Past what a URL may have, past what a head may have, and far more than that.
        for (count, header, statuses) in [
            (7_300, 0, [414, 414]),
            (7_300, 10_000, [414, 414]),
            (1_000, 300_000, [431, 431]),
            (200_000, 0, [431, 431]),
        ] {
            let lines = format!("X-Long: {}\r\n", "x".repeat(header));
            let (status, body) = asked(&api.address, &format!("{target}{}", names(count)), &lines);
            assert!(statuses.contains(&status), "{target} {count} {header}: {status}");
            let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{target}: {error}: {body}"));
            assert!(is_error(&body), "{target} {count} {header}: {body}");
        }
    }
    // After an answer the next request is looked at anew.
    let first = format!("GET /api/v3/ping HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
    let said = send(&api.address, &format!("{first}nonsense\r\n\r\n"));
    assert!(said.contains("{}") && said.contains(" 400 Bad Request"), "{said}");
    let (status, body) = asked(&api.address, "/ HTTP/9\r\nX: ", "");
    assert!(status == 400 && body.contains("invalid_request"), "{status} {body}");
}
