//! TDX (通达信): frames over TCP, which A-share clients speak with any host. It has a port of its own, and no keys.
//!
//! A connection has one request under way at a time, so an answer of at most 64 KiB is all that it can leave unread. Connections, those
//! of an address, silence and requests a second are bounded as those of HTTP are.

mod bars;
mod day;
#[cfg_attr(test, allow(unreachable_pub))]
pub mod frames;
mod numbers;
mod quotes;
mod stocks;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::frames::{HEAD, Head, Question, question};
use super::server::Server;
use crate::query::errors::Refusal;
use klined_service::net::accept::accept;

/// Serves on a listener until `stop` is cancelled.
pub async fn serve(server: Arc<Server>, listener: TcpListener, stop: CancellationToken) {
    let bounds = server.options.bounds;
    let talk = move |stream, peer, stop: CancellationToken| {
        let server = server.clone();
        async move {
            tokio::select! {
                ended = converse(&server, stream, peer) => {
                    if let Err(reason) = ended {
                        debug!("a connection of TDX ended: {reason}");
                    }
                }
                () = stop.cancelled() => {}
            }
        }
    };
    accept(listener, bounds, stop, talk).await;
}

/// Answers request after request. Ends with the reason when the client closes the connection, is silent for too long, or sends what is no
/// request.
async fn converse(
    server: &Server,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
) -> Result<(), &'static str> {
    let silence = server.options.bounds.silence;
    loop {
        let mut head = [0; HEAD];
        let received = async {
            stream.read_exact(&mut head).await.map_err(|_| "the client has closed it")?;
            let head = Head::parse(&head).ok_or("this is no request")?;
            let mut body = vec![0; head.length];
            stream.read_exact(&mut body).await.map_err(|_| "the client has closed it within a request")?;
            Ok::<_, &str>((head, body))
        };
        let (head, body) = timeout(silence, received).await.map_err(|_| "the client is silent")??;
        let (method, question) = question(&body).ok_or("the request has not the parameters of its method")?;
        // There is no word for it, so a client that asks too often waits.
        while let Err(refusal) = server.guard.take(peer) {
            let Refusal::TooMany { retry_after } = refusal else { return Err("the address asks too often") };
            sleep(retry_after).await;
        }
        let (began, route) = (Instant::now(), route(&question));
        let answered = answer(server, question).await;
        let status = answered.as_ref().map_or_else(|refusal| refusal.status().as_u16(), |_| 200);
        server.guard.metrics.answered(route, status, began.elapsed().as_secs_f64());
        // There is no word for an error either: a client that is cut off tries again.
        let frame = head.answer(method, &answered.map_err(|_| "the question cannot be answered")?);
        let _held = server.guard.unread.hold(peer, frame.len()).ok_or("the address has not read its answers")?;
        stream.write_all(&frame).await.map_err(|_| "the client does not read")?;
        stream.flush().await.map_err(|_| "the client does not read")?;
    }
}

/// The name of a question among the metrics of routes.
fn route(question: &Question) -> &'static str {
    match question {
        Question::Greeting => "tdx:greeting",
        Question::Count { .. } => "tdx:count",
        Question::List { .. } => "tdx:list",
        Question::Bars { .. } => "tdx:bars",
        Question::Quotes(_) => "tdx:quotes",
        Question::Minutes { .. } => "tdx:minutes",
        Question::Trades { .. } => "tdx:trades",
        Question::Corporate(_) => "tdx:xdxr",
        Question::Other => "tdx:other",
    }
}

/// What follows the head of an answer.
async fn answer(server: &Server, question: Question) -> Result<Vec<u8>, Refusal> {
    match question {
        Question::Greeting => Ok(vec![0; 2]),
        Question::Count { market } => stocks::count(server, market).await,
        Question::List { market, start } => stocks::list(server, market, start).await,
        Question::Bars { stock, category, start, count } => bars::bars(server, stock, category, (start, count)).await,
        Question::Quotes(codes) => quotes::quotes(server, &codes).await,
        Question::Minutes { stock, date } => day::minutes(server, stock, date).await,
        Question::Trades { stock, start, count, date } => day::trades(server, stock, (start, count), date).await,
        Question::Corporate(stock) => Ok(stocks::corporate(stock)),
        // One byte is too few for any answer, so clients take it for an error.
        Question::Other => Ok(vec![0]),
    }
}
