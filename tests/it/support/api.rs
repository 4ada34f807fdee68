//! A client of the market's server: real HTTP, JSON as it comes.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, WebSocket};

use super::database::{Backend, Database};
use super::programs::{Program, Running};

/// More pages than anything asked for in a test has.
const PAGES_MAX: usize = 2000;

/// A server under test and a client that keeps its connections.
pub struct Api {
    pub running: Running,
    /// Host and port.
    pub address: String,
    agent: ureq::Agent,
    key: Option<String>,
}

/// What a server answered.
pub struct Reply {
    pub status: u16,
    pub text: String,
    headers: ureq::http::HeaderMap,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The fixed word of an error.
    #[track_caller]
    pub fn code(&self) -> String {
        let body = self.json();
        assert_eq!(body["success"], false, "{body}");
        assert!(body["error"]["message"].as_str().unwrap().len() > 5, "{body}");
        body["error"]["code"].as_str().unwrap().to_owned()
    }
}

impl Api {
    /// Starts a server, which must say where it serves.
    pub fn start(program: Program) -> Self {
        let mut running = program.spawn();
        let said = "serving the market on http://";
        running.until_it_says(said);
        let stderr = running.stderr();
        let address = stderr.split(said).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { running, address, agent, key: None }
    }

    /// The same, asking with a key from now on.
    pub fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// Asks with these headers and no others of ours.
    pub fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let request = self.agent.get(format!("http://{}{path}", self.address));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let mut response = request.call().unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = String::from_utf8_lossy(&response.body_mut().read_to_vec().unwrap()).into_owned();
        Reply { status: response.status().as_u16(), text, headers: response.headers().clone() }
    }

    pub fn get(&self, path: &str) -> Reply {
        match &self.key {
            Some(key) => self.ask(path, &[("X-API-Key", key)]),
            None => self.ask(path, &[]),
        }
    }

    /// Posts a body of JSON.
    pub fn post(&self, path: &str, body: &str) -> Reply {
        let request =
            self.agent.post(format!("http://{}{path}", self.address)).header("Content-Type", "application/json");
        let mut response = request.send(body).unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = response.body_mut().read_to_string().unwrap();
        Reply { status: response.status().as_u16(), text, headers: response.headers().clone() }
    }

    /// The body of an answer that must be one.
    #[track_caller]
    pub fn body(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        reply.json()
    }

    /// The data of a native answer.
    #[track_caller]
    pub fn data(&self, path: &str) -> Value {
        let mut body = self.body(path);
        assert_eq!(body["success"], true);
        body["data"].take()
    }

    /// All entries of all pages, following the tokens.
    #[track_caller]
    pub fn pages(&self, path: &str) -> Vec<Value> {
        let (mut found, mut token) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let mut body = self.body(&format!("{path}{token}"));
            let Value::Array(entries) = body["data"].take() else { panic!("no list at {path}") };
            assert_eq!(body["meta"]["count"], entries.len());
            found.extend(entries);
            match body["meta"]["next_page_token"].as_str() {
                Some(next) => token = format!("&page_token={next}"),
                None => return found,
            }
        }
        panic!("{path} has no last page");
    }
}

impl Database {
    /// A server of this database on a free port, with other words besides.
    pub fn api(&self, words: &str) -> Api {
        Api::start(self.market_api("--addr 127.0.0.1:0 --rate 100000").with(words))
    }

    /// A price's column as text with two decimals.
    pub fn decimal(&self, column: &str) -> String {
        match self.backend {
            Backend::Sqlite => format!("printf('%.2f', {column})"),
            Backend::Postgres => format!("CAST(CAST({column} AS numeric(12,2)) AS text)"),
        }
    }

    /// Bars as text, one a line, in order of time: `time open high low close volume`.
    pub fn bars(&self, condition: &str) -> Vec<String> {
        let [open, high, low, close] = ["open", "high", "low", "close"].map(|column| self.decimal(column));
        let row = format!("time || ' ' || {open} || ' ' || {high} || ' ' || {low} || ' ' || {close} || ' ' || volume");
        self.column(&format!("SELECT {row} AS text FROM market_klines WHERE {condition} ORDER BY time"))
    }
}

/// Bars of an answer as [`Database::bars`] gives them.
pub fn rows(bars: &[Value]) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap()),
        other => other.to_string(),
    };
    let row = |bar: &Value| ["time", "open", "high", "low", "close", "volume"].map(|name| text(&bar[name])).join(" ");
    bars.iter().map(row).collect()
}

/// After so many pings without a word a test gives up.
const PINGS_MAX: u32 = 6;

/// A WebSocket to a server under test.
pub struct Socket(WebSocket<TcpStream>);

/// What a server said on a WebSocket.
#[derive(Debug)]
pub enum Heard {
    Message(Value),
    /// It closed with this code; 1006 without one.
    Closed(u16),
}

impl Api {
    /// Opens `/ws` with a query string.
    pub fn socket(&self, query: &str) -> Socket {
        self.socket_at(&format!("/ws{query}"))
    }

    /// Opens a WebSocket at a path.
    pub fn socket_at(&self, path: &str) -> Socket {
        self.socket_with(path, &[])
    }

    /// Opens a WebSocket at a path with headers.
    pub fn socket_with(&self, path: &str, headers: &[(&'static str, &str)]) -> Socket {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        let headers = headers.iter().map(|(name, value)| (*name, value.parse().unwrap()));
        headers.for_each(|(name, value)| drop(request.headers_mut().insert(name, value)));
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        Socket(socket)
    }
}

impl Socket {
    pub fn say(&mut self, text: &str) -> &mut Self {
        self.0.send(Message::text(text)).unwrap();
        self
    }

    pub fn say_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.send(Message::binary(bytes.to_vec())).unwrap();
        self
    }

    /// Sends a ping, as far as the connection still takes one.
    pub fn ping(&mut self) {
        let _ = self.0.send(Message::Ping(Vec::new().into()));
    }

    /// Reads until so many pongs have come; other messages are passed over. Returns whether they came.
    pub fn pongs(&mut self, count: usize) -> bool {
        let mut heard = 0;
        while heard < count {
            match self.0.read() {
                Ok(message) => heard += usize::from(message.is_pong()),
                Err(_) => return false,
            }
        }
        true
    }

    /// What comes next, pings aside.
    #[track_caller]
    pub fn hear(&mut self) -> Heard {
        for _ in 0..PINGS_MAX {
            match self.0.read() {
                Ok(Message::Text(text)) => return Heard::Message(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => return Heard::Closed(frame.map_or(1005, |frame| frame.code.into())),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::ConnectionReset => {
                    return Heard::Closed(1006);
                }
                Err(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                    return Heard::Closed(1006);
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("nothing was heard but {PINGS_MAX} pings")
    }

    /// The next frame of text as it was sent, pings aside.
    #[track_caller]
    pub fn hear_text(&mut self) -> String {
        for _ in 0..PINGS_MAX {
            if let Message::Text(text) = self.0.read().unwrap() {
                return text.to_string();
            }
        }
        panic!("no text was heard")
    }

    /// The next binary frame.
    #[track_caller]
    pub fn hear_bytes(&mut self) -> Vec<u8> {
        for _ in 0..PINGS_MAX {
            if let Message::Binary(bytes) = self.0.read().unwrap() {
                return bytes.to_vec();
            }
        }
        panic!("no bytes were heard")
    }

    /// The next message, which must be of a type.
    #[track_caller]
    pub fn hear_a(&mut self, kind: &str) -> Value {
        match self.hear() {
            Heard::Message(mut message) if message["type"] == kind => message["data"].take(),
            other => panic!("{other:?} instead of {kind}"),
        }
    }

    /// The next message of a type; others are passed over.
    #[track_caller]
    pub fn hear_until(&mut self, kind: &str) -> Value {
        loop {
            match self.hear() {
                Heard::Message(mut message) if message["type"] == kind => return message["data"].take(),
                Heard::Message(_) => {}
                Heard::Closed(code) => panic!("closed with {code} before {kind}"),
            }
        }
    }

    /// Wishes to close with a code.
    pub fn wish_to_close(&mut self, code: u16) -> &mut Self {
        self.0.close(Some(CloseFrame { code: code.into(), reason: "".into() })).unwrap();
        self
    }

    /// The code that it is closed with; messages before are passed over.
    #[track_caller]
    pub fn close_code(&mut self) -> u16 {
        loop {
            if let Heard::Closed(code) = self.hear() {
                return code;
            }
        }
    }
}
