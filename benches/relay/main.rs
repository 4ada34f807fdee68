//! What the relay adds to a vendor's frames: a vendor in this process sends trades of 100 symbols at a steady rate, and one client reads them
//! straight from it and then through `market-api`. Prints the delay of frames, the share that arrived, and the ratio of the two.
//!
//!   cargo build --release && cargo run --release --example bench-relay [-- MESSAGES_A_SECOND SECONDS CLIENTS]

use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

/// Messages of a frame.
const MESSAGES: usize = 100;
const SYMBOLS: usize = 100;

type Socket = WebSocketStream<TcpStream>;

/// Delays of frames in order, in microseconds, and how many came late or not at all.
struct Delays {
    micros: Vec<u128>,
    sent: usize,
}

impl Delays {
    fn at(&self, share: f64) -> u128 {
        let place = (self.micros.len() as f64 * share) as usize;
        self.micros.get(place.min(self.micros.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    #[allow(clippy::print_stdout, reason = "a benchmark prints")]
    fn print(&self, name: &str) {
        let (p50, p99, arrived) = (self.at(0.5), self.at(0.99), self.micros.len());
        println!("{name:<8} frames {arrived:>7} of {:>7}   P50 {p50:>7} µs   P99 {p99:>7} µs", self.sent);
    }
}

fn frame(since: Instant, count: usize) -> String {
    let at = since.elapsed().as_micros();
    let message = |place: usize| {
        let symbol = (count * MESSAGES + place) % SYMBOLS;
        format!(
            r#"{{"ev":"T","sym":"REAL{symbol}","x":4,"i":"{count}","z":3,"p":101.25,"s":200,"c":[14,37],"t":{at},"q":{place}}}"#
        )
    };
    format!("[{}]", (0..MESSAGES).map(message).collect::<Vec<_>>().join(","))
}

/// Talks as the vendor does, and sends frames once it is asked for some.
async fn vend(stream: TcpStream, since: Instant, frames: usize, every: Duration) -> anyhow::Result<()> {
    let mut socket = accept_async(stream).await?;
    let status =
        |status: &str| Message::text(format!(r#"[{{"ev":"status","status":"{status}","message":"{status}"}}]"#));
    socket.send(status("connected")).await?;
    socket.next().await.context("no key")??;
    socket.send(status("auth_success")).await?;
    socket.next().await.context("no subscription")??;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut ticks = interval(every);
    for count in 0..frames {
        ticks.tick().await;
        socket.send(Message::text(frame(since, count))).await?;
    }
    // The connection stays, so that its end is in no measurement.
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}

/// Reads frames until none comes for two seconds.
async fn read(port: u16, since: Instant, frames: usize) -> anyhow::Result<Delays> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _): (Socket, _) = client_async(format!("ws://127.0.0.1:{port}/stocks"), stream).await?;
    socket.send(Message::text(r#"{"action":"auth","params":"k"}"#)).await?;
    socket.send(Message::text(r#"{"action":"subscribe","params":"T.*"}"#)).await?;
    let mut micros = Vec::with_capacity(frames);
    while let Ok(Some(message)) = timeout(Duration::from_secs(5), socket.next()).await {
        let Message::Text(text) = message? else { continue };
        let Some(sent) = text.split(r#""t":"#).nth(1).filter(|_| text.contains("REAL")) else { continue };
        let sent: u128 = sent.split(',').next().unwrap_or_default().parse()?;
        micros.push(since.elapsed().as_micros().saturating_sub(sent));
        if micros.len() == frames {
            break;
        }
    }
    micros.sort_unstable();
    Ok(Delays { micros, sent: frames })
}

/// A server that is ended with the benchmark.
struct Server {
    child: Child,
    /// For its temporary files, which it leaves when it is killed.
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server(vendor: u16) -> anyhow::Result<(Server, u16)> {
    let program = std::env::current_exe()?.with_file_name("../market-api");
    let words =
        ["--fake-data", "--no-log-files", "--addr", "127.0.0.1:0", "--upstream-polygon-key", "k", "--upstream-polygon"];
    let folder = tempfile::tempdir()?;
    let mut child = Command::new(program)
        .args(words)
        .env("TMPDIR", folder.path())
        .arg(format!("http://127.0.0.1:{vendor}"))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("market-api is not built")?;
    let mut lines = std::io::BufReader::new(child.stderr.take().context("no output")?).lines();
    let said = "serving the market on http://127.0.0.1:";
    let server = Server { child, _folder: folder };
    while let Some(line) = lines.next().transpose()? {
        if let Some((_, port)) = line.split_once(said) {
            // What it says later is read and dropped.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((server, port.split_whitespace().next().unwrap_or_default().parse()?));
        }
    }
    bail!("market-api has ended")
}

#[tokio::main]
#[allow(clippy::print_stdout, reason = "a benchmark prints")]
async fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1).map(|word| word.parse::<usize>());
    let mut next = |usual| words.next().unwrap_or(Ok(usual));
    let (rate, seconds, clients) = (next(100_000)?, next(10)?, next(1)?);
    let (frames, every) = (rate * seconds / MESSAGES, Duration::from_secs_f64(MESSAGES as f64 / rate as f64));
    let (since, vendor) = (Instant::now(), TcpListener::bind("127.0.0.1:0").await?);
    let vendor_port = vendor.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = vendor.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(vend(stream, since, frames, every));
        }
    });
    println!("{rate} messages a second in frames of {MESSAGES}, {seconds} s, {clients} clients of the relay");
    let direct = read(vendor_port, since, frames).await?;
    direct.print("direct");
    let (_server, port) = server(vendor_port)?;
    let reading: Vec<_> = (0..clients).map(|_| tokio::spawn(read(port, since, frames))).collect();
    let mut relayed = Vec::new();
    for client in reading {
        relayed.push(client.await??);
    }
    relayed.sort_by_key(|delays| delays.at(0.99));
    let worst = relayed.last().context("no client")?;
    worst.print("relayed");
    let arrived: usize = relayed.iter().map(|delays| delays.micros.len()).sum();
    println!(
        "frames at all clients {arrived} of {}; added at P99: {} µs; ratio {:.2}",
        frames * clients,
        worst.at(0.99).saturating_sub(direct.at(0.99)),
        worst.at(0.99) as f64 / direct.at(0.99).max(1) as f64
    );
    Ok(())
}
