//! HTTP clients that ask as soon as they are answered.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::times::Times;
use super::wrong;

/// A kept connection.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 256 * 1024] })
    }

    /// The body's length, of an answer with status 200.
    async fn ask(&mut self, request: &[u8]) -> io::Result<usize> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let mut whole = None;
        while whole.is_none_or(|(head, body)| filled < head + body) {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(wrong("the server has closed the connection, or its answer is too long"));
            }
            filled += read;
            if whole.is_none() {
                whole = head(&self.buffer[..filled])?;
            }
        }
        Ok(whole.map_or(0, |(_, body)| body))
    }
}

/// The lengths of an answer's head and body; none before the head is there.
fn head(answer: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    if !text.starts_with("http/1.1 200") {
        return Err(wrong(text));
    }
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    Ok(Some((end + 4, length.ok_or_else(|| wrong("an answer without a length"))?)))
}

/// Asks for so long, and prints the rate and the times.
pub async fn run(address: SocketAddr, clients: u64, time: Duration, paths: &[String]) -> io::Result<()> {
    let request = |path: &String| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes();
    let requests: std::sync::Arc<[Vec<u8>]> = paths.iter().map(request).collect();
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for number in 0..clients {
        let requests = requests.clone();
        tasks.spawn(async move {
            let mut client = Client::connect(address).await?;
            let (mut times, mut bytes) = (Times::default(), 0);
            // Each begins elsewhere and none follows another.
            for request in requests.iter().cycle().skip(number as usize * 7919 % requests.len()) {
                if began.elapsed() > time {
                    break;
                }
                let asked = Instant::now();
                bytes += client.ask(request).await?;
                times.add(asked.elapsed().as_micros() as u32);
            }
            io::Result::Ok((times, bytes))
        });
    }
    let (mut times, mut bytes) = (Times::default(), 0);
    while let Some(ended) = tasks.join_next().await {
        let (of_client, read) = ended.map_err(io::Error::other)??;
        times.append(of_client);
        bytes += read;
    }
    let (asked, [p50, p95, p99]) = (times.len(), times.percentiles([50, 95, 99]));
    let rate = asked as f64 / began.elapsed().as_secs_f64();
    println!(
        "{rate:.0} req/s, P50 {:.1} ms, P95 {:.1} ms, P99 {:.1} ms, {} bytes an answer",
        f64::from(p50) / 1000.0,
        f64::from(p95) / 1000.0,
        f64::from(p99) / 1000.0,
        bytes / asked.max(1)
    );
    Ok(())
}

/// The body of one answer.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut client = Client::connect(address).await?;
    let body = client.ask(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let start = head(&client.buffer)?.map_or(0, |(start, _)| start);
    Ok(client.buffer[start..start + body].to_vec())
}
