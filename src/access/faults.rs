//! The faults themselves: what a key's plan says about a request or a message is done to it here.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::ws::Message;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::sleep;

use super::chaos::{ConnectionFaults, MessageFault, RequestFault};
use crate::query::Age;
use crate::query::errors::Refusal;
use klined_service::net::http::Hangup;

/// Names the fault in an answer that one was injected into.
pub const CHAOS: HeaderName = HeaderName::from_static("x-klined-chaos");
/// The wait that an injected 429 asks for.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The age that the latest trade and quote of an answer shall have.
#[derive(Debug, Clone, Default)]
pub struct Freshness(Option<Arc<AtomicBool>>);

impl Freshness {
    /// The age. A route that calls this answers by it.
    #[must_use]
    pub fn age(&self) -> Age {
        self.0.as_ref().map_or(Age::Present, |is_used| {
            is_used.store(true, Ordering::Relaxed);
            Age::Stale
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Freshness {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Answers a request with a fault, whose name is in the answer's head. Only an answer about the latest trade or quote can be stale;
/// any other is left as it is.
pub async fn inject(
    fault: RequestFault,
    refused: fn(&Refusal) -> Response,
    mut request: Request,
    next: Next,
) -> Response {
    let mut response = match fault {
        RequestFault::Delay(delay) => {
            let response = next.run(request).await;
            sleep(delay).await;
            response
        }
        RequestFault::Drop => {
            let mut response = ().into_response();
            response.extensions_mut().insert(Hangup);
            response
        }
        RequestFault::TooManyRequests => refused(&Refusal::TooMany { retry_after: RETRY_AFTER }),
        RequestFault::ServerError(status) => refused(&Refusal::Injected(status)),
        RequestFault::Stale => {
            let is_used = Arc::new(AtomicBool::new(false));
            request.extensions_mut().insert(Freshness(Some(is_used.clone())));
            let response = next.run(request).await;
            if !is_used.load(Ordering::Relaxed) {
                return response;
            }
            response
        }
    };
    response.headers_mut().insert(CHAOS, HeaderValue::from_static(fault.name()));
    response
}

/// The faults of one connection's messages about the market.
pub struct MessageFaults {
    plan: ConnectionFaults,
    /// The message that was sent last.
    former: Option<Message>,
    /// A message that is sent after the one that comes next.
    held: Option<Message>,
}

impl From<ConnectionFaults> for MessageFaults {
    fn from(plan: ConnectionFaults) -> Self {
        Self { plan, former: None, held: None }
    }
}

impl MessageFaults {
    /// The fault that a message gets, and the messages that are sent in place of it. A message that comes while another is held back
    /// is not held back too, and the first of all has none before it that could be repeated.
    pub fn apply(&mut self, message: Message) -> (Option<MessageFault>, Vec<Message>) {
        let fault = self.plan.next_message().filter(|fault| match fault {
            MessageFault::Reorder => self.held.is_none(),
            MessageFault::Stale => self.former.is_some(),
            _ => true,
        });
        let mut sent = match fault {
            Some(MessageFault::Drop) => return (fault, vec![]),
            Some(MessageFault::Reorder) => {
                self.held = Some(message);
                return (fault, vec![]);
            }
            Some(MessageFault::Duplicate) => vec![message.clone(), message],
            Some(MessageFault::Stale) => self.former.iter().cloned().collect(),
            Some(MessageFault::Delay(_)) | None => vec![message],
        };
        sent.extend(self.held.take());
        self.former = sent.last().cloned();
        (fault, sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::chaos::{Chaos, ChaosProfile, FaultPlan};

    /// What is sent in place of each of the messages 0 to 9.
    fn sent(odds: &str) -> Vec<Vec<String>> {
        let profile: ChaosProfile = toml::from_str(&format!("seed = 3\nmessages = {{ {odds} }}")).unwrap();
        let mut faults = MessageFaults::from(Chaos::from(FaultPlan::try_from(profile).unwrap()).next_connection());
        let mut apply = |number: u8| faults.apply(Message::text(number.to_string())).1;
        (0..10).map(|number| apply(number).iter().map(|sent| sent.to_text().unwrap().to_owned()).collect()).collect()
    }

    #[test]
    fn every_fault_does_to_messages_what_it_says() {
        assert_eq!(sent("delay = 1").concat().concat(), "0123456789");
        assert_eq!(sent("duplicate = 1").concat().concat(), "00112233445566778899");
        assert_eq!(sent("reorder = 1").concat().concat(), "1032547698");
        assert_eq!(sent("stale = 1").concat().concat(), "0000000000");
        assert_eq!(sent("drop = 1").concat().concat(), "");
        // A stale message is the one that was sent just before it.
        let stale = sent("stale = 0.5").concat();
        assert!(
            stale.iter().zip(0..).skip(1).all(|(sent, n)| *sent == n.to_string() || *sent == stale[n - 1]),
            "{stale:?}"
        );
        assert!(stale.windows(2).any(|pair| pair[0] == pair[1] && pair[0] != "0"), "{stale:?}");
        // However faults are mixed, only a stale message is lost, and one that is held back waits for one other.
        let mixed = sent("duplicate = 0.3, reorder = 0.4, delay = 0.1").concat();
        let mut once: Vec<&str> = mixed.iter().map(String::as_str).collect();
        once.sort_unstable();
        once.dedup();
        assert!(once.len() >= 9 && mixed.len() > 10 && !mixed.is_sorted(), "{mixed:?}");
    }
}
