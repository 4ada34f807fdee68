//! What the vendor's WebSockets have in common, whatever they carry: statuses, the key in a message, and how a connection ends.

use axum::body::Bytes;
use axum::extract::ws::Message;
use serde::Deserialize;
use serde_json::json;

use crate::access::guard::Credentials;
use crate::query::parameters::repeated;
use crate::relay::Notice;
use crate::serve::kit::answers::message;
use crate::serve::kit::client::Incoming;
use crate::serve::kit::protocol::{Login, Reply, SocketProblem, arrays};

/// From this length on a frame is sent and another begun: clients take 1 MiB at most.
const FRAME_BYTES: usize = 256 * 1024;

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum PolygonRequest {
    Auth { params: String },
    Subscribe { params: String },
    Unsubscribe { params: String },
}

/// Why a part of a subscription is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTopic {
    /// The vendor has such a channel, this market has not.
    Missing,
    /// It is not `CHANNEL.TICKER`.
    Malformed,
}

/// Messages in arrays.
#[must_use]
pub fn frames(messages: &[Bytes]) -> Vec<Message> {
    arrays(messages, FRAME_BYTES)
}

/// Something about the connection.
#[must_use]
pub fn status_message(status: &str, text: &str) -> Bytes {
    message(&json!({"ev": "status", "status": status, "message": text}))
}

/// The same as a frame.
#[must_use]
pub fn status(status: &str, text: &str) -> Vec<Message> {
    frames(&[status_message(status, text)])
}

/// The status that a connection begins with.
#[must_use]
pub fn greeting() -> Vec<Message> {
    status("connected", "Connected Successfully")
}

/// The status of a client whose key is right.
#[must_use]
pub fn welcome() -> Vec<Message> {
    status("auth_success", "authenticated")
}

/// Reads the message that must give a key.
#[must_use]
pub fn login(message: &Incoming) -> Login {
    match message.text().map(serde_json::from_str) {
        Some(Ok(PolygonRequest::Auth { params })) => Login::Given(Credentials::Whole(params)),
        _ => {
            let how = "authenticate first: {\"action\":\"auth\",\"params\":KEY}";
            Login::Missing(status("auth_required", how).into())
        }
    }
}

/// The status that a connection ends with.
fn closing(name: &'static str, message: &str) -> Reply {
    Reply::closing(status(name, message), name)
}

/// The reply to a problem.
#[must_use]
pub fn problem(problem: SocketProblem) -> Reply {
    match problem {
        SocketProblem::AuthTimeout => closing("auth_timeout", "No authentication request received."),
        SocketProblem::WrongKey => closing("auth_failed", "authentication failed"),
        SocketProblem::ConnectionLimit => {
            closing("max_connections", "Maximum number of websocket connections exceeded.")
        }
        SocketProblem::TooManyMessages(refusal) => status("error", &refusal.to_string()).into(),
        SocketProblem::SlowClient(missed) => {
            let message = format!("too slow: {missed} rounds of events were missed; connect again");
            closing("slow_consumer", &message)
        }
    }
}

/// The status that follows a change of the connection to the vendor.
#[must_use]
pub fn notice(notice: &Notice) -> Vec<Message> {
    match notice {
        Notice::Lost(why) => {
            let message = format!("the connection to the vendor is lost and is opened again: {why}");
            status("error", &message)
        }
        Notice::Back { missing } => {
            let missing = missing.as_secs_f64();
            status("success", &format!("connected to the vendor again: the messages of {missing:.1} s are missing"))
        }
        Notice::Complaint(why) => status("error", why),
    }
}

/// The request in a client's message, or the status that answers one that is none. `example` is a subscription.
///
/// # Errors
/// The message is no request.
pub fn request(message: &Incoming, example: &str) -> Result<PolygonRequest, Vec<Message>> {
    let Some(text) = message.text() else { return Err(status("error", "messages are text")) };
    serde_json::from_str(text).map_err(|error| {
        let how = format!("say {{\"action\":\"subscribe\",\"params\":\"{example}\"}} or unsubscribe");
        status("error", &format!("{how}: {error}"))
    })
}

/// The topics of a subscription, and a status for each part that is none.
pub fn topics<T>(params: &str, parse: impl Fn(&str) -> Result<T, NoTopic>) -> (Vec<T>, Vec<Bytes>) {
    let (mut topics, mut wrong) = (Vec::new(), Vec::new());
    for text in params.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let shown = repeated(text);
        match parse(text) {
            Ok(topic) => topics.push(topic),
            Err(NoTopic::Missing) => {
                let why = format!("You're not authorized to access: {shown}");
                wrong.push(status_message("not_authorized", &why));
            }
            Err(NoTopic::Malformed) => {
                wrong.push(status_message("error", &format!("invalid subscription: {shown}")));
            }
        }
    }
    (topics, wrong)
}

/// A status for each topic that was subscribed to or unsubscribed from.
pub fn done(what: &str, topics: impl IntoIterator<Item = String>) -> Vec<Message> {
    let status = |topic: String| status_message("success", &format!("{what} to: {topic}"));
    frames(&topics.into_iter().map(status).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_may_say_is_understood() {
        let said = |text: &str| serde_json::from_str::<PolygonRequest>(text).ok();
        assert_eq!(said(r#"{"action":"auth","params":"k"}"#), Some(PolygonRequest::Auth { params: "k".to_owned() }));
        assert_eq!(
            said(r#"{"action":"subscribe","params":"T.*"}"#),
            Some(PolygonRequest::Subscribe { params: "T.*".to_owned() })
        );
        for text in ["", "[]", "{}", r#"{"action":"auth"}"#, r#"{"action":"x","params":""}"#] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
