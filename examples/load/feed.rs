//! WebSocket clients that count what they hear.
//!
//! Ticks of a minute have ids without gaps from place 0 on, and their volumes add up to the bar that ends it: so a client knows
//! by itself that nothing is missing or out of order.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::times::Times;
use super::{rest, wrong};

/// Ids of a minute, as `TickId` counts them.
const PLACES: u64 = 10_000;
/// The most latencies that one client keeps: of every so many ticks one.
const SAMPLE: u64 = 16;

/// What all clients heard.
#[derive(Default)]
struct Heard {
    ticks: u64,
    bars: u64,
    /// Ids that were left out, came twice or came late.
    broken: u64,
    /// Bars that the ticks before did not add up to.
    unequal: u64,
    errors: u64,
    /// The wall's time less the tick's, in milliseconds, by minute.
    delays: HashMap<u64, Vec<i64>>,
}

/// What a client knows of a stock.
#[derive(Default)]
struct Stock {
    last: u64,
    volume: i64,
    is_whole: bool,
}

fn wall_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64)
}

/// The text after a name, up to the next comma or brace.
fn field<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    let at = message.find(name)? + name.len();
    let rest = &message[at..];
    Some(rest[..rest.find([',', '}'])?].trim_matches('"'))
}

fn number(message: &str, name: &str) -> io::Result<i64> {
    let text = field(message, name).ok_or_else(|| wrong(message))?;
    text.parse().map_err(|_| wrong(message))
}

impl Heard {
    fn hear(&mut self, stocks: &mut HashMap<String, Stock>, message: &str) -> io::Result<()> {
        if message.ends_with("\"type\":\"tick\"}") {
            let ticker = field(message, "\"ticker\":").ok_or_else(|| wrong(message))?;
            let (id, volume) = (number(message, "\"id\":")? as u64, number(message, "\"volume\":")?);
            self.ticks += 1;
            let Some(stock) = stocks.get_mut(ticker) else {
                // The tick that a subscription begins with.
                stocks.insert(ticker.to_owned(), Stock { last: id, ..Stock::default() });
                return Ok(());
            };
            if self.ticks.is_multiple_of(SAMPLE) {
                let delay = wall_millis() - number(message, "\"timestamp\":")?;
                self.delays.entry(id / PLACES).or_default().push(delay);
            }
            if id % PLACES == 0 && id > stock.last {
                (stock.volume, stock.is_whole) = (volume, true);
            } else {
                self.broken += u64::from(id != stock.last + 1);
                stock.volume += volume;
            }
            stock.last = id;
        } else if message.ends_with("\"type\":\"bar\"}") {
            let ticker = field(message, "\"ticker\":").ok_or_else(|| wrong(message))?;
            let (minute, volume) = (number(message, "\"time\":")? as u64 / 60, number(message, "\"volume\":")?);
            if let Some(stock) = stocks.get(ticker).filter(|stock| stock.is_whole) {
                self.bars += 1;
                self.unequal += u64::from(stock.last / PLACES != minute || stock.volume != volume);
            }
        } else if message.contains("\"type\":\"error\"") || message.contains("\"type\":\"skipped\"") {
            eprintln!("{message}");
            self.errors += 1;
        }
        Ok(())
    }
}

/// A WebSocket.
struct Socket(BufReader<TcpStream>);

impl Socket {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        let head = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut socket = Self(BufReader::with_capacity(16 * 1024, stream));
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(socket.0.read_u8().await?);
        }
        if answer.starts_with(b"HTTP/1.1 101") { Ok(socket) } else { Err(wrong(String::from_utf8_lossy(&answer))) }
    }

    /// Sends a frame, masked with zeros.
    async fn send(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = vec![0x80 | kind, 0xfe];
        frame.extend((payload.len() as u16).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(payload);
        self.0.write_all(&frame).await
    }

    /// The next message, put into `message`; pings are answered. False when the server has closed.
    async fn hear(&mut self, message: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            let kind = self.0.read_u8().await? & 0x0f;
            let length = match self.0.read_u8().await? {
                126 => u64::from(self.0.read_u16().await?),
                127 => self.0.read_u64().await?,
                short => u64::from(short),
            };
            message.resize(length as usize, 0);
            self.0.read_exact(message).await?;
            match kind {
                8 => return Ok(false),
                9 => self.send(10, message).await?,
                1 => return Ok(true),
                _ => {}
            }
        }
    }
}

async fn client(address: SocketAddr, tickers: String, until: Instant, all: Arc<Mutex<Heard>>) -> io::Result<()> {
    let mut socket = Socket::open(address).await?;
    let subscribe = format!("{{\"type\":\"subscribe\",\"tickers\":[\"{tickers}\"],\"channels\":[\"tick\",\"bar\"]}}");
    socket.send(1, subscribe.as_bytes()).await?;
    let (mut heard, mut stocks, mut message) = (Heard::default(), HashMap::new(), Vec::new());
    // Whoever is behind always has something to hear, and must end all the same.
    while Instant::now() < until
        && let Ok(is_open) = timeout_at(until, socket.hear(&mut message)).await
    {
        if !is_open? {
            heard.errors += 1;
            break;
        }
        heard.hear(&mut stocks, std::str::from_utf8(&message).map_err(wrong)?)?;
    }
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    all.ticks += heard.ticks;
    all.bars += heard.bars;
    all.broken += heard.broken;
    all.unequal += heard.unequal;
    all.errors += heard.errors;
    for (minute, mut delays) in heard.delays {
        all.delays.entry(minute).or_default().append(&mut delays);
    }
    Ok(())
}

/// The wall's time less the market's, in milliseconds, by minute: what a tick that came at its very time would be told at.
async fn offsets(address: SocketAddr, until: Instant) -> io::Result<HashMap<u64, i64>> {
    let mut found: HashMap<u64, Vec<i64>> = HashMap::new();
    while Instant::now() < until {
        let before = wall_millis();
        let status: Value = serde_json::from_slice(&rest::get(address, "/api/v2/status").await?)?;
        let (now, minute) = (status["data"]["now"].as_i64(), status["data"]["open_minute"].as_i64());
        let (now, minute) = now.zip(minute).ok_or_else(|| wrong("no generator has written yet"))?;
        let passed = now - minute * 1000;
        if (1..60_000).contains(&passed) {
            found.entry(minute as u64 / 60).or_default().push((before + wall_millis()) / 2 - now);
        }
        sleep(Duration::from_millis(500)).await;
    }
    let median = |mut of_minute: Vec<i64>| {
        of_minute.sort_unstable();
        of_minute[of_minute.len() / 2]
    };
    Ok(found.into_iter().map(|(minute, of_minute)| (minute, median(of_minute))).collect())
}

/// Listens for so long, and prints what was heard.
pub async fn run(address: SocketAddr, clients: u64, time: Duration, is_all: bool) -> io::Result<()> {
    let list: Value = serde_json::from_slice(&rest::get(address, "/api/v2/tickers?limit=1000").await?)?;
    let entries = list["data"].as_array().filter(|list| !list.is_empty()).ok_or_else(|| wrong("no tickers"))?;
    let tickers: Vec<&str> = entries.iter().filter_map(|entry| entry["symbol"].as_str()).collect();
    let (all, until) = (Arc::new(Mutex::new(Heard::default())), Instant::now() + time);
    let mut tasks = JoinSet::new();
    for number in 0..clients as usize {
        let ticker = if is_all { "*" } else { tickers[number % tickers.len()] };
        tasks.spawn(client(address, ticker.to_owned(), until, all.clone()));
        // A few at a time: the queue of those that wait to be accepted has an end.
        if number % 50 == 49 {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let offsets = offsets(address, until).await?;
    let mut lost = 0;
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended.map_err(io::Error::other)? {
            eprintln!("a client ended: {error}");
            lost += 1;
        }
    }
    let mut heard = all.lock().unwrap_or_else(PoisonError::into_inner);
    let mut times = Times::default();
    for (minute, delays) in std::mem::take(&mut heard.delays) {
        // The tick that a subscription begins with is of the past, and the first minute was joined in its midst.
        let Some(offset) = offsets.get(&minute) else { continue };
        delays.iter().for_each(|delay| times.add((delay - offset).max(0) as u32));
    }
    let Heard { ticks, bars, broken, unequal, errors, .. } = &*heard;
    let [p50, p95, p99] = times.percentiles([50, 95, 99]);
    let rate = *ticks as f64 / time.as_secs_f64();
    println!(
        "{ticks} ticks ({rate:.0}/s), {broken} not in order or missing, {unequal} of {bars} bars unequal to their ticks, \
         {errors} errors, {lost} connections lost; tick to receipt P50 {p50} ms, P95 {p95} ms, P99 {p99} ms"
    );
    if broken + unequal + errors + lost == 0 { Ok(()) } else { Err(wrong("not everything was delivered in order")) }
}
