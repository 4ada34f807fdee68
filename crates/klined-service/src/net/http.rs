//! HTTP/1.1 on a listener, with bounds on everything that a client can make last or grow: connections, heads of requests,
//! silence, answers that it does not read.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::Router;
use axum::http::Request;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::Map;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::accept::{BoundedStream, Bounds, accept};
use super::refusals::{RefusalStream, RefuseHead};

/// The most bytes that the target of a request may have, path and query string; hyper takes no more.
pub const TARGET_BYTES_MAX: usize = 65_534;
/// The bytes that the rest of a request's head may have at least; what is read at once may be more.
pub const HEADER_BYTES: usize = 16 * 1024;

/// The address that a request came from. Every request has it among its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

/// Among an answer's extensions: the connection is closed and nothing is sent.
#[derive(Debug, Clone, Copy, Error)]
#[error("the connection is closed in place of an answer, as the route demands")]
pub struct Hangup;

/// Serves until `stop` is cancelled, and then until the last connection has ended or the time for that is over. With `refuse` there is a
/// body in the answer to a head that is too long or that is none.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    bounds: Bounds,
    refuse: Option<RefuseHead>,
    stop: CancellationToken,
) {
    let talk = move |stream, peer, stop| {
        let (routes, refuse) = (routes.clone(), refuse.clone());
        async move {
            let talk = converse(RefusalStream::new(stream, refuse), routes, Peer(peer), bounds, stop);
            let outcome = match bounds.life {
                Some(life) => timeout(life, talk).await.unwrap_or(Ok(())),
                None => talk.await,
            };
            if let Err(error) = outcome {
                debug!("a connection ended early: {error}");
            }
        }
    };
    accept(listener, bounds, stop, talk).await;
}

async fn converse(
    stream: RefusalStream<BoundedStream>,
    routes: Router,
    peer: Peer,
    bounds: Bounds,
    stop: CancellationToken,
) -> hyper::Result<()> {
    let service = FromPeer { inner: TowerToHyperService::new(routes), peer };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.silence)
        .max_buf_size(TARGET_BYTES_MAX + HEADER_BYTES)
        .keep_alive(bounds.life.is_none())
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        outcome = connection.as_mut() => return outcome,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// Gives the routes the address of each request, and closes the connection where they demand it.
struct FromPeer {
    inner: TowerToHyperService<Router>,
    peer: Peer,
}

type Routed = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

fn hang_up(answered: Result<Response, Infallible>) -> Result<Response, Hangup> {
    let Ok(response) = answered;
    response.extensions().get::<Hangup>().map_or(Ok(()), |hangup| Err(*hangup)).map(|()| response)
}

impl Service<Request<Incoming>> for FromPeer {
    type Response = Response;
    type Error = Hangup;
    type Future = Map<Routed, fn(Result<Response, Infallible>) -> Result<Response, Hangup>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.inner.call(request).map(hang_up)
    }
}
