//! An answer of a vendor that several requests may share: each of them reads it from its beginning while it still comes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a request may wait for its turn, for the head of its answer, and for each piece of the body.
pub(super) const WAIT: Duration = Duration::from_secs(30);
/// The longest answer of a vendor, in bytes. Its longest pages have 50,000 rows.
pub(super) const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why a vendor has not answered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RestError {
    #[error("the request cannot be passed on: {0}")]
    Invalid(String),
    #[error("the vendor cannot be reached: {0}")]
    Unreachable(String),
    #[error("the vendor did not answer in time")]
    Slow,
    #[error("too many requests wait for the vendor")]
    Busy,
    #[error("the vendor's answer has ended early: {0}")]
    Broken(String),
    #[error("the vendor's answer is too long")]
    TooLong,
}

/// Status and headers.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

#[derive(Debug, Default)]
struct Come {
    head: Option<Result<Head, RestError>>,
    chunks: Vec<Bytes>,
    /// Whether all has come, or why the rest does not come.
    end: Option<Result<(), RestError>>,
}

/// What has come of an answer.
pub(super) struct SharedAnswer {
    come: Mutex<Come>,
    /// Increases with everything that comes.
    version: watch::Sender<u64>,
}

impl SharedAnswer {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { come: Mutex::default(), version: watch::Sender::new(0) })
    }

    fn note(&self, note: impl FnOnce(&mut Come)) {
        note(&mut self.come.lock().unwrap_or_else(PoisonError::into_inner));
        self.version.send_modify(|version| *version += 1);
    }

    fn look<T>(&self, look: impl FnOnce(&Come) -> T) -> T {
        look(&self.come.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// There is no answer.
    pub fn fail(&self, error: RestError) {
        self.note(|come| (come.head, come.end) = (Some(Err(error.clone())), Some(Err(error))));
    }

    /// Takes an answer as it comes.
    pub async fn fill(&self, head: Head, mut body: Incoming) {
        self.note(|come| come.head = Some(Ok(head)));
        let mut bytes = 0;
        let end = loop {
            match timeout(WAIT, body.frame()).await {
                Err(_) => break Err(RestError::Slow),
                Ok(None) => break Ok(()),
                Ok(Some(Err(error))) => break Err(RestError::Broken(error.to_string())),
                Ok(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    bytes += data.len();
                    if bytes > ANSWER_BYTES_MAX {
                        break Err(RestError::TooLong);
                    }
                    self.note(|come| come.chunks.push(data));
                }
            }
        };
        self.note(|come| come.end = Some(end));
    }

    /// Waits for status and headers.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn head(&self) -> Result<Head, RestError> {
        let mut versions = self.version.subscribe();
        loop {
            if let Some(head) = self.look(|come| come.head.clone()) {
                return head;
            }
            versions.changed().await.map_err(|_| RestError::Broken("the relay stops".to_owned()))?;
        }
    }

    /// The body from its beginning, as it comes.
    pub fn body(self: Arc<Self>) -> Body {
        let versions = self.version.subscribe();
        let chunks = stream::unfold((self, versions, 0), |(answer, mut versions, place)| async move {
            loop {
                let (chunk, end) = answer.look(|come| (come.chunks.get(place).cloned(), come.end.clone()));
                match (chunk, end) {
                    (Some(chunk), _) => return Some((Ok(chunk), (answer, versions, place + 1))),
                    (None, Some(Ok(()))) => return None,
                    // After an error a body is not read on.
                    (None, Some(Err(error))) => return Some((Err(error), (answer, versions, place))),
                    (None, None) => drop(versions.changed().await),
                }
            }
        });
        Body::from_stream(chunks.fuse())
    }
}
