//! Which of Alpaca's requests the vendor answers.

use std::collections::BTreeSet;

use axum::http::Uri;
use serde_json::Value;

use crate::relay::Vendor;
use crate::serve::kit::relaying::{
    PageNames, Pages, Plan, RelayRules, divided, extend, is_synthetic, parameters, target,
};
use klined_market::base::Symbol;

/// The dialect's rules.
pub const RELAY: RelayRules =
    RelayRules { vendor: Vendor::Alpaca, plan, others: &["/v1beta1/{*path}", "/v1beta2/{*path}", "/v1beta3/{*path}"] };

const STOCKS: &str = "/v2/stocks/";
/// What stands where a symbol may stand, and is none.
const COLLECTIONS: [&str; 6] = ["bars", "trades", "quotes", "snapshots", "auctions", "meta"];
const NAMES: PageNames = PageNames { next: "next_page_token", token: "page_token", limit: "limit" };
/// Entries of a page where a request does not say how many.
const LIMIT_USUAL: usize = 1_000;

fn plan(uri: &Uri, synthetic: &BTreeSet<Symbol>) -> Plan {
    let path = uri.path();
    let Some(rest) = path.strip_prefix(STOCKS) else {
        // Clock and calendar are the market's.
        return if path.starts_with("/v2/") { Plan::Here } else { Plan::Upstream };
    };
    let first = rest.split('/').next().unwrap_or_default();
    if !COLLECTIONS.contains(&first) {
        return if is_synthetic(first, synthetic) { Plan::Here } else { Plan::Upstream };
    }
    let query = parameters(uri);
    let value = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let Some(symbols) = value("symbols") else { return Plan::Upstream };
    let (ours, theirs) = divided(symbols, synthetic);
    if theirs.is_empty() {
        return Plan::Here;
    }
    if ours.is_empty() {
        return Plan::Upstream;
    }
    if rest.ends_with("/latest") {
        let [here, upstream] = [ours, theirs].map(|symbols| target(uri, ("symbols", &symbols), &[]));
        return Plan::Both { here, upstream, join: latest };
    }
    if first == "snapshots" {
        let [here, upstream] = [ours, theirs].map(|symbols| target(uri, ("symbols", &symbols), &[]));
        return Plan::Both { here, upstream, join: snapshots };
    }
    let left_out = [NAMES.token, NAMES.limit];
    let [here, upstream] = [ours, theirs].map(|symbols| target(uri, ("symbols", &symbols), &left_out));
    let token = value(NAMES.token).filter(|token| !token.is_empty()).map(str::to_owned);
    // A limit that is none is refused here, where the first page is made.
    let Ok(limit) = value(NAMES.limit).map_or(Ok(LIMIT_USUAL), str::parse) else { return Plan::Here };
    Plan::Paged(Pages { here, upstream, lists: first.to_owned(), names: NAMES, limit, token })
}

/// Lists by symbol are under one name.
fn latest(mut ours: Value, theirs: Value) -> Value {
    if let (Value::Object(ours), Value::Object(theirs)) = (&mut ours, theirs) {
        for (name, more) in theirs {
            extend(ours.entry(name).or_insert(Value::Null), more);
        }
    }
    ours
}

/// Symbols stand at the top.
fn snapshots(mut ours: Value, theirs: Value) -> Value {
    extend(&mut ours, theirs);
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_where_its_symbols_are() {
        let synthetic = ["AAPL", "V"].iter().map(|symbol| symbol.parse().unwrap()).collect();
        let plan = |target: &str| plan(&target.parse().unwrap(), &synthetic);
        for here in [
            "/v2/clock",
            "/v2/stocks/AAPL/bars?timeframe=1Min",
            "/v2/stocks/bars?symbols=AAPL%2CV",
            "/v2/stocks/snapshots?symbols=V",
        ] {
            assert!(matches!(plan(here), Plan::Here), "{here}");
        }
        for upstream in [
            "/v1beta1/news",
            "/v2/stocks/TECH/snapshot",
            "/v2/stocks/bars?symbols=TECH,MSFT",
            "/v2/stocks/meta/exchanges",
        ] {
            assert!(matches!(plan(upstream), Plan::Upstream), "{upstream}");
        }
        let both = plan("/v2/stocks/quotes/latest?symbols=TECH,V&feed=iex");
        let Plan::Both { here, upstream, .. } = both else { panic!("{both:?}") };
        assert_eq!(here, "/v2/stocks/quotes/latest?feed=iex&symbols=V");
        assert_eq!(upstream, "/v2/stocks/quotes/latest?feed=iex&symbols=TECH");
        let paged = plan("/v2/stocks/bars?symbols=TECH,V&limit=7&page_token=here.x&timeframe=1Min");
        let Plan::Paged(pages) = paged else { panic!("{paged:?}") };
        assert_eq!((pages.limit, pages.token.as_deref(), pages.lists.as_str()), (7, Some("here.x"), "bars"));
        assert_eq!(pages.here, "/v2/stocks/bars?timeframe=1Min&symbols=V");
    }
}
