//! Which of Polygon's requests the vendor answers.

use std::collections::BTreeSet;

use axum::http::Uri;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::relay::Vendor;
use crate::serve::kit::relaying::{Plan, RelayRules, divided, extend, is_synthetic, parameters, target, without_key};
use klined_market::base::Symbol;

/// The dialect's rules.
pub const RELAY: RelayRules = RelayRules {
    vendor: Vendor::Polygon,
    plan,
    others: &[
        "/v1/{*path}",
        "/v3/{*path}",
        "/vX/{*path}",
        "/v2/reference/{*path}",
        "/v2/snapshot/{*path}",
        "/v2/aggs/{*path}",
    ],
};

/// The beginnings of paths whose next segment is a ticker.
const OF_TICKER: [&str; 8] = [
    "/v2/aggs/ticker/",
    "/v1/open-close/",
    "/v3/trades/",
    "/v3/quotes/",
    "/v2/last/trade/",
    "/v2/last/nbbo/",
    "/v2/snapshot/locale/us/markets/stocks/tickers/",
    "/v3/reference/tickers/",
];
/// The same with one more segment before the ticker.
const INDICATORS: &str = "/v1/indicators/";
const TICKERS: &str = "/v2/snapshot/locale/us/markets/stocks/tickers";
const GROUPED: &str = "/v2/aggs/grouped/";
const UNIVERSAL: &str = "/v3/snapshot";

fn plan(uri: &Uri, synthetic: &BTreeSet<Symbol>) -> Plan {
    let path = uri.path();
    let of_indicator = path.strip_prefix(INDICATORS).and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest);
    let of_ticker = OF_TICKER.iter().find_map(|start| path.strip_prefix(start)).or(of_indicator);
    if let Some(rest) = of_ticker {
        let ticker = percent_decode_str(rest.split('/').next().unwrap_or_default()).decode_utf8_lossy();
        return if is_synthetic(&ticker, synthetic) { Plan::Here } else { Plan::Upstream };
    }
    let query = parameters(uri);
    let value = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let all = |join| Plan::Both { here: without_key(uri), upstream: without_key(uri), join };
    match path {
        TICKERS => match value("tickers") {
            Some(tickers) => listed(uri, "tickers", tickers, synthetic, tickers_of_both),
            None => all(tickers_of_both),
        },
        UNIVERSAL => match (value("ticker.any_of"), value("ticker")) {
            (Some(tickers), _) => listed(uri, "ticker.any_of", tickers, synthetic, results_of_both),
            (None, Some(ticker)) if is_synthetic(ticker, synthetic) => Plan::Here,
            _ => Plan::Upstream,
        },
        "/v3/reference/tickers" if value("ticker").is_some_and(|ticker| is_synthetic(ticker, synthetic)) => Plan::Here,
        _ if path.starts_with(GROUPED) => all(results_of_both),
        _ => Plan::Upstream,
    }
}

/// A request that lists tickers under a name.
fn listed(uri: &Uri, name: &str, tickers: &str, synthetic: &BTreeSet<Symbol>, join: fn(Value, Value) -> Value) -> Plan {
    let (ours, theirs) = divided(tickers, synthetic);
    if theirs.is_empty() {
        return Plan::Here;
    }
    if ours.is_empty() {
        return Plan::Upstream;
    }
    let [here, upstream] = [ours, theirs].map(|tickers| target(uri, (name, &tickers), &[]));
    Plan::Both { here, upstream, join }
}

fn tickers_of_both(ours: Value, theirs: Value) -> Value {
    joined("tickers", ours, theirs)
}

fn results_of_both(ours: Value, theirs: Value) -> Value {
    joined("results", ours, theirs)
}

/// The vendor's answer with the entries of both in its list, and counts of both.
fn joined(list: &str, mut ours: Value, mut theirs: Value) -> Value {
    let more = theirs[list].take();
    let mut all = ours[list].take();
    extend(&mut all, more);
    theirs[list] = all;
    for count in ["count", "queryCount", "resultsCount"] {
        if let (Some(one), Some(other)) = (ours[count].as_u64(), theirs[count].as_u64()) {
            theirs[count] = (one + other).into();
        }
    }
    theirs
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_goes_where_its_tickers_are() {
        let synthetic = ["AAPL", "V"].iter().map(|symbol| symbol.parse().unwrap()).collect();
        let plan = |target: &str| plan(&target.parse().unwrap(), &synthetic);
        for here in [
            "/v2/aggs/ticker/AAPL/range/1/day/2026-03-02/2026-03-03",
            "/v2/aggs/ticker/aapl/prev",
            "/v3/trades/V?limit=1",
            "/v1/indicators/sma/V",
            "/v3/snapshot?ticker.any_of=AAPL,V",
            "/v3/reference/tickers?ticker=V",
        ] {
            assert!(matches!(plan(here), Plan::Here), "{here}");
        }
        for upstream in [
            "/v2/aggs/ticker/TECH/prev",
            "/v3/reference/tickers/BRK%2EB",
            "/v3/reference/tickers",
            "/v1/marketstatus/now",
            "/v3/snapshot?ticker.any_of=TECH",
            "/vX/anything",
        ] {
            assert!(matches!(plan(upstream), Plan::Upstream), "{upstream}");
        }
        let both = plan(&format!("{TICKERS}?tickers=V,TECH&include_otc=true"));
        let Plan::Both { here, upstream, .. } = both else { panic!("{both:?}") };
        assert_eq!(here, format!("{TICKERS}?include_otc=true&tickers=V"));
        assert_eq!(upstream, format!("{TICKERS}?include_otc=true&tickers=TECH"));
        let grouped = plan("/v2/aggs/grouped/locale/us/market/stocks/2026-03-02?adjusted=true&apiKey=k");
        let Plan::Both { here, .. } = grouped else { panic!("{grouped:?}") };
        assert_eq!(here, "/v2/aggs/grouped/locale/us/market/stocks/2026-03-02?adjusted=true");
        let Plan::Both { here, .. } = plan(TICKERS) else { panic!("all tickers are not of both") };
        assert_eq!(here, TICKERS);
    }

    #[test]
    fn counts_and_lists_are_of_both() {
        let ours = json!({"status": "OK", "resultsCount": 2, "results": [1, 2]});
        let theirs = json!({"status": "OK", "resultsCount": 1, "results": [3], "request_id": "x"});
        let both = joined("results", ours, theirs);
        assert_eq!(both, json!({"status": "OK", "resultsCount": 3, "results": [1, 2, 3], "request_id": "x"}));
        assert_eq!(joined("results", json!({}), json!({"results": [1]}))["results"], json!([1]));
        assert_eq!(joined("results", json!({"results": [1]}), json!({}))["results"], json!([1]));
    }
}
