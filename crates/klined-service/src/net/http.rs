//! HTTP/1.1 on a listener, with bounds on everything that a client can make last or grow: connections, heads of requests,
//! silence, answers that it does not read.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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
use tracing::{debug, warn};

use super::refusals::{RefusalStream, RefuseHead};
use super::stall::WriteTimeout;
use crate::clock::instant;
use crate::descriptors::{Reserve, have_run_out};

/// The most bytes that the target of a request may have, path and query string; hyper takes no more.
pub const TARGET_BYTES_MAX: usize = 65_534;
/// The bytes that the rest of a request's head may have at least; what is read at once may be more.
pub const HEADER_BYTES: usize = 16 * 1024;
/// The pause after the system refused a connection, as it does when too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// The log says at most this often that the system refuses connections.
const REFUSALS_EVERY: Duration = Duration::from_secs(60);

/// Limits for the clients of a server.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most connections served at once; others wait in the system's queue.
    pub connections: u32,
    /// The most connections of one address; others are closed at once.
    pub connections_of_address: u32,
    /// A connection is closed that sends nothing before or within a request's head for this long, or reads nothing of an
    /// answer.
    pub silence: Duration,
    /// The longest life of a connection, which then serves one request; none lets it serve request after request.
    pub life: Option<Duration>,
    /// How long connections may go on after the request to stop.
    pub drain: Duration,
    /// How many descriptors are kept back for these connections, for when the process or the system has no other left.
    pub reserve: usize,
}

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
    let places = Arc::new(Semaphore::new(bounds.connections as usize));
    let addresses = AddressCounts::default();
    let reserve = Reserve::of(bounds.reserve);
    let mut refusals = Refusals::default();
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
                let Some(counted) = addresses.admit(address.ip(), bounds.connections_of_address) else { continue };
                // Small answers go out at once.
                let _ = stream.set_nodelay(true);
                let (routes, refuse) = (routes.clone(), refuse.clone());
                let (stop, reserve) = (stop.clone(), reserve.clone());
                tokio::spawn(async move {
                    let stream = WriteTimeout::new(stream, (place, counted), bounds.silence);
                    let stream = RefusalStream::new(stream, refuse);
                    let talk = converse(stream, routes, Peer(address.ip()), bounds, stop);
                    let outcome = match bounds.life {
                        Some(life) => timeout(life, talk).await.unwrap_or(Ok(())),
                        None => talk.await,
                    };
                    if let Err(error) = outcome {
                        debug!("a connection ended early: {error}");
                    }
                    // Its descriptor has just come free.
                    reserve.fill();
                });
            }
            // The next try has one of those that were kept back.
            Err(error) if have_run_out(&error) && reserve.give() => {}
            Err(error) => {
                refusals.note(&error, bounds.connections as usize - places.available_permits());
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = timeout(bounds.drain, places.acquire_many(bounds.connections)).await;
}

/// Connections that the system refused, which the log says now and then.
#[derive(Default)]
struct Refusals {
    noted_at: Option<Instant>,
}

impl Refusals {
    fn note(&mut self, error: &std::io::Error, connections: usize) {
        if self.noted_at.is_some_and(|noted_at| noted_at.elapsed() < REFUSALS_EVERY) {
            return;
        }
        self.noted_at = Some(instant());
        if have_run_out(error) {
            warn!(
                connections,
                "no file descriptor is left, so new connections wait until others end: {error}; raise the limit of open files \
                 (LimitNOFILE= of the unit, ulimit -n)"
            );
        } else {
            warn!("the system refuses a connection: {error}");
        }
    }
}

async fn converse(
    stream: RefusalStream<WriteTimeout<TcpStream, (OwnedSemaphorePermit, CountedConnection)>>,
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

/// How many connections each address has. It has no more entries than there are connections.
#[derive(Debug, Clone, Default)]
struct AddressCounts(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// One connection of an address; it is no longer counted when it is dropped.
struct CountedConnection {
    counts: AddressCounts,
    address: IpAddr,
}

impl AddressCounts {
    /// Counts a connection; none when the address has the most already.
    fn admit(&self, address: IpAddr, most: u32) -> Option<CountedConnection> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(CountedConnection { counts: self.clone(), address })
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}
