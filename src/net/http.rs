//! HTTP/1.1 on a listener with bounds on everything that a client can make last or grow: connections, heads, silence,
//! answers that it does not read.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::stall::Impatient;

/// The most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The pause after the system would give no connection, as when there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most connections served at once; others wait in the system's queue.
    pub connections: u32,
    /// The most of one address; others are closed at once.
    pub connections_of_address: u32,
    /// How long a client may be silent before and within a request's head, and leave an answer unread.
    pub silence: Duration,
    /// How long a connection may last in all; none lets it serve request after request.
    pub life: Option<Duration>,
    /// How long connections may go on after the wish to stop.
    pub drain: Duration,
}

/// Whom a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

/// In an answer's extensions: the connection ends in place of it.
#[derive(Debug, Clone, Copy, Error)]
#[error("a connection was dropped as its key's chaos profile has it")]
pub struct Hangup;

/// Serves until told to stop, and then until the last connection is over or the time for that is up.
pub async fn serve(listener: TcpListener, routes: Router, bounds: Bounds, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(bounds.connections as usize));
    let guests = Guests::default();
    loop {
        // The semaphore is never closed.
        let place = tokio::select! {
            place = places.clone().acquire_owned() => match place { Ok(place) => place, Err(_) => break },
            () = stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let Some(guest) = guests.admit(address.ip(), bounds.connections_of_address) else { continue };
                // Small answers go out at once.
                let _ = stream.set_nodelay(true);
                let (routes, stop) = (routes.clone(), stop.clone());
                tokio::spawn(async move {
                    let stream = Impatient::new(stream, (place, guest), bounds.silence);
                    let talk = converse(stream, routes, Peer(address.ip()), bounds, stop);
                    let outcome = match bounds.life {
                        Some(life) => timeout(life, talk).await.unwrap_or(Ok(())),
                        None => talk.await,
                    };
                    if let Err(error) = outcome {
                        debug!("a connection ended early: {error}");
                    }
                });
            }
            Err(error) => {
                debug!("no connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = timeout(bounds.drain, places.acquire_many(bounds.connections)).await;
}

async fn converse(
    stream: Impatient<TcpStream, (OwnedSemaphorePermit, Guest)>,
    routes: Router,
    peer: Peer,
    bounds: Bounds,
    stop: CancellationToken,
) -> hyper::Result<()> {
    let service = FromPeer { inner: TowerToHyperService::new(routes), peer };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.silence)
        .max_buf_size(HEAD_BYTES_MAX)
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

/// Tells the routes whom a request came from, and hangs up where they say so.
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

/// How many connections each address has. As large as there are connections.
#[derive(Debug, Clone, Default)]
struct Guests(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// One connection of an address.
struct Guest {
    guests: Guests,
    address: IpAddr,
}

impl Guests {
    /// None when the address has as many as it may.
    fn admit(&self, address: IpAddr, most: u32) -> Option<Guest> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Guest { guests: self.clone(), address })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}
