//! Clients of the market's server in great number; `benches/load.sh` runs them, and tells what comes of it.
//!
//! ```text
//! load rest ADDRESS CLIENTS SECONDS PATH…        requests on kept connections, the paths in turn
//! load constant ADDRESS BYTES                    a server whose every answer is so long, to compare with
//! load feed ADDRESS CLIENTS SECONDS one|all      WebSockets on a stock each, or on all of them
//! ```
//!
//! Clients parse no more than they must: they run on the machine whose server they measure.

#![allow(clippy::disallowed_methods, reason = "a load takes the time")]

mod feed;
mod rest;
mod times;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use klined_service::net::accept::Bounds;
use klined_service::net::http::serve;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The answer that costs a server least: the same bytes whatever is asked, through the accept loop of the market's server.
async fn constant(address: SocketAddr, bytes: usize) -> io::Result<()> {
    let body = Bytes::from(vec![b'x'; bytes]);
    let routes = Router::new().fallback(move || std::future::ready(body.clone()));
    let silence = Duration::from_secs(30);
    let bounds =
        Bounds { connections: 4096, connections_of_address: 4096, silence, life: None, drain: silence, reserve: 0 };
    serve(TcpListener::bind(address).await?, routes, bounds, None, CancellationToken::new()).await;
    Ok(())
}

fn wrong(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.to_string())
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number =
        |at: usize| words.get(at).and_then(|word| word.parse().ok()).ok_or_else(|| wrong("see the file's head"));
    let address: SocketAddr =
        words.get(1).and_then(|word| word.parse().ok()).ok_or_else(|| wrong("see the file's head"))?;
    match words[0].as_str() {
        "constant" => constant(address, number(2)? as usize).await,
        "rest" => rest::run(address, number(2)?, Duration::from_secs(number(3)?), &words[4..]).await,
        "feed" => {
            let is_all = words.get(4).is_some_and(|which| which == "all");
            feed::run(address, number(2)?, Duration::from_secs(number(3)?), is_all).await
        }
        other => Err(wrong(other)),
    }
}
