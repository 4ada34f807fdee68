//! Parameters are understood or refused: no route passes over a name or a value.

use serde_json::json;

use crate::support::database::{Backend, Database};

#[test]
fn no_route_of_any_dialect_passes_over_a_name_that_it_does_not_have() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let mut tried = 0;
    for route in klined::serve::routes()
        .iter()
        .filter(|route| !route.is_socket && route.body.is_empty() && route.pattern != "/health")
    {
        let path = route.example.trim_end_matches(['?', '&']);
        let separator = if path.contains('?') { '&' } else { '?' };
        let right = api.get(path);
        assert_eq!(right.status, 200, "{path}: {}", right.text);
        let wrong = api.get(&format!("{path}{separator}nosuchname=1"));
        // UDF has errors under status 200.
        let is_refused = wrong.status == 400 || wrong.json()["s"] == "error";
        assert!(is_refused, "{path}: {} {}", wrong.status, wrong.text);
        tried += 1;
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn a_value_that_is_not_understood_is_refused() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let bars = "/v2/stocks/bars?symbols=AAPL&timeframe=1Day&start=2026-03-01";
    for wrong in ["feed=nyse", "currency=EUR", "adjustment=half", "asof=yesterday"] {
        assert_eq!(api.get(&format!("{bars}&{wrong}")).status, 400, "{wrong}");
    }
    for right in ["feed=sip", "currency=USD", "adjustment=split,dividend", "asof=2026-03-02", "asof=-"] {
        assert_eq!(api.get(&format!("{bars}&{right}")).status, 200, "{right}");
    }
    for path in [
        "/v2/stocks/bars/latest?symbols=AAPL&timeframe=1Min",
        "/v2/stocks/AAPL/trades/latest?symbols=AAPL",
        "/v2/stocks/snapshots?symbols=AAPL&limit=3",
        "/v2/stocks/trades?symbols=AAPL&timeframe=1Min",
        "/v2/stocks/meta/conditions/trade?tape=D",
        "/v3/reference/tickers?active=maybe",
        "/v3/reference/tickers?market=stock",
        "/v3/reference/tickers?sort=name",
        "/v3/reference/tickers?date=2026-03-02",
        "/v3/reference/tickers/AAPL?date=2026-03-02",
        "/v3/reference/tickers/types?asset_class=stock",
        "/v3/reference/tickers/AAPL?ticker=V",
        "/v2/aggs/grouped/locale/us/market/stocks/2026-03-02?locale=global",
        "/v3/reference/exchanges?locale=de",
        "/v3/snapshot?type=stock",
        "/v3/snapshot?sort=name",
        "/v2/aggs/ticker/AAPL/prev?adjusted=yes",
        "/v2/aggs/grouped/locale/us/market/stocks/2026-03-02?include_otc=2",
    ] {
        assert_eq!(api.get(path).status, 400, "{path}: {}", api.get(path).text);
    }
    // Python's client repeats what stands in the path.
    for path in [
        "/v3/reference/tickers/AAPL?ticker=AAPL",
        "/v2/aggs/grouped/locale/us/market/stocks/2026-03-02?locale=us&market_type=stocks&include_otc=false",
    ] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    assert_eq!(api.get("/udf/marks?symbol=AAPL&resolution=7S").json()["s"], "error");
}

#[test]
fn polygons_lists_are_filtered_by_what_is_asked() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let count = |path: &str| api.body(path)["results"].as_array().unwrap().len();
    let tickers = |filter: &str| count(&format!("/v3/reference/tickers?{filter}"));
    for all in ["", "type=CS", "market=stocks", "exchange=KLINED", "active=true", "sort=ticker", "cusip=&cik="] {
        assert_eq!(tickers(all), 10, "{all}");
    }
    for none in
        ["type=ETF", "market=crypto", "market=otc", "exchange=XNAS", "active=false", "cusip=037833100", "cik=320193"]
    {
        assert_eq!(tickers(none), 0, "{none}");
    }
    assert_eq!((tickers("ticker.gte=AAPL&ticker.lt=AMZN"), tickers("search=apple"), tickers("ticker=V")), (1, 1, 1));
    assert_eq!(
        (count("/v3/reference/exchanges?asset_class=crypto"), count("/v3/reference/exchanges?asset_class=stocks")),
        (0, 1)
    );
    assert_eq!(
        (count("/v3/reference/tickers/types?locale=global"), count("/v3/reference/tickers/types?locale=us")),
        (0, 1)
    );
    assert_eq!(
        count("/v3/reference/dividends?ticker=AAPL&ex_dividend_date.gte=2026-01-01&cash_amount.lt=3&sort=ticker"),
        0
    );
    // A list that is named comes as a whole, or in pages where a limit is given.
    assert_eq!(count("/v3/snapshot?ticker.any_of=V,AAPL,NOPE"), 3);
    let page = api.body("/v3/snapshot?ticker.any_of=V,AAPL,NOPE&limit=2&order=asc");
    assert_eq!((&page["results"][0]["ticker"], &page["results"][1]["ticker"]), (&json!("AAPL"), &json!("NOPE")));
    let next = page["next_url"].as_str().unwrap().split(&api.address).nth(1).unwrap().to_owned();
    let rest = api.body(&next);
    assert_eq!(
        (&rest["results"][0]["ticker"], &rest["results"][1], &rest["next_url"]),
        (&json!("V"), &json!(null), &json!(null))
    );
}
