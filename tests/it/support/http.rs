//! Asking a program under test over HTTP, with nothing but a socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::programs::Running;

/// An answer's status and body.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Running {
    /// Waits until the program prints the address of its health, and gives that address. The program must have been started with port 0.
    pub fn health_address(&mut self) -> String {
        self.until_it_says("serving /healthz");
        let said = self.stderr();
        let line = said.lines().find(|line| line.contains("serving /healthz")).unwrap();
        line.split("address=").nth(1).unwrap().trim().to_owned()
    }
}

/// Asks for a path with GET.
pub fn get(address: &str, path: &str) -> Answer {
    try_get(address, path).unwrap_or_else(|| panic!("no answer from {address}{path}"))
}

/// The same of a program that may end at any moment.
pub fn try_get(address: &str, path: &str) -> Option<Answer> {
    let text = try_send(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some(Answer { status: head.split(' ').nth(1)?.parse().ok()?, body: body.to_owned() })
}

/// Sends a request as it stands and reads until the other side closes.
pub fn send(address: &str, request: &str) -> String {
    try_send(address, request).unwrap()
}

fn try_send(address: &str, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    // A server that has heard enough may close while we still speak.
    let _ = stream.write_all(request.as_bytes());
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The value of a metric with its labels, as it stands in the text.
pub fn metric(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}
