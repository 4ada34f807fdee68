//! Faults on demand, with which a key's holder tests a program: a plan that gives, from a seed, the fault of the n-th request and of
//! the n-th message of the c-th connection. It depends neither on time nor on what is requested.

mod profile;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use rand_core::Rng;

use klined_market::base::seed::open_unit;
use klined_market::base::{Seed, Stream};

pub use profile::{ChaosProfile, DELAY_MS_MAX, InvalidProfile, MessageOdds, RequestOdds, example};

/// Two numbers of 64 bits for each request or message, with or without a fault: which fault, and how much of it.
const DRAW_WORDS: u128 = 4;
/// The statuses of a server that fails.
const SERVER_ERRORS: [StatusCode; 4] = [
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// A fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFault {
    /// Its answer is delayed by this time.
    Delay(Duration),
    /// The connection ends without an answer.
    Drop,
    TooManyRequests,
    ServerError(StatusCode),
    /// The trade and the quote in the answer are old.
    Stale,
}

/// A fault of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFault {
    /// It is delayed by this time, and so are those that follow it.
    Delay(Duration),
    /// It is sent twice.
    Duplicate,
    /// It is sent after the one that follows it.
    Reorder,
    /// The connection ends in place of it, without a close frame.
    Drop,
    /// The message before is sent in place of it.
    Stale,
}

impl RequestFault {
    /// All of their names.
    pub const NAMES: [&str; 5] = ["delay", "drop", "too_many_requests", "server_error", "stale"];

    /// Its name in the file, the header and the metric.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Drop => "drop",
            Self::TooManyRequests => "too_many_requests",
            Self::ServerError(_) => "server_error",
            Self::Stale => "stale",
        }
    }
}

impl MessageFault {
    /// All of their names.
    pub const NAMES: [&str; 5] = ["delay", "duplicate", "reorder", "drop", "stale"];

    /// Its name in the file and the metric.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Drop => "drop",
            Self::Stale => "stale",
        }
    }
}

/// The two numbers of the n-th call.
fn draws(seed: u64, purpose: Stream, stream: u64, number: u64) -> (f64, u64) {
    let mut stream = Seed(seed).counted_stream(purpose, stream);
    stream.set_word_pos(u128::from(number) * DRAW_WORDS);
    (open_unit(stream.next_u64()), stream.next_u64())
}

/// The first fault whose share of the unit interval holds a point.
fn pick<T: Copy, const N: usize>(point: f64, odds: [(f64, T); N]) -> Option<T> {
    let mut sum = 0.0;
    odds.into_iter().find_map(|(probability, fault)| {
        sum += probability;
        (point < sum).then_some(fault)
    })
}

/// A number below `count`, from the high half of a word.
fn below(count: u64, word: u64) -> u64 {
    ((word >> 32) * count) >> 32
}

fn delay([least, most]: [u32; 2], word: u64) -> Duration {
    Duration::from_millis(u64::from(least) + below(u64::from(most - least) + 1, word))
}

/// A profile that has been checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultPlan(ChaosProfile);

impl TryFrom<ChaosProfile> for FaultPlan {
    type Error = InvalidProfile;

    fn try_from(profile: ChaosProfile) -> Result<Self, InvalidProfile> {
        profile.check()?;
        Ok(Self(profile))
    }
}

impl FaultPlan {
    /// The fault that request `number` gets, counted from 0.
    #[must_use]
    pub fn request(&self, number: u64) -> Option<RequestFault> {
        let (odds, (point, word)) = (&self.0.requests, draws(self.0.seed, Stream::RequestFaults, 0, number));
        let status = SERVER_ERRORS[below(SERVER_ERRORS.len() as u64, word) as usize];
        pick(
            point,
            [
                (odds.delay, RequestFault::Delay(delay(odds.delay_ms, word))),
                (odds.drop, RequestFault::Drop),
                (odds.too_many_requests, RequestFault::TooManyRequests),
                (odds.server_error, RequestFault::ServerError(status)),
                (odds.stale, RequestFault::Stale),
            ],
        )
    }

    /// The fault that a message of a connection gets, both counted from 0.
    #[must_use]
    pub fn message(&self, connection: u64, number: u64) -> Option<MessageFault> {
        let (odds, (point, word)) = (&self.0.messages, draws(self.0.seed, Stream::MessageFaults, connection, number));
        pick(
            point,
            [
                (odds.delay, MessageFault::Delay(delay(odds.delay_ms, word))),
                (odds.duplicate, MessageFault::Duplicate),
                (odds.reorder, MessageFault::Reorder),
                (odds.drop, MessageFault::Drop),
                (odds.stale, MessageFault::Stale),
            ],
        )
    }
}

/// A plan, and how many requests and connections its key has used of it.
pub struct Chaos {
    plan: FaultPlan,
    requests: AtomicU64,
    connections: AtomicU64,
}

impl From<FaultPlan> for Chaos {
    fn from(plan: FaultPlan) -> Self {
        Self { plan, requests: AtomicU64::new(0), connections: AtomicU64::new(0) }
    }
}

impl Chaos {
    /// The fault that the request that comes now gets.
    pub fn next_request(&self) -> Option<RequestFault> {
        self.plan.request(self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// The faults of the connection that begins now.
    pub fn next_connection(&self) -> ConnectionFaults {
        ConnectionFaults { plan: self.plan, connection: self.connections.fetch_add(1, Ordering::Relaxed), number: 0 }
    }
}

/// The faults of one connection's messages.
pub struct ConnectionFaults {
    plan: FaultPlan,
    connection: u64,
    number: u64,
}

impl ConnectionFaults {
    /// The fault that the message that comes now gets.
    pub fn next_message(&mut self) -> Option<MessageFault> {
        let fault = self.plan.message(self.connection, self.number);
        self.number += 1;
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "seed = 7
        requests = { delay = 0.1, delay_ms = [5, 9], drop = 0.1, too_many_requests = 0.1, server_error = 0.2, stale = 0.1 }
        messages = { delay = 0.1, delay_ms = [5, 9], duplicate = 0.1, reorder = 0.1, drop = 0.1, stale = 0.1 }";

    fn plan(text: &str) -> FaultPlan {
        FaultPlan::try_from(toml::from_str::<ChaosProfile>(text).unwrap()).unwrap()
    }

    fn names(faults: impl Iterator<Item = Option<&'static str>>) -> Vec<&'static str> {
        faults.map(|fault| fault.unwrap_or("-")).collect()
    }

    #[test]
    fn a_seed_determines_the_fault_of_each_call() {
        let plan = plan(ALL);
        let requests = names((0..16).map(|number| plan.request(number).map(RequestFault::name)));
        let sure = ["stale", "drop", "drop", "stale", "-", "too_many_requests", "too_many_requests", "server_error"];
        assert_eq!(requests[..8], sure);
        assert_eq!(requests[8..], ["-", "-", "-", "-", "server_error", "delay", "server_error", "-"]);
        assert_eq!(plan.request(7), Some(RequestFault::ServerError(StatusCode::SERVICE_UNAVAILABLE)));
        assert_eq!(plan.request(13), Some(RequestFault::Delay(Duration::from_millis(8))));
        let messages =
            |connection| names((0..8).map(|number| plan.message(connection, number).map(MessageFault::name)));
        assert_eq!(messages(0), ["duplicate", "stale", "drop", "drop", "-", "-", "-", "-"]);
        assert_eq!(messages(1), ["-", "-", "drop", "reorder", "-", "-", "-", "drop"]);
    }

    #[test]
    fn the_nth_call_is_the_nth_however_one_comes_to_it() {
        let (plan, chaos) = (plan(ALL), Chaos::from(plan(ALL)));
        for number in 0..1000 {
            assert_eq!(chaos.next_request(), plan.request(number));
        }
        for connection in 0..3 {
            let mut messages = chaos.next_connection();
            (0..300).for_each(|number| assert_eq!(messages.next_message(), plan.message(connection, number)));
        }
        // Requests and messages, connections and seeds have streams of their own.
        let of = |connection| names((0..100).map(|number| plan.message(connection, number).map(MessageFault::name)));
        assert_ne!(of(0), of(1));
        let other = self::plan(&ALL.replace("seed = 7", "seed = 8"));
        assert!((0..100).any(|number| plan.request(number) != other.request(number)));
    }

    #[test]
    fn faults_are_as_frequent_as_they_are_said_to_be() {
        // Of 20,000 draws the standard deviation is at most 0.0029; four of them are allowed.
        let (plan, calls) = (plan(ALL), 20_000_u64);
        let share = |name: &str, count: usize, expected: f64| {
            assert!((count as f64 / calls as f64 - expected).abs() < 0.0115, "{name}: {count} of {calls}");
        };
        let requests: Vec<_> = (0..calls).filter_map(|number| plan.request(number)).collect();
        for (name, expected) in RequestFault::NAMES.into_iter().zip([0.1, 0.1, 0.1, 0.2, 0.1]) {
            share(name, requests.iter().filter(|fault| fault.name() == name).count(), expected);
        }
        for status in SERVER_ERRORS {
            share("status", requests.iter().filter(|fault| **fault == RequestFault::ServerError(status)).count(), 0.05);
        }
        for millis in 5..=9 {
            let delay = RequestFault::Delay(Duration::from_millis(millis));
            share("delay", requests.iter().filter(|fault| **fault == delay).count(), 0.02);
        }
        let messages: Vec<_> = (0..calls).filter_map(|number| plan.message(1, number)).collect();
        for name in MessageFault::NAMES {
            share(name, messages.iter().filter(|fault| fault.name() == name).count(), 0.1);
        }
    }

    #[test]
    fn a_sure_fault_always_happens_and_an_unnamed_one_never() {
        let (sure, quiet) = (plan("seed = 1\nrequests = { drop = 1.0 }\nmessages = { stale = 1.0 }"), plan("seed = 1"));
        for number in (0..5000).chain([u64::MAX]) {
            assert_eq!(sure.request(number), Some(RequestFault::Drop));
            assert_eq!(sure.message(number, number), Some(MessageFault::Stale));
            assert_eq!((quiet.request(number), quiet.message(0, number)), (None, None));
        }
    }

    #[test]
    fn a_profile_that_cannot_be_is_refused() {
        use InvalidProfile::{Delay, Probability, Sum};
        for (text, wrong) in [
            ("requests = { drop = 1.1 }", Probability("requests")),
            ("requests = { drop = -0.1 }", Probability("requests")),
            ("messages = { stale = nan }", Probability("messages")),
            ("requests = { drop = 0.6, stale = 0.5 }", Sum("requests")),
            ("messages = { drop = 0.6, duplicate = 0.5 }", Sum("messages")),
            ("requests = { delay_ms = [2, 1] }", Delay("requests")),
            ("messages = { delay_ms = [0, 10001] }", Delay("messages")),
        ] {
            let profile: ChaosProfile = toml::from_str(&format!("seed = 1\n{text}")).unwrap();
            assert_eq!(FaultPlan::try_from(profile), Err(wrong), "{text}");
        }
        plan(
            "seed = 1\nrequests = { delay = 0.7, drop = 0.1, stale = 0.1, server_error = 0.1, delay_ms = [0, 10000] }",
        );
        for (text, reason) in [
            ("", "missing field `seed`"),
            ("seed = -1", "invalid value: integer `-1`"),
            ("seed = 1\nrequests = { duplicate = 0.1 }", "unknown field `duplicate`"),
            ("seed = 1\nmessages = { server_error = 0.1 }", "unknown field `server_error`"),
        ] {
            let refused = toml::from_str::<ChaosProfile>(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
