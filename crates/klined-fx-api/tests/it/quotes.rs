//! Quotes: as many as the bars say, in pages, the last one, conversions and snapshots.

use klined_fx::base::Hours;
use serde_json::Value;

use super::{Api, FRIDAY, SATURDAY};

#[test]
fn a_bars_volume_is_the_number_of_its_quotes() {
    let api = Api::at(SATURDAY, Hours::Week);
    for pair in ["EURUSD", "USDJPY", "USDTRY"] {
        let (from, to) = (FRIDAY * 1_000_000_000, (FRIDAY + 300) * 1_000_000_000);
        let query = format!("timestamp.gte={from}&timestamp.lt={to}");
        let (whole, pages) = api.all(&format!("/v3/quotes/C:{pair}?{query}&order=asc&limit=50000"));
        let (bars, _) =
            api.all(&format!("/v2/aggs/ticker/C:{pair}/range/1/minute/{}/{}", FRIDAY * 1000, (FRIDAY + 299) * 1000));
        let volume: i64 = bars.iter().map(|bar| bar["v"].as_i64().unwrap()).sum();
        assert_eq!((bars.len(), volume, pages), (5, whole.len() as i64, 1), "{pair}");
        let time = |quote: &Value| quote["participant_timestamp"].as_i64().unwrap();
        assert!(whole.windows(2).all(|two| time(&two[0]) < time(&two[1])), "{pair}");
        assert!(whole.iter().all(|quote| (from..to).contains(&time(quote))), "{pair}");
        assert!(whole.iter().all(|quote| quote["bid_price"].as_f64() < quote["ask_price"].as_f64()), "{pair}");
        let (paged, pages) = api.all(&format!("/v3/quotes/C:{pair}?{query}&order=asc&limit=100"));
        assert_eq!((&paged, pages), (&whole, whole.len().div_ceil(100)), "{pair}");
        let (mut backwards, _) = api.all(&format!("/v3/quotes/C:{pair}?{query}&limit=100"));
        backwards.reverse();
        assert_eq!(backwards, whole, "{pair}");
    }
}

#[test]
fn the_last_quote_of_a_closed_market_is_fridays() {
    let api = Api::at(SATURDAY, Hours::Week);
    let newest = &api.get("/v3/quotes/C:EURUSD?limit=1")["results"][0];
    let last = api.get("/v1/last_quote/currencies/EUR/USD");
    assert_eq!((&last["symbol"], &last["status"]), (&"EUR/USD".into(), &"success".into()));
    let last = &last["last"];
    assert_eq!([&last["bid"], &last["ask"]], [&newest["bid_price"], &newest["ask_price"]]);
    let friday_21 = 1_752_267_600_000;
    assert!((friday_21 - 60_000..friday_21).contains(&last["timestamp"].as_i64().unwrap()), "{last}");
    let (bid, ask) = (last["bid"].as_f64().unwrap(), last["ask"].as_f64().unwrap());
    let converted = api.get("/v1/conversion/EUR/USD?amount=100&precision=4");
    assert_eq!(converted["converted"].as_f64(), Some((bid * 1e6).round() / 1e4));
    let inverse = &api.get("/v1/last_quote/currencies/USD/EUR")["last"];
    assert!((inverse["ask"].as_f64().unwrap() * bid - 1.0).abs() < 1e-7, "{inverse}");
    assert!((inverse["bid"].as_f64().unwrap() * ask - 1.0).abs() < 1e-7, "{inverse}");
    // No pair has both: it goes through the dollar.
    let cross = &api.get("/v1/conversion/SEK/MXN?amount=10")["last"];
    assert!(cross["bid"].as_f64() < cross["ask"].as_f64() && cross["bid"].as_f64() > Some(0.5), "{cross}");
    let snapshot = &api.get("/v2/snapshot/locale/global/markets/forex/tickers/C:EURUSD")["ticker"];
    assert_eq!([&snapshot["lastQuote"]["b"], &snapshot["lastQuote"]["a"]], [&last["bid"], &last["ask"]]);
    let days = api.all("/v2/aggs/ticker/C:EURUSD/range/1/day/2025-07-10/2025-07-11").0;
    for (name, bar) in [("prevDay", &days[0]), ("day", &days[1])] {
        assert!(["o", "h", "l", "c", "v", "vw"].iter().all(|key| snapshot[name][key] == bar[key]), "{snapshot} {bar}");
    }
    let all = api.get("/v2/snapshot/locale/global/markets/forex/tickers");
    assert_eq!(all["tickers"].as_array().unwrap().len(), 30);
    let some = api.get("/v2/snapshot/locale/global/markets/forex/tickers?tickers=C:EURUSD,C:USDJPY,X:BTCUSD");
    assert_eq!(some["tickers"].as_array().unwrap().len(), 2);
    let movers =
        |direction: &str| api.get(&format!("/v2/snapshot/locale/global/markets/forex/{direction}"))["tickers"].clone();
    assert!(movers("gainers").as_array().unwrap().iter().all(|row| row["todaysChange"].as_f64() > Some(0.0)));
    assert!(movers("losers").as_array().unwrap().iter().all(|row| row["todaysChange"].as_f64() < Some(0.0)));
    assert_eq!(api.get("/v1/marketstatus/now")["currencies"]["fx"], "closed");
}

#[test]
fn all_pairs_are_listed_in_pages() {
    let api = Api::at(SATURDAY, Hours::Week);
    let (whole, _) = api.all("/v3/reference/tickers?market=fx");
    let (paged, pages) = api.all("/v3/reference/tickers?market=fx&limit=7");
    assert_eq!((paged.len(), pages, &paged), (30, 5, &whole));
    assert!(whole.iter().any(|row| row["ticker"] == "C:EURUSD" && row["name"] == "Euro - United States Dollar"));
    assert_eq!(api.all("/v3/reference/tickers?market=stocks").0.len(), 0);
    assert_eq!(api.all("/v3/reference/tickers?search=yen").0.len(), 6);
    assert_eq!(api.get("/v3/reference/tickers/C:EURUSD")["results"]["base_currency_symbol"], "EUR");
}
