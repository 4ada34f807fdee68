//! The bounded accept loop of every server: how many connections there are at once, in all and of an address, and what happens when the
//! system has no descriptor left.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::stall::WriteTimeout;
use crate::clock::instant;
use crate::descriptors::{Reserve, have_run_out};

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

/// A connection that is counted until it is dropped, and whose writes fail when the client does not read.
pub type BoundedStream = WriteTimeout<TcpStream, (OwnedSemaphorePermit, CountedConnection)>;

/// Accepts connections until `stop` is cancelled, and then waits until the last one has ended or the time for that is over. `talk` has the
/// conversation of one connection, which it ends when its token is cancelled.
pub async fn accept<Talk: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    bounds: Bounds,
    stop: CancellationToken,
    talk: impl Fn(BoundedStream, IpAddr, CancellationToken) -> Talk,
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
                let stream = WriteTimeout::new(stream, (place, counted), bounds.silence);
                let (talk, reserve) = (talk(stream, address.ip(), stop.clone()), reserve.clone());
                tokio::spawn(async move {
                    talk.await;
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

/// How many connections each address has. It has no more entries than there are connections.
#[derive(Debug, Clone, Default)]
struct AddressCounts(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// One connection of an address; it is no longer counted when it is dropped.
pub struct CountedConnection {
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
