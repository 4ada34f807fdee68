//! Rate limits: a token bucket for each key and for each address; and the bytes that an address may leave unread.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{NotUntil, Quota, RateLimiter};

use crate::query::errors::Refusal;

/// The most addresses with a bucket of their own. Above it, new addresses share one.
const ADDRESSES_MAX: usize = 65_536;
/// The number of requests after which addresses with full buckets are removed.
const SWEEP_EVERY: u64 = 16_384;

type WithState = StateInformationMiddleware;
type GovernorInstant = <DefaultClock as Clock>::Instant;

/// The time that a rate counts requests in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatePeriod {
    Second,
    Minute,
}

/// Requests of a period, and at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub requests: NonZeroU32,
    pub period: RatePeriod,
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate whose burst is twice the requests of a second.
    #[must_use]
    pub fn of(per_second: NonZeroU32) -> Self {
        Self::a_second(per_second, per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1)))
    }

    /// A rate of requests a second.
    #[must_use]
    pub const fn a_second(requests: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { requests, period: RatePeriod::Second, burst }
    }

    /// A rate of requests a minute, all of which may come at once.
    #[must_use]
    pub const fn a_minute(requests: NonZeroU32) -> Self {
        Self { requests, period: RatePeriod::Minute, burst: requests }
    }

    fn quota(self) -> Quota {
        let quota = match self.period {
            RatePeriod::Second => Quota::per_second(self.requests),
            RatePeriod::Minute => Quota::per_minute(self.requests),
        };
        quota.allow_burst(self.burst)
    }
}

/// `N` a second, or `N/min` a minute.
impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let wrong = || "it must be a number from 1 on, such as 200 a second, or 100/min".to_owned();
            text.parse::<NonZeroU32>().map_err(|_| wrong())
        };
        match text.strip_suffix("/min") {
            Some(requests) => number(requests).map(Self::a_minute),
            None => number(text).map(Self::of),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.period {
            RatePeriod::Second => write!(f, "{}", self.requests),
            RatePeriod::Minute => write!(f, "{}/min", self.requests),
        }
    }
}

fn refusal(until: &NotUntil<GovernorInstant>) -> Refusal {
    Refusal::TooMany { retry_after: until.wait_time_from(DefaultClock::default().now()) }
}

/// The token bucket of one client.
pub struct Allowance(RateLimiter<NotKeyed, InMemoryState, DefaultClock, WithState>);

impl Allowance {
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self(RateLimiter::direct(rate.quota()).with_middleware())
    }

    /// Takes one request. Returns how many more may follow at once.
    ///
    /// # Errors
    /// None is left.
    pub fn take(&self) -> Result<u32, Refusal> {
        self.0.check().map(|state| state.remaining_burst_capacity()).map_err(|until| refusal(&until))
    }
}

/// The token buckets of addresses. A /64 of IPv6 counts as one address, because one subscriber has it.
pub struct Addresses {
    known: RateLimiter<u128, DashMapStateStore<u128>, DefaultClock, WithState>,
    others: Allowance,
    asked: AtomicU64,
}

impl Addresses {
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let known = RateLimiter::dashmap(rate.quota()).with_middleware();
        Self { known, others: Allowance::new(rate), asked: AtomicU64::new(0) }
    }

    /// Takes one request of an address. Returns how many more may follow at once.
    ///
    /// # Errors
    /// None is left.
    pub fn take(&self, address: IpAddr) -> Result<u32, Refusal> {
        if self.asked.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.known.retain_recent();
        }
        if self.known.len() >= ADDRESSES_MAX {
            return self.others.take();
        }
        let taken = self.known.check_key(&subscriber(address));
        taken.map(|state| state.remaining_burst_capacity()).map_err(|until| refusal(&until))
    }
}

/// The bytes that each address has been sent and has not read yet, of all its connections together. It has no more entries than there
/// are connections.
#[derive(Debug, Clone)]
pub struct UnreadBytes {
    most: usize,
    held: Arc<Mutex<HashMap<u128, usize>>>,
}

/// Bytes that count as unread until this is dropped.
#[derive(Debug)]
pub struct HeldBytes {
    of: UnreadBytes,
    subscriber: u128,
    bytes: usize,
}

impl UnreadBytes {
    /// Allows each address so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, held: Arc::default() }
    }

    /// Counts bytes for an address; none when the address has too many then.
    #[must_use]
    pub fn hold(&self, address: IpAddr, bytes: usize) -> Option<HeldBytes> {
        let subscriber = subscriber(address);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = held.get(&subscriber).copied().unwrap_or_default();
        let sum = so_far.checked_add(bytes).filter(|sum| *sum <= self.most)?;
        held.insert(subscriber, sum);
        Some(HeldBytes { of: self.clone(), subscriber, bytes })
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        let mut held = self.of.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = held.get_mut(&self.subscriber) {
            *bytes = bytes.saturating_sub(self.bytes);
            if *bytes == 0 {
                held.remove(&self.subscriber);
            }
        }
    }
}

fn subscriber(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_held_back_and_another_is_not() {
        let addresses = Addresses::new(Rate::a_second(NonZeroU32::MIN, NonZeroU32::new(3).unwrap()));
        let at = |text: &str| addresses.take(text.parse().unwrap());
        assert_eq!([at("192.0.2.1"), at("192.0.2.1"), at("192.0.2.1")], [Ok(2), Ok(1), Ok(0)]);
        assert!(matches!(at("192.0.2.1"), Err(Refusal::TooMany { .. })));
        assert_eq!(at("192.0.2.2"), Ok(2));
        assert_eq!([at("2001:db8::1"), at("2001:db8::2"), at("2001:db8:0:1::1")], [Ok(2), Ok(1), Ok(2)]);
    }

    #[test]
    fn an_address_holds_so_many_bytes_until_they_are_read() {
        let unread = UnreadBytes::new(10);
        let of = |address: &str, bytes| unread.hold(address.parse().unwrap(), bytes);
        let (first, second) = (of("192.0.2.1", 6), of("192.0.2.1", 4));
        assert!(first.is_some() && second.is_some() && of("192.0.2.1", 1).is_none());
        assert!(of("192.0.2.2", 10).is_some() && of("192.0.2.2", usize::MAX).is_none());
        drop(first);
        assert!(of("192.0.2.1", 7).is_none() && of("192.0.2.1", 6).is_some());
        drop(second);
        assert!(unread.held.lock().unwrap().is_empty(), "what is read is forgotten");
    }
}
