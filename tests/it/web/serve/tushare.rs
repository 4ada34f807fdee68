//! Tushare Pro's dialect: its rows are the database's, and what is wrong is refused in the vendor's shape.

use serde_json::{Value, json};

use super::guarding::key;
use crate::on_every_backend;
use crate::support::api::Api;
use crate::support::database::{Backend, Database};

const STOCKS: &str = "symbol,name,sector,base_price,base_volatility,board\n\
    600000,浦发银行,Banks,10.00,0.02,main\n300750,宁德时代,Industry,250.00,0.03,chinext\nAAPL,Apple,Technology,150.00,0.02,free\n";

fn market(database: &Database) -> Api {
    std::fs::write(database.directory.path().join("codes.csv"), STOCKS).unwrap();
    database.market_backfill("--universe codes.csv --from 2026-02-24 --to 2026-03-04").run().succeeded();
    database.api("")
}

/// The answer of an API.
fn call(api: &Api, name: &str, params: &Value, fields: &str) -> Value {
    let body = json!({"api_name": name, "token": "any", "params": params, "fields": fields});
    let reply = api.post(&format!("/tushare/{name}"), &body.to_string());
    assert_eq!(reply.status, 200, "{name}: {}", reply.text);
    reply.json()
}

/// The rows of an API's answer, which must be one.
fn items(api: &Api, name: &str, params: &Value, fields: &str) -> Vec<Vec<Value>> {
    let answer = call(api, name, params, fields);
    assert_eq!((&answer["code"], &answer["msg"]), (&json!(0), &Value::Null), "{name}: {answer}");
    serde_json::from_value(answer["data"]["items"].clone()).unwrap()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

on_every_backend! {
    fn days_and_minutes_are_those_of_the_database(database: &Database) {
        let api = market(database);
        let stored = database.bars("symbol = '600000' AND interval = '1d'");
        let daily = items(&api, "daily", &json!({"ts_code": "600000.SH"}), "");
        assert_eq!(daily.len(), stored.len());
        for (place, (row, bar)) in daily.iter().rev().zip(&stored).enumerate() {
            let parts: Vec<f64> = bar.split(' ').map(number).collect();
            assert_eq!(row[0], "600000.SH");
            let prices = [2, 3, 4, 5].map(|column| row[column].as_f64().unwrap());
            assert_eq!(prices[..], parts[1..5], "{row:?}");
            // Lots, and changes against the close before.
            assert_eq!(row[9].as_f64().unwrap(), parts[5] / 100.0, "{row:?}");
            match place {
                0 => assert_eq!((&row[6], &row[7]), (&Value::Null, &Value::Null)),
                _ => {
                    let before = number(stored[place - 1].split(' ').nth(4).unwrap());
                    assert_eq!(row[6].as_f64(), Some(before));
                    assert!((row[7].as_f64().unwrap() - (parts[4] - before)).abs() < 1e-9);
                    assert!((row[8].as_f64().unwrap() - (parts[4] / before - 1.0) * 100.0).abs() < 6e-5);
                }
            }
        }
        let dates: Vec<&Value> = daily.iter().map(|row| &row[1]).collect();
        assert_eq!(json!(dates), json!(["20260304", "20260303", "20260302", "20260227", "20260226", "20260225", "20260224"]));
        // A day of all stocks, in order of symbol; a page of it; and a span.
        let day = items(&api, "daily", &json!({"trade_date": "20260303"}), "ts_code,close");
        assert_eq!(day.iter().map(|row| &row[0]).collect::<Vec<_>>(), ["300750.SZ", "600000.SH", "AAPL"]);
        assert_eq!(items(&api, "daily", &json!({"trade_date": "20260303", "offset": 1, "limit": 1}), "ts_code,close"), day[1..2]);
        assert_eq!(items(&api, "daily", &json!({"ts_code": "600000.SH", "offset": 2, "limit": 3}), ""), daily[2..5]);
        let span = json!({"ts_code": "600000.SH", "start_date": "20260225", "end_date": "20260228"});
        assert_eq!(items(&api, "daily", &span, ""), daily[3..6]);
        assert_eq!(items(&api, "daily", &json!({"ts_code": "600000.SZ"}), ""), Vec::<Vec<Value>>::new());
        // Weeks and months are named by their last trading day.
        let weeks = items(&api, "weekly", &json!({"ts_code": "600000.SH"}), "trade_date,open,vol");
        let stored = database.bars("symbol = '600000' AND interval = '1w'");
        let expected = |bar: &String, date: &str| {
            let parts: Vec<f64> = bar.split(' ').map(number).collect();
            vec![json!(date), json!(parts[1]), json!(parts[5] / 100.0)]
        };
        assert_eq!(weeks, [expected(&stored[1], "20260306"), expected(&stored[0], "20260227")]);
        assert_eq!(items(&api, "weekly", &json!({"trade_date": "20260227"}), "ts_code").len(), 3);
        assert_eq!(items(&api, "monthly", &json!({"ts_code": "AAPL"}), "trade_date"), [["20260331"], ["20260227"]]);
        // Minutes are named by their end, and count shares.
        for (freq, interval, first, count) in [("1min", "1m", "09:31:00", 240), ("30min", "30m", "10:00:00", 8), ("60min", "60m", "10:30:00", 4)] {
            let asked = json!({"ts_code": "600000.SH", "freq": freq, "start_date": "2026-03-03 09:00:00", "end_date": "2026-03-03 19:00:00"});
            let rows = items(&api, "stk_mins", &asked, "");
            let stored = database.bars(&format!("symbol = '600000' AND interval = '{interval}'"));
            // The day before the last one.
            let day = &stored[stored.len() - 2 * count..stored.len() - count];
            assert_eq!((rows.len(), &rows[count - 1][1]), (count, &json!(format!("2026-03-03 {first}"))));
            assert_eq!(rows[0][1], "2026-03-03 15:00:00");
            for (row, bar) in rows.iter().rev().zip(day) {
                let parts: Vec<f64> = bar.split(' ').map(number).collect();
                let shown = [2, 4, 5, 3, 6].map(|column| row[column].as_f64().unwrap());
                assert_eq!(shown[..], parts[1..], "{freq} {row:?}");
            }
            let asked = json!({"ts_code": "600000.SH", "freq": freq, "start_date": format!("2026-03-03 {first}"), "end_date": format!("2026-03-03 {first}")});
            assert_eq!(items(&api, "stk_mins", &asked, ""), [rows[count - 1].clone()]);
            let page = json!({"ts_code": "600000.SH", "freq": freq, "end_date": "20260303", "limit": 2, "offset": 1});
            assert_eq!(items(&api, "stk_mins", &page, ""), rows[1..3]);
        }
        assert_eq!(items(&api, "stk_mins", &json!({"ts_code": "600000.SH", "freq": "45min", "limit": 6, "start_date": "20260304"}), "").len(), 6);
    }

    fn what_there_is_of_stocks_and_days(database: &Database) {
        let api = market(database);
        let stocks = items(&api, "stock_basic", &json!({}), "ts_code,symbol,name,industry,market,exchange,list_status,list_date");
        let expected = json!([
            ["300750.SZ", "300750", "宁德时代", "Industry", "创业板", "SZSE", "L", "20260224"],
            ["600000.SH", "600000", "浦发银行", "Banks", "主板", "SSE", "L", "20260224"],
            ["AAPL", "AAPL", "Apple", "Technology", null, null, "L", "20260224"],
        ]);
        assert_eq!(json!(stocks), expected);
        for (asked, count) in [
            (json!({"list_status": "D"}), 0),
            (json!({"exchange": "SSE"}), 1),
            (json!({"market": "创业板"}), 1),
            (json!({"ts_code": "600000.SH,AAPL,nope"}), 2),
        ] {
            assert_eq!(items(&api, "stock_basic", &asked, "").len(), count, "{asked}");
        }
        let days = items(&api, "trade_cal", &json!({"start_date": "20260213", "end_date": "20260225"}), "");
        let open: Vec<_> = days.iter().filter(|row| row[2] == 1).map(|row| [row[1].clone(), row[3].clone()]).collect();
        assert_eq!(json!(open), json!([["20260225", "20260224"], ["20260224", "20260213"], ["20260213", "20260212"]]));
        assert_eq!(days.len(), 13);
        assert_eq!(items(&api, "trade_cal", &json!({"start_date": "20260213", "end_date": "20260225", "is_open": "0"}), "").len(), 10);
        let factors = items(&api, "adj_factor", &json!({"ts_code": "600000.SH"}), "trade_date,adj_factor");
        assert!(factors.len() == 7 && factors.iter().all(|row| row[1] == 1.0));
        let basic = items(&api, "daily_basic", &json!({"ts_code": "600000.SH"}), "trade_date,close,volume_ratio,pe");
        let volumes: Vec<f64> = database.bars("symbol = '600000' AND interval = '1d'").iter().map(|bar| number(bar.split(' ').nth(5).unwrap())).collect();
        let ratio = volumes[6] / (volumes[1..6].iter().sum::<f64>() / 5.0);
        assert!((basic[0][2].as_f64().unwrap() - ratio).abs() < 0.0051 && basic[0][3] == Value::Null, "{basic:?}");
        assert_eq!((basic[1][2].is_null(), basic[2][2].is_null()), (false, true));
        // Limits of ten and of twenty per cent; none of a stock on no board.
        let limits = items(&api, "stk_limit", &json!({"trade_date": "20260303"}), "ts_code,pre_close,up_limit,down_limit");
        assert_eq!(limits.len(), 2);
        for (row, percent) in limits.iter().zip([0.2, 0.1]) {
            let [before, up, down] = [1, 2, 3].map(|column| row[column].as_f64().unwrap());
            assert!((up - before * (1.0 + percent)).abs() < 0.0051 && (down - before * (1.0 - percent)).abs() < 0.0051, "{row:?}");
        }
        let now = items(&api, "rt_k", &json!({"ts_code": "6*.SH,AAPL"}), "ts_code,name,close,vol,num,bid_price1,ask_price1");
        let stored = database.bars("symbol = '600000' AND interval = '1d'");
        let last: Vec<f64> = stored.last().unwrap().split(' ').map(number).collect();
        assert_eq!(now.iter().map(|row| &row[0]).collect::<Vec<_>>(), ["600000.SH", "AAPL"]);
        assert_eq!((now[0][2].as_f64(), now[0][3].as_f64()), (Some(last[4]), Some(last[5])));
        assert!(now[0][4].as_i64().unwrap() > 240 && now[0][5].as_f64() < now[0][6].as_f64(), "{now:?}");
    }
}

#[test]
fn what_is_wrong_is_refused_in_the_vendors_shape() {
    let database = Database::new(Backend::Sqlite);
    let api = market(&database);
    for (name, params, fields, word) in [
        ("income", json!({}), "", "请指定正确的接口名"),
        ("daily", json!({"ts_code": "600000.SH"}), "ts_code,exchange_id", "不包含字段exchange_id"),
        ("daily", json!({"code": "600000.SH"}), "", "no parameter code"),
        ("daily", json!({"trade_date": "2026-3-2"}), "", "trade_date"),
        ("daily", json!({"trade_date": "20260302", "start_date": "20260301"}), "", "trade_date"),
        ("daily", json!({"limit": "many"}), "", "limit"),
        ("daily", json!({"ts_code": ["600000.SH"]}), "", "ts_code"),
        ("stk_mins", json!({"ts_code": "600000.SH"}), "", "必填参数, freq"),
        ("stk_mins", json!({"freq": "1min"}), "", "必填参数, ts_code"),
        ("stk_mins", json!({"ts_code": "600000.SH", "freq": "D"}), "", "freq"),
        ("stk_mins", json!({"ts_code": "600000.SH,AAPL", "freq": "1min"}), "", "ts_code"),
        ("trade_cal", json!({"exchange": "NYSE"}), "", "exchange"),
        ("trade_cal", json!({"is_open": "yes"}), "", "is_open"),
        ("stock_basic", json!({"list_status": "X"}), "", "list_status"),
        ("rt_k", json!({}), "", "ts_code"),
        ("rt_k", json!({"ts_code": "*0*"}), "", "ts_code"),
    ] {
        let answer = call(&api, name, &params, fields);
        let message = answer["msg"].as_str().unwrap_or_default();
        assert!(
            answer["code"] == -2001 && answer["data"] == Value::Null && message.contains(word),
            "{name} {params}: {answer}"
        );
    }
    let answer = |path: &str, body: &str| api.post(path, body).json()["code"].clone();
    assert_eq!(answer("/tushare/daily", r#"{"api_name":"weekly","params":{}}"#), -2001);
    assert_eq!(answer("/tushare", "no JSON"), -2001);
    assert_eq!(answer("/tushare", &" ".repeat(20_000)), -2001);
    assert_eq!(api.get("/tushare/daily").json()["code"], -2001);
    assert_eq!(answer("/tushare/a/b", "{}"), -2001);
    // The vendor's own address for all APIs.
    assert_eq!(answer("/tushare", r#"{"api_name":"trade_cal","token":"","params":{"start_date":"20260301"}}"#), 0);
    api.running.terminate().succeeded();
}

#[test]
fn a_token_is_a_key() {
    let database = Database::new(Backend::Sqlite);
    let key = key(&database, "requests_per_second = 1\nburst = 2");
    std::fs::write(database.directory.path().join("codes.csv"), STOCKS).unwrap();
    database.market_backfill("--universe codes.csv --from 2026-03-02 --to 2026-03-02").run().succeeded();
    let api = database.api("--api-keys keys.toml");
    let code = |token: &str| {
        let body = json!({"api_name": "daily", "token": token, "params": {"ts_code": "AAPL"}});
        api.post("/tushare/daily", &body.to_string()).json()["code"].clone()
    };
    assert_eq!([code("wrong"), code("")], [json!(40101), json!(40101)]);
    let codes: Vec<Value> = (0..4).map(|_| code(&key)).collect();
    assert!(codes[0] == 0 && codes.contains(&json!(40203)), "{codes:?}");
    api.running.terminate().succeeded();
}
