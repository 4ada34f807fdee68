//! The faults themselves: what a key's plan says befalls a request or a message is done to it here.

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

use crate::access::chaos::{MessageFault, Messages, RequestFault};
use crate::query::Age;
use crate::query::errors::Refusal;
use klined_service::net::http::Hangup;

/// Names the fault in an answer that was not left as it was.
pub const CHAOS: HeaderName = HeaderName::from_static("x-klined-chaos");
/// When whoever is told that it asks too much may ask again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How old an answer about the latest trade and quote shall be.
#[derive(Debug, Clone, Default)]
pub struct Freshness(Option<Arc<AtomicBool>>);

impl Freshness {
    /// The age, from whoever answers by it.
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

/// Answers a request as a fault has it, with the fault's name in the head. A stale answer is one only where the latest trade or quote
/// is asked for.
pub async fn befall(
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

/// What befalls what is told of the market on one connection.
pub struct Disturbance {
    plan: Messages,
    /// What was told last.
    former: Option<Message>,
    /// What is told after the message that comes next.
    held: Option<Message>,
}

impl From<Messages> for Disturbance {
    fn from(plan: Messages) -> Self {
        Self { plan, former: None, held: None }
    }
}

impl Disturbance {
    /// What befalls a message, and what is told in place of it. A message that comes while another is held back is not held back
    /// too, and the first of all has none before it that could be told.
    pub fn befall(&mut self, message: Message) -> (Option<MessageFault>, Vec<Message>) {
        let fault = self.plan.next_message().filter(|fault| match fault {
            MessageFault::Reorder => self.held.is_none(),
            MessageFault::Stale => self.former.is_some(),
            _ => true,
        });
        let mut told = match fault {
            Some(MessageFault::Drop) => return (fault, vec![]),
            Some(MessageFault::Reorder) => {
                self.held = Some(message);
                return (fault, vec![]);
            }
            Some(MessageFault::Duplicate) => vec![message.clone(), message],
            Some(MessageFault::Stale) => self.former.iter().cloned().collect(),
            Some(MessageFault::Delay(_)) | None => vec![message],
        };
        told.extend(self.held.take());
        self.former = told.last().cloned();
        (fault, told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::chaos::{Chaos, Plan, Profile};

    /// What is told of the messages 0 to 9, and in place of each.
    fn told(odds: &str) -> Vec<Vec<String>> {
        let profile: Profile = toml::from_str(&format!("seed = 3\nmessages = {{ {odds} }}")).unwrap();
        let mut disturbance = Disturbance::from(Chaos::from(Plan::try_from(profile).unwrap()).next_connection());
        let mut befall = |number: u8| disturbance.befall(Message::text(number.to_string())).1;
        (0..10).map(|number| befall(number).iter().map(|told| told.to_text().unwrap().to_owned()).collect()).collect()
    }

    #[test]
    fn every_fault_does_to_messages_what_it_says() {
        assert_eq!(told("delay = 1").concat().concat(), "0123456789");
        assert_eq!(told("duplicate = 1").concat().concat(), "00112233445566778899");
        assert_eq!(told("reorder = 1").concat().concat(), "1032547698");
        assert_eq!(told("stale = 1").concat().concat(), "0000000000");
        assert_eq!(told("drop = 1").concat().concat(), "");
        // What is stale is what was told just before it.
        let stale = told("stale = 0.5").concat();
        assert!(
            stale.iter().zip(0..).skip(1).all(|(told, n)| *told == n.to_string() || *told == stale[n - 1]),
            "{stale:?}"
        );
        assert!(stale.windows(2).any(|pair| pair[0] == pair[1] && pair[0] != "0"), "{stale:?}");
        // Whatever is mixed, only what is stale is not told, and what is held back waits for one message.
        let mixed = told("duplicate = 0.3, reorder = 0.4, delay = 0.1").concat();
        let mut once: Vec<&str> = mixed.iter().map(String::as_str).collect();
        once.sort_unstable();
        once.dedup();
        assert!(once.len() >= 9 && mixed.len() > 10 && !mixed.is_sorted(), "{mixed:?}");
    }
}
