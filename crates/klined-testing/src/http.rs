//! A client for the few pages of a program under test.

use std::io::{Read, Write};
use std::net::TcpStream;

/// The whole answer to a GET, head included.
///
/// # Panics
/// The server cannot be reached, or does not answer with text.
#[must_use]
pub fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
