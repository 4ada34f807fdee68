//! Alpaca's dialect: codes and shapes. That its own clients get what is stored, `tests/clients.sh` tries.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use crate::on_every_backend;
use crate::support::api::Api;
use crate::support::database::{Backend, Database};

/// A stream in one of the codecs.
struct Stream {
    socket: WebSocket<TcpStream>,
    is_packed: bool,
}

impl Stream {
    fn open(api: &Api, headers: &[(&'static str, &str)]) -> Self {
        let stream = TcpStream::connect(&api.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut request = format!("ws://{}/v2/iex", api.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        Self { socket, is_packed: headers.iter().any(|(_, value)| value.contains("msgpack")) }
    }

    fn say(&mut self, message: &Value) -> &mut Self {
        let message = match self.is_packed {
            true => Message::binary(rmp_serde::to_vec_named(message).unwrap()),
            false => Message::text(message.to_string()),
        };
        self.socket.send(message).unwrap();
        self
    }

    /// The next array of messages; none when the stream is over. Timestamps of MessagePack are left as what they are written as.
    fn hear(&mut self) -> Option<Vec<Value>> {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Binary(_) => panic!("binary is heard as bytes"),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    fn hear_bytes(&mut self) -> Vec<u8> {
        loop {
            match self.socket.read().unwrap() {
                Message::Binary(bytes) => return bytes.to_vec(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next message, which comes alone.
    fn hear_one(&mut self) -> Value {
        let [message] = <[Value; 1]>::try_from(self.hear().unwrap()).unwrap();
        message
    }

    fn close_code(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.socket.read().unwrap() {
                return frame.map_or(1005, |frame| frame.code.into());
            }
        }
    }
}

fn error(code: u16, words: &str) -> Value {
    json!({"T": "error", "code": code, "msg": words})
}

on_every_backend! {
    fn alpaca_pages_go_over_symbols_and_hold_what_is_stored(database: &Database) {
        let api = database.filled().api("");
        for (sort, order) in [("asc", "time"), ("desc", "time DESC")] {
            let (mut token, mut found, mut pages) = (String::new(), Vec::new(), 0);
            loop {
                let path = format!("/v2/stocks/bars?symbols=V,AAPL,NOSUCH&timeframe=30Min&start=2026-01-01&limit=5&sort={sort}&page_token={token}");
                let page = api.body(&path);
                for (symbol, bars) in page["bars"].as_object().unwrap() {
                    let row = |bar: &Value| format!("{symbol} {} {:.2} {}", bar["t"].as_str().unwrap(), bar["c"].as_f64().unwrap(), bar["v"]);
                    found.extend(bars.as_array().unwrap().iter().map(row));
                }
                pages += 1;
                match page["next_page_token"].as_str() {
                    Some(next) => token = next.to_owned(),
                    None => break,
                }
            }
            assert!(pages > 3);
            let close = database.decimal("close");
            let stored: Vec<String> = database.column(&format!(
                "SELECT symbol || ' ' || time || ' ' || {close} || ' ' || volume AS text FROM market_klines WHERE interval = '30m' AND symbol IN ('AAPL', 'V') ORDER BY symbol, {order}"
            ));
            let stored: Vec<String> = stored.iter().map(|row| {
                let mut words: Vec<String> = row.split(' ').map(str::to_owned).collect();
                let time = chrono::DateTime::from_timestamp(words[1].parse().unwrap(), 0).unwrap();
                words[1] = time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
                words.join(" ")
            }).collect();
            assert_eq!(found, stored, "{sort}");
        }
        let one = api.body("/v2/stocks/AAPL/bars?timeframe=1Day&start=2026-01-01");
        assert_eq!((&one["symbol"], one["bars"].as_array().unwrap().len() > 1), (&json!("AAPL"), true));
        assert_eq!(api.body("/v2/stocks/NOSUCH/bars?timeframe=1Day&start=2026-01-01")["bars"], json!([]));
    }
}

#[test]
fn alpaca_refuses_in_its_own_words() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    for (path, status, words) in [
        ("/v2/stocks/bars?timeframe=1Min", 400, "symbols parameter is required"),
        ("/v2/stocks/bars?symbols=AAPL", 400, "timeframe parameter is required"),
        ("/v2/stocks/bars?symbols=AAPL&timeframe=2Day", 400, "invalid timeframe"),
        ("/v2/stocks/bars?symbols=A%20B&timeframe=1Min", 400, "invalid symbol"),
        ("/v2/stocks/bars?symbols=AAPL&timeframe=1Min&limit=10001", 400, "invalid limit"),
        ("/v2/stocks/bars?symbols=AAPL&timeframe=1Min&start=now", 400, "invalid start"),
        (
            "/v2/stocks/bars?symbols=AAPL&timeframe=1Min&start=2026-03-03&end=2026-03-02",
            400,
            "end should not be before start",
        ),
        ("/v2/stocks/bars?symbols=AAPL&timeframe=1Min&page_token=x", 400, "invalid page_token"),
        ("/v2/stocks/bars?symbols=AAPL&timeframe=1Min&sort=up", 400, "invalid sort"),
        ("/v2/stocks/bars?symbols=AAPL&timeframe=1Min&limt=1", 400, "unexpected parameter(s): limt"),
        ("/v2/stocks/NOSUCH/trades/latest", 404, "symbol not found: NOSUCH"),
        ("/v2/nosuchfeed", 404, "endpoint not found."),
        ("/v2/stocks/nothing", 404, "endpoint not found."),
        ("/v2/stocks/AAPL/nothing/at/all", 404, "endpoint not found."),
    ] {
        let reply = api.get(path);
        let body = reply.json();
        assert_eq!(
            (reply.status, &body["code"]),
            (status, &json!(u64::from(status) * 100_000 + 10_000)),
            "{path}: {body}"
        );
        assert!(body["message"].as_str().unwrap().starts_with(words), "{path}: {body}");
    }
    // What changes nothing is taken.
    let taken =
        "/v2/stocks/bars?symbols=AAPL&timeframe=1Min&feed=sip&currency=USD&adjustment=all&asof=2026-03-02&sort=asc";
    assert_eq!(api.get(taken).status, 200);
}

#[test]
fn alpaca_asks_for_its_two_headers_and_numbers_its_errors() {
    let database = Database::new(Backend::Sqlite);
    let made = database.filled().klined("key somebody").run().succeeded();
    let limits = "connections = 1\nsubscriptions = 2\n";
    std::fs::write(database.directory.path().join("keys.toml"), format!("{}{limits}", made.stdout)).unwrap();
    let key = made.stderr.split_whitespace().last().unwrap().to_owned();
    let (id, secret) = key.split_once('.').unwrap();
    let api = database.api("--api-keys keys.toml");
    let path = "/v2/stocks/bars?symbols=AAPL&timeframe=1Day";
    let pair = |id: &'static str, value: &str| (id, value.to_owned());
    for (headers, status) in [
        (vec![], 403),
        (vec![pair("apca-api-key-id", id), pair("apca-api-secret-key", "wrong")], 403),
        (vec![pair("x-api-key", &key)], 403),
        (vec![pair("apca-api-key-id", id), pair("apca-api-secret-key", secret)], 200),
        (vec![pair("authorization", &format!("Bearer {key}"))], 200),
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let reply = api.ask(path, &headers);
        assert_eq!(reply.status, status, "{headers:?}");
        assert!(status == 200 || reply.json() == json!({"code": 40_310_000, "message": "forbidden."}));
    }
    let auth = |secret: &str| json!({"action": "auth", "key": id, "secret": secret});
    let mut wrong = Stream::open(&api, &[]);
    assert_eq!(wrong.hear_one(), json!({"T": "success", "msg": "connected"}));
    assert_eq!(
        wrong.say(&json!({"action": "subscribe", "trades": ["AAPL"]})).hear_one(),
        error(401, "not authenticated")
    );
    assert_eq!(wrong.say(&json!(["auth"])).hear_one(), error(400, "invalid syntax"));
    assert_eq!(wrong.say(&auth("wrong")).hear_one(), error(402, "auth failed"));
    assert_eq!(wrong.close_code(), 1008);
    let mut stream = Stream::open(&api, &[]);
    // Before it has said that it is connected.
    stream.say(&auth(secret));
    assert_eq!(stream.hear_one(), json!({"T": "success", "msg": "connected"}));
    assert_eq!(stream.hear_one(), json!({"T": "success", "msg": "authenticated"}));
    assert_eq!(stream.say(&auth(secret)).hear_one(), error(403, "already authenticated"));
    assert_eq!(stream.say(&json!({"action": "buy"})).hear_one(), error(410, "invalid subscribe action for this feed"));
    let three = json!({"action": "subscribe", "trades": ["AAPL", "V"], "bars": ["NVDA"]});
    assert_eq!(stream.say(&three).hear_one(), error(405, "symbol limit exceeded"));
    let two = json!({"action": "subscribe", "trades": ["AAPL"], "bars": ["*", "NOSUCH"]});
    let subscribed = stream.say(&two).hear_one();
    assert_eq!((&subscribed["trades"], &subscribed["bars"]), (&json!(["AAPL"]), &json!(["*", "NOSUCH"])));
    assert_eq!((&subscribed["T"], &subscribed["updatedBars"]), (&json!("subscription"), &json!([])));
    let mut second = Stream::open(&api, &[("apca-api-key-id", id), ("apca-api-secret-key", secret)]);
    second.hear_one();
    assert_eq!(second.hear_one(), error(406, "connection limit exceeded"));
    let left = stream.say(&json!({"action": "unsubscribe", "bars": ["*"], "trades": ["AAPL"]})).hear_one();
    assert_eq!((&left["trades"], &left["bars"]), (&json!([]), &json!(["NOSUCH"])));
}

#[test]
fn alpaca_instants_are_text_in_json_and_timestamps_in_messagepack() {
    let database = Database::new(Backend::Sqlite);
    let mut generator = database.filled().market_generator("--test --speed 120").spawn();
    let api = database.api("");
    generator.until_minutes(1, &database);
    let auth = json!({"action": "auth", "key": "any", "secret": "any"});
    let subscribe = json!({"action": "subscribe", "bars": ["*"], "dailyBars": ["AAPL"], "quotes": ["AAPL"]});
    let mut stream = Stream::open(&api, &[]);
    stream.hear_one();
    stream.say(&auth).hear_one();
    stream.say(&subscribe).hear_one();
    let mut kinds = BTreeSet::new();
    while kinds.len() < 3 {
        for message in stream.hear().unwrap() {
            chrono::DateTime::parse_from_rfc3339(message["t"].as_str().unwrap()).unwrap();
            kinds.insert(message["T"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(kinds, ["b", "d", "q"].map(str::to_owned).into());
    let mut packed = Stream::open(&api, &[("content-type", "application/msgpack")]);
    packed.hear_bytes();
    packed.say(&auth).hear_bytes();
    packed.say(&subscribe).hear_bytes();
    // A map's key t, then 8 bytes of extension type −1.
    let heard = packed.hear_bytes();
    assert!(heard.windows(4).any(|window| window == [0xa1, b't', 0xd7, 0xff]), "{heard:x?}");
    generator.terminate().succeeded();
}

#[test]
fn a_minute_that_differs_from_its_ticks_is_an_updated_bar() {
    let database = Database::new(Backend::Sqlite);
    let mut generator = database.filled().market_generator("--test --speed 15").spawn();
    generator.until_minutes(1, &database);
    let api = database.api("");
    let mut stream = Stream::open(&api, &[]);
    stream.hear_one();
    stream.say(&json!({"action": "auth", "key": "any", "secret": "any"})).hear_one();
    let wanted = json!({"action": "subscribe", "trades": ["AAPL"], "bars": ["AAPL"], "updatedBars": ["AAPL"]});
    stream.say(&wanted).hear_one();
    let of = |kind: &str, messages: Vec<Value>| messages.into_iter().find(|message| message["T"] == kind);
    let minute = |message: &Value| {
        let at = chrono::DateTime::parse_from_rfc3339(message["t"].as_str().unwrap()).unwrap().timestamp();
        at - at.rem_euclid(60)
    };
    // A bar ends one minute, and the first trade after it is of the minute that is open.
    while of("b", stream.hear().unwrap()).is_none() {}
    let open = std::iter::from_fn(|| stream.hear()).find_map(|messages| of("t", messages)).unwrap();
    let open = minute(&open);
    generator.terminate().succeeded();
    let local = chrono::DateTime::from_timestamp(open + 8 * 3600, 0).unwrap().format("%Y-%m-%d %H:%M");
    let event = format!("kind = \"move\"\npercent = 60\nfrom = \"{local}\"\nuntil = \"15:00\"");
    let scenario = format!("name = \"late\"\n[[event]]\nsymbol = \"AAPL\"\n{event}\n");
    std::fs::write(database.directory.path().join("late.toml"), scenario).unwrap();
    let generator = database.restarted_generator("--test --speed 60 --scenario late.toml");
    let updated = std::iter::from_fn(|| stream.hear()).find_map(|messages| {
        let bar = of("b", messages.clone());
        of("u", messages).map(|updated| (bar.unwrap(), updated))
    });
    let (bar, mut updated) = updated.unwrap();
    assert_eq!(minute(&updated), open);
    updated["T"] = json!("b");
    assert_eq!(updated, bar, "the correction is the bar that was committed");
    let answered = ["o", "h", "l", "c"].map(|name| format!("{:.2}", updated[name].as_f64().unwrap())).join(" ");
    let stored = database.bars(&format!("symbol = 'AAPL' AND interval = '1m' AND time = {open}"));
    assert_eq!([format!("{open} {answered} {}", updated["v"])], stored[..]);
    generator.terminate().succeeded();
}

#[test]
fn stocks_are_assets_and_what_there_is_none_of_is_empty() {
    let database = Database::new(Backend::Sqlite);
    let api = database.filled().api("");
    let assets = api.body("/v2/assets?status=active&asset_class=us_equity");
    assert_eq!(assets.as_array().unwrap().len(), 10);
    let apple = &assets[0];
    assert_eq!(
        (&apple["symbol"], &apple["name"], &apple["tradable"]),
        (&json!("AAPL"), &json!("Apple Inc."), &json!(true))
    );
    assert_eq!(&api.body("/v2/assets/AAPL"), apple);
    assert_eq!(&api.body(&format!("/v2/assets/{}", apple["id"].as_str().unwrap())), apple);
    for none in ["status=inactive", "asset_class=crypto", "exchange=NYSE", "attributes=ptp_no_exception"] {
        assert_eq!(api.body(&format!("/v2/assets?{none}")), json!([]), "{none}");
    }
    let empty = |path: &str, name: &str, value: Value| {
        let body = api.body(path);
        assert_eq!((&body[name], &body["next_page_token"]), (&value, &Value::Null), "{path}");
    };
    empty("/v1beta1/news?symbols=AAPL&limit=5&sort=desc", "news", json!([]));
    empty("/v1/corporate-actions?symbols=AAPL&types=cash_dividend&start=2026-01-01", "corporate_actions", json!({}));
    empty("/v2/stocks/auctions?symbols=AAPL", "auctions", json!({}));
    empty("/v2/stocks/AAPL/auctions?feed=overnight", "auctions", json!([]));
    for (path, status) in [
        ("/v2/assets/NOPE", 404),
        ("/v2/assets?status=sold", 400),
        ("/v2/assets?symbols=AAPL", 400),
        ("/v1beta1/news?timeframe=1Day", 400),
        ("/v2/stocks/auctions", 400),
    ] {
        let reply = api.get(path);
        assert_eq!((reply.status, reply.json()["message"].is_string()), (status, true), "{path}: {}", reply.text);
    }
}
