//! Every value that REST gives is the database's.

use klined_market::base::UnixSeconds;
use serde_json::Value;

use crate::on_every_backend;
use crate::support::api::rows;
use crate::support::database::Database;
use crate::support::{SHANGHAI, date};

const INTERVALS: [&str; 9] = ["1m", "5m", "15m", "30m", "60m", "120m", "1d", "1w", "1M"];

on_every_backend! {
    fn bars_are_those_of_the_database(database: &Database) {
        let api = database.filled().api("");
        for interval in INTERVALS {
            let stored = database.bars(&format!("symbol = 'AAPL' AND interval = '{interval}'"));
            let path = format!("/api/v2/bars/AAPL?timeframe={interval}");
            assert_eq!(rows(&api.pages(&format!("{path}&limit=5000&start=0"))), stored, "{interval}");
            // Page after page in both directions it is the same.
            assert_eq!(rows(&api.pages(&format!("{path}&limit=77&start=2026-03-02"))), stored, "{interval}");
            let mut backwards = rows(&api.pages(&format!("{path}&limit=77&order=desc")));
            backwards.reverse();
            assert_eq!(backwards, stored, "{interval}");
            // The latest, twice: once made and once ready.
            let latest = &stored[stored.len().saturating_sub(5)..];
            for _ in 0..2 {
                assert_eq!(rows(api.data(&format!("{path}&limit=5")).as_array().unwrap()), latest, "{interval}");
                let klines = api.body(&format!("/api/klines?symbol=AAPL&interval={interval}&limit=5"));
                assert_eq!(rows(klines.as_array().unwrap()), latest);
                assert_eq!((klines[0]["symbol"].as_str(), klines[0]["interval"].as_str()), (Some("AAPL"), Some(interval)));
            }
        }
        let day = SHANGHAI.open_of(date("2026-03-03")).unwrap().start().get();
        let condition = format!("symbol = 'V' AND interval = '1m' AND time <= {}", day - 1);
        for end in ["2026-03-02", "2026-03-02T15:00:00%2B08:00", "2026-03-02T07:00:00Z", &(day - 1).to_string()] {
            assert_eq!(rows(&api.pages(&format!("/api/v2/history/V?start=2026-01-01&end={end}"))), database.bars(&condition));
        }
        // A bar that starts at either bound is among them.
        let (open, last) = (SHANGHAI.open_of(date("2026-03-02")).unwrap().start(), day - 66_660);
        let condition = format!("symbol = 'V' AND interval = '1m' AND time >= {open} AND time <= {last}");
        for order in ["asc", "desc"] {
            let mut bars = rows(&api.pages(&format!("/api/v2/bars/V?start={open}&end={last}&limit=100&order={order}")));
            if order == "desc" {
                bars.reverse();
            }
            assert_eq!((bars.len(), &bars), (240, &database.bars(&condition)), "{order}");
        }
        assert_eq!(rows(&api.pages(&format!("/api/v2/bars/V?start={last}&end={last}"))).len(), 1);
        // What was read is read anew once it has been changed.
        database.execute("UPDATE market_klines SET volume = volume + 1 WHERE symbol = 'AAPL' AND interval = '1m'");
        let latest = || rows(api.data("/api/v2/bars/AAPL?limit=5").as_array().unwrap());
        let stored = database.bars("symbol = 'AAPL' AND interval = '1m'");
        crate::support::programs::eventually("the change is seen", || latest() == stored[stored.len() - 5..]);
    }

    fn empty_minutes_are_left_out_or_filled(database: &Database) {
        let place = database.directory.path();
        let halt = "name = \"lunch\"\n[[event]]\nsymbol = \"AAPL\"\nkind = \"halt\"\nfrom = \"2026-03-02 10:00\"\nuntil = \"2026-03-02 13:10\"\n";
        std::fs::write(place.join("halt.toml"), halt).unwrap();
        let words = "--from 2026-03-02 --to 2026-03-03 --scenario halt.toml";
        database.market_backfill(words).run().succeeded();
        let api = database.api("");
        let stored = database.bars("symbol = 'AAPL' AND interval = '1m'");
        assert_eq!(stored.len(), 480 - 100);
        assert_eq!(rows(&api.pages("/api/v2/bars/AAPL?limit=100&start=0")), stored);
        // Ascending, descending, and the latest: the same 480.
        let filled = rows(&api.pages("/api/v2/bars/AAPL?limit=100&start=0&fill=fill"));
        assert_eq!(filled.len(), 480);
        let mut backwards = rows(&api.pages("/api/v2/bars/AAPL?limit=100&order=desc&fill=fill"));
        backwards.reverse();
        assert_eq!(backwards, filled);
        assert_eq!(rows(api.data("/api/v2/bars/AAPL?limit=5000&fill=fill").as_array().unwrap()), filled);
        let minutes = ["2026-03-02", "2026-03-03"].map(|day| SHANGHAI.minutes_of(date(day)).collect::<Vec<_>>()).concat();
        let mut close = String::new();
        for (minute, row) in minutes.iter().zip(&filled) {
            let start = minute.start().to_string();
            match stored.iter().find(|bar| bar.starts_with(&start)) {
                Some(bar) => {
                    assert_eq!(row, bar);
                    close = bar.split(' ').nth(4).unwrap().to_owned();
                }
                None => assert_eq!(*row, format!("{start} {close} {close} {close} {close} 0")),
            }
        }
        // The two buckets of half an hour from 10:00 on, and two from 10:30 to 11:30.
        let halves = rows(&api.pages("/api/v2/bars/AAPL?timeframe=30m&start=0&fill=fill"));
        assert_eq!((halves.len(), halves.iter().filter(|row| row.ends_with(" 0")).count()), (16, 3));
    }

    fn a_label_may_be_the_end(database: &Database) {
        let api = database.filled().api("");
        let times = |path: &str| -> Vec<i64> {
            api.data(path).as_array().unwrap().iter().map(|bar| bar["time"].as_i64().unwrap()).collect()
        };
        for (interval, day, ends) in [
            ("60m", "2026-03-02", vec!["10:30", "11:30", "14:00", "15:00"]),
            ("120m", "2026-03-03", vec!["11:30", "15:00"]),
            ("1d", "2026-03-03", vec!["15:00"]),
        ] {
            let path = format!("/api/v2/bars/AAPL?timeframe={interval}&start={day}&end={day}&label=end");
            let at = |time: &&str| crate::support::market_builder::at(&format!("{day} {time}:00")).get();
            assert_eq!(times(&path), ends.iter().map(at).collect::<Vec<_>>(), "{interval}");
        }
    }

    fn tickers_are_the_stocks_with_their_prices(database: &Database) {
        let api = database.filled().api("");
        let sql = format!(
            "SELECT m.symbol || '|' || m.name || '|' || m.sector || '|' || {} || '|' || p.volume || '|' || s.last_update \
             AS text FROM stock_metadata m JOIN stock_state s ON s.symbol = m.symbol \
             JOIN stock_realtime_price p ON p.symbol = m.symbol",
            database.decimal("s.current_price")
        );
        let mut stored = database.column(&sql);
        stored.sort();
        let names = ["symbol", "name", "sector", "price", "volume", "last_update"];
        let shown = |row: &Value| names.map(|name| row[name].to_string().trim_matches('"').to_owned()).join("|");
        let all = api.data("/api/v2/tickers");
        assert_eq!(all.as_array().unwrap().iter().map(shown).collect::<Vec<_>>(), stored);
        for row in all.as_array().unwrap() {
            let sql = "SELECT CAST(change_percent AS text) AS text FROM stock_realtime_price WHERE symbol";
            let stored: f64 = database.value(&format!("{sql} = '{}'", row["symbol"].as_str().unwrap())).parse().unwrap();
            assert_eq!(row["change_percent"].as_f64(), Some(stored));
        }
        // Pages of three.
        let (mut pages, mut after) = (Vec::new(), String::new());
        loop {
            let body = api.body(&format!("/api/v2/tickers?limit=3{after}"));
            pages.extend(body["data"].as_array().unwrap().iter().map(shown));
            let Some(next) = body["meta"]["next_after"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(pages, stored);
        let symbols = |path: &str| -> Vec<String> {
            api.data(path).as_array().unwrap().iter().map(|row| row["symbol"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(symbols("/api/v2/tickers?search=am"), ["AMZN"]);
        assert_eq!(symbols("/api/v2/tickers?search=platforms"), ["META"]);
        assert_eq!(symbols("/api/v2/tickers?sector=finance"), ["BRK.B", "JPM", "V"]);
        assert!(symbols("/api/v2/tickers?search=nobody").is_empty());
    }

    fn a_quote_and_figures_are_sums_of_the_minutes(database: &Database) {
        let api = database.filled().api("");
        let open = SHANGHAI.open_of(date("2026-03-03")).unwrap().start().get();
        let of = |from: i64| format!("FROM market_klines WHERE symbol = 'NVDA' AND interval = '1m' AND time >= {from}");
        let value = |column: &str, from: i64| {
            database.value(&format!("SELECT {} AS text {}", database.decimal(column), of(from)))
        };
        let edge = |column: &str, from: i64, order: &str| {
            let column = database.decimal(column);
            database.value(&format!("SELECT {column} AS text {} ORDER BY time {order} LIMIT 1", of(from)))
        };
        let volume = |from: i64| database.value(&format!("SELECT CAST(sum(volume) AS text) AS text {}", of(from)));
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let check = |body: &Value, from: i64, close: &str| {
            assert_eq!(text(&body["open"]), edge("open", from, "ASC"));
            assert_eq!(text(&body["high"]), value("max(high)", from));
            assert_eq!(text(&body["low"]), value("min(low)", from));
            assert_eq!(text(&body[close]), edge("close", from, "DESC"));
            assert_eq!(text(&body["volume"]), volume(from));
        };
        let quote = api.data("/api/v2/quote/NVDA");
        check(&quote, open, "price");
        let sql = format!("SELECT {} AS text FROM market_klines WHERE symbol = 'NVDA' AND interval = '1m' AND time < {open} ORDER BY time DESC LIMIT 1", database.decimal("close"));
        let previous = database.value(&sql);
        assert_eq!(text(&quote["previous_close"]), previous);
        let change = text(&quote["price"]).parse::<f64>().unwrap() - previous.parse::<f64>().unwrap();
        assert_eq!(text(&quote["change"]), format!("{change:.2}"));
        let stored = database.value("SELECT CAST(change_percent AS text) AS text FROM stock_realtime_price WHERE symbol = 'NVDA'");
        assert_eq!(quote["change_percent"].as_f64(), stored.parse().ok());
        for (period, from, bars) in [
            ("1h", SHANGHAI.minute_of(date("2026-03-03"), 180).unwrap().start().get(), 60),
            ("1d", open, 240),
            ("7d", 0, 480),
            ("30d", 0, 480),
        ] {
            let figures = api.data(&format!("/api/v2/stats/NVDA?period={period}"));
            check(&figures, from, "close");
            assert_eq!(figures["bars"], bars, "{period}");
            let sql = format!("SELECT CAST(close AS text) AS text {} ORDER BY time", of(from));
            let closes: Vec<f64> = database.column(&sql).iter().map(|close| close.parse().unwrap()).collect();
            let mean = closes.iter().sum::<f64>() / closes.len() as f64;
            assert_eq!(text(&figures["mean"]), format!("{mean:.2}"));
            let squares: f64 = closes.windows(2).map(|pair| (pair[1] / pair[0]).ln().powi(2)).sum();
            let volatility = (squares * 240.0 / (closes.len() - 1) as f64).sqrt();
            assert!((figures["volatility"].as_f64().unwrap() - volatility).abs() < 1e-12);
        }
    }

    fn the_state_is_the_generators(database: &Database) {
        let api = database.filled().api("");
        assert_eq!(api.data("/api/v2/status")["pace"], Value::Null);
        let mut generator = database.market_generator("--test --speed 600").spawn();
        generator.until_minutes(5, database);
        generator.terminate().succeeded();
        let open = |status: &Value| status["open_minute"].as_i64();
        let stored = database.value("SELECT CAST(open_minute AS text) AS text FROM market_clock");
        crate::support::programs::eventually("the last minute is seen", || {
            open(&api.data("/api/v2/status")) == stored.parse().ok()
        });
        let status = api.data("/api/v2/status");
        assert_eq!((status["pace"].as_str(), status["speed"].as_f64()), (Some("test"), Some(600.0)));
        assert_eq!(status["last_bar"], database.last_minute());
        assert_eq!(status["tickers"], 10);
        assert_eq!(status["market_time"], database.last_minute() + 60);
        // Nobody writes any more: the market stands at the end of its open minute.
        let end = (open(&status).unwrap() + 60) * 1000;
        crate::support::programs::eventually("the minute is over", || api.data("/api/v2/status")["now"] == end);
        let session = database.value("SELECT current_session AS text FROM market_status");
        assert_eq!(status["session"], session);
        assert_eq!(api.body("/health")["market_time"], database.last_minute() + 60);
    }

    fn the_truth_is_what_the_bars_were_made_of(database: &Database) {
        let event = "name = \"gloom\"\n[[event]]\nsymbol = \"AAPL\"\nkind = \"regime\"\nregime = \"bear\"\n\
                     from = \"2026-03-03 10:00\"\nuntil = \"2026-03-03 10:45\"\n";
        std::fs::write(database.directory.path().join("gloom.toml"), event).unwrap();
        let words = "--from 2026-03-02 --to 2026-03-03 --scenario gloom.toml";
        database.market_backfill(words).run().succeeded();
        let api = database.api("");
        let truth = |symbol: &str| api.data(&format!("/api/v2/truth/{symbol}?start=2026-03-03&end=2026-03-03"));
        let number = |value: &Value| value.as_i64().unwrap();
        let instant = |value: &Value| UnixSeconds::new(number(value));
        let at = |time: &str| crate::support::market_builder::at(&format!("2026-03-03 {time}:00")).get();
        for symbol in ["AAPL", "V"] {
            let answer = truth(symbol);
            assert_eq!(answer["exact"], true);
            let spans = answer["regimes"].as_array().unwrap();
            let minutes = spans.iter().map(|span| SHANGHAI.minutes_between(instant(&span["from"]), instant(&span["until"])));
            assert_eq!(minutes.sum::<u64>(), 240);
            assert_eq!((number(&spans[0]["from"]), number(&spans[spans.len() - 1]["until"])), (at("09:30"), at("15:00")));
            assert!(spans.windows(2).all(|pair| pair[0]["regime"] != pair[1]["regime"]));
            let state = database.value(&format!("SELECT market_state AS text FROM stock_state WHERE symbol = '{symbol}'"));
            assert_eq!(spans[spans.len() - 1]["regime"], state);
        }
        // Made from the listing on, the last day is the same.
        let whole = api.data("/api/v2/truth/AAPL?start=2026-03-02&end=2026-03-03");
        let regime_at = |answer: &Value, minute: i64| {
            let spans = answer["regimes"].as_array().unwrap();
            spans.iter().find(|span| (number(&span["from"])..number(&span["until"])).contains(&minute)).unwrap()["regime"].clone()
        };
        assert_eq!(whole["exact"], true);
        assert!(SHANGHAI.minutes_of(date("2026-03-02")).all(|minute| regime_at(&whole, minute.start().get()).is_string()));
        let answer = truth("AAPL");
        for minute in SHANGHAI.minutes_of(date("2026-03-03")) {
            assert_eq!(regime_at(&answer, minute.start().get()), regime_at(&whole, minute.start().get()));
        }
        let forced = answer["regimes"].as_array().unwrap().iter().find(|span| {
            number(&span["from"]) <= at("10:00") && number(&span["until"]) >= at("10:45")
        });
        assert_eq!(forced.unwrap()["regime"], "bear");
        let event = &answer["events"][0];
        assert_eq!((&event["scenario"], &event["kind"], &event["scope"]), (&"gloom".into(), &"regime".into(), &"symbol AAPL".into()));
        assert_eq!((number(&event["from"]), number(&event["until"])), (at("10:00"), at("10:45")));
        assert_eq!(truth("V")["events"], Value::Array(vec![]));
        // What somebody changed by hand is not what was made.
        let bar = format!("symbol = 'V' AND interval = '1m' AND time = {}", at("10:00"));
        database.execute(&format!("UPDATE market_klines SET volume = volume + 1 WHERE {bar}"));
        assert_eq!((&truth("V")["exact"], &truth("AAPL")["exact"]), (&Value::Bool(false), &Value::Bool(true)));
        assert_eq!(api.get("/api/v2/truth/AAPL?start=2026-01-01&end=2026-03-03").code(), "invalid_request");
    }
}
