//! Trades and quotes over REST: rolled up they are the database's bars.

use serde_json::Value;

use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::programs::eventually;

fn price(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// Trades of one minute as [`Database::bars`] gives a bar.
fn rolled(trades: &[&Value], start: i64) -> String {
    let prices: Vec<f64> = trades.iter().map(|trade| price(&trade["price"])).collect();
    let high = prices.iter().copied().fold(f64::MIN, f64::max);
    let low = prices.iter().copied().fold(f64::MAX, f64::min);
    let volume: i64 = trades.iter().map(|trade| trade["volume"].as_i64().unwrap()).sum();
    format!("{start} {:.2} {high:.2} {low:.2} {:.2} {volume}", prices[0], prices[prices.len() - 1])
}

fn minute_of(tick: &Value) -> i64 {
    tick["timestamp"].as_i64().unwrap() / 60_000_000_000 * 60
}

on_every_backend! {
    fn trades_roll_up_to_the_bars_of_the_database(database: &Database) {
        let api = database.filled().api("");
        let whole = api.pages("/api/v2/trades/JPM?start=2026-03-03&end=2026-03-03&limit=10000");
        assert!(whole.windows(2).all(|pair| pair[0]["id"].as_u64() < pair[1]["id"].as_u64()));
        assert!(whole.windows(2).all(|pair| pair[0]["timestamp"].as_i64() < pair[1]["timestamp"].as_i64()));
        let start = crate::support::market_builder::at("2026-03-03 00:00:00");
        let stored = database.bars(&format!("symbol = 'JPM' AND interval = '1m' AND time >= {start}"));
        let minutes: Vec<&[Value]> = whole.chunk_by(|a, b| minute_of(a) == minute_of(b)).collect();
        let bars: Vec<String> =
            minutes.iter().map(|trades| rolled(&trades.iter().collect::<Vec<_>>(), minute_of(&trades[0]))).collect();
        assert_eq!(bars, stored);
        // In other pages, and from the end, they are the same.
        assert_eq!(api.pages("/api/v2/trades/JPM?start=2026-03-03&end=2026-03-03&limit=997"), whole);
        assert_eq!(api.data("/api/v2/trades/JPM?limit=500").as_array().unwrap()[..], whole[whole.len() - 500..]);
        let second = whole[1000]["timestamp"].as_i64().unwrap() / 1_000_000_000;
        let within: Vec<&Value> =
            whole.iter().filter(|trade| trade["timestamp"].as_i64().unwrap() / 1_000_000_000 == second).collect();
        let asked = api.pages(&format!("/api/v2/trades/JPM?start={second}&end={second}&limit=10"));
        assert_eq!(asked.iter().collect::<Vec<_>>(), within);
        // There is a quote before each trade, and the trade is at its bid or its ask.
        let quotes = api.pages("/api/v2/quotes/JPM?start=2026-03-03&end=2026-03-03&limit=10000");
        for quote in &quotes {
            assert!(price(&quote["bid"]) < price(&quote["ask"]), "{quote}");
        }
        for trade in &whole {
            let quote = &quotes[quotes.binary_search_by_key(&trade["id"].as_u64(), |quote| quote["id"].as_u64()).unwrap()];
            let side = if trade["side"] == "buy" { "ask" } else { "bid" };
            assert_eq!(trade["price"], quote[side]);
            assert!(quote["timestamp"].as_i64() < trade["timestamp"].as_i64());
        }
        // The last quote is what stands.
        let (last, standing) = (quotes.last().unwrap(), api.data("/api/v2/quote/JPM"));
        for name in ["bid", "bid_size", "ask", "ask_size"] {
            assert_eq!(standing[name], last[name], "{name}");
        }
    }

    fn the_open_minute_is_sent_before_it_is_written_and_equals_it(database: &Database) {
        database.filled();
        let api = database.api("");
        let mut generator = database.market_generator("--test --speed 30").spawn();
        generator.until_minutes(1, database);
        // Trades after the last bar, as the clock goes on.
        let mut sent = Vec::new();
        eventually("some ticks of the open minute have come", || {
            let latest = api.data("/api/v2/trades/V?limit=20").as_array().unwrap().clone();
            let open = latest.last().map(minute_of).unwrap();
            sent = latest.into_iter().filter(|trade| minute_of(trade) == open).collect();
            open > database.last_minute() && sent.len() > 5
        });
        let start = minute_of(&sent[0]);
        generator.until_minutes(2, database);
        generator.terminate().succeeded();
        let written = api.pages(&format!("/api/v2/trades/V?start={start}&end={}", start + 59));
        for trade in &sent {
            assert!(written.contains(trade), "{trade} was sent and is not in the answer");
        }
        let bar = database.bars(&format!("symbol = 'V' AND interval = '1m' AND time = {start}"));
        assert_eq!([rolled(&written.iter().collect::<Vec<_>>(), start)], bar[..]);
    }
}
