//! Where packets go, and which of them get lost on purpose.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use klined_service::instant;

use crate::random::mixed;

/// After so many packets in a row the sender pauses for [`BREATH`]: more would only fill buffers that overflow.
const BURST: u64 = 32;
const BREATH: Duration = Duration::from_millis(1);

/// A receiver, or a group of them.
#[derive(Debug)]
pub struct Destination {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Destination {
    /// One receiver.
    ///
    /// # Errors
    /// The system has no socket.
    pub fn unicast(address: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr =
            if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        Ok(Self { socket: UdpSocket::bind(any)?, address })
    }

    /// A group, by the interface with this address.
    ///
    /// # Errors
    /// There is no such interface.
    pub fn multicast(address: SocketAddr, interface: Option<Ipv4Addr>, ttl: u32) -> io::Result<Self> {
        let destination = Self::unicast(address)?;
        destination.socket.set_multicast_ttl_v4(ttl)?;
        if let Some(interface) = interface {
            socket2::SockRef::from(&destination.socket).set_multicast_if_v4(&interface)?;
        }
        Ok(destination)
    }
}

/// How many packets get lost on purpose. The same seed loses the same packets, counted from the start.
#[derive(Debug, Clone, Copy)]
pub struct Loss {
    pub percent: f64,
    pub seed: u64,
}

impl Loss {
    fn takes(&self, nth: u64) -> bool {
        let chance = (mixed(mixed(self.seed) ^ nth) >> 11) as f64 / (1u64 << 53) as f64;
        chance * 100.0 < self.percent
    }
}

/// Packets so far. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Counts(Arc<[AtomicU64; 3]>);

impl Counts {
    pub fn sent(&self) -> u64 {
        self.0[0].load(Ordering::Relaxed)
    }

    pub fn lost(&self) -> u64 {
        self.0[1].load(Ordering::Relaxed)
    }

    pub fn failed(&self) -> u64 {
        self.0[2].load(Ordering::Relaxed)
    }
}

/// All destinations.
pub struct Wire {
    destinations: Vec<Destination>,
    loss: Loss,
    counts: Counts,
    packets: u64,
    burst: u64,
    last: Instant,
    is_failing: bool,
}

impl Wire {
    pub fn new(destinations: Vec<Destination>, loss: Loss) -> Self {
        let counts = Counts::default();
        Self { destinations, loss, counts, packets: 0, burst: 0, last: instant(), is_failing: false }
    }

    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// Time since the last packet.
    pub fn quiet_for(&self) -> Duration {
        self.last.elapsed()
    }

    /// Sends a packet to everyone. A packet that the system refuses counts as lost: receivers ask for it.
    pub fn send(&mut self, packet: &[u8]) {
        self.packets += 1;
        self.last = instant();
        if self.loss.takes(self.packets) {
            self.counts.0[1].fetch_add(1, Ordering::Relaxed);
            return;
        }
        for Destination { socket, address } in &self.destinations {
            match socket.send_to(packet, address) {
                Ok(_) => self.is_failing = false,
                // Nobody listens there yet.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => {
                    self.counts.0[2].fetch_add(1, Ordering::Relaxed);
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::warn!(%address, "a packet cannot be sent: {error}");
                    }
                }
            }
        }
        self.counts.0[0].fetch_add(1, Ordering::Relaxed);
        self.burst += 1;
        if self.burst == BURST {
            thread::sleep(BREATH);
            self.burst = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_packets_that_get_lost_is_as_asked_and_the_seed_says_which() {
        let lost =
            |percent, seed| -> Vec<u64> { (1..=100_000).filter(|nth| Loss { percent, seed }.takes(*nth)).collect() };
        // Five standard deviations of a count of 5,000 are 345.
        assert!(lost(5.0, 1).len().abs_diff(5_000) < 345);
        assert_eq!(lost(5.0, 1), lost(5.0, 1));
        assert_ne!(lost(5.0, 1), lost(5.0, 2));
        assert_eq!((lost(0.0, 1).len(), lost(100.0, 1).len()), (0, 100_000));
    }
}
