//! The errors of a request. Each dialect has its own wording for them; none shows SQL or a backtrace.

use std::time::Duration;

use axum::http::StatusCode;
use thiserror::Error;

use crate::jobs::JobError;
use crate::store::StoreError;
use klined_market::calendar::CalendarError;
use klined_service::net::http::{HEADER_BYTES, TARGET_BYTES_MAX};

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A parameter is invalid. The text names the parameter and what is valid.
    #[error("{0}")]
    Invalid(String),
    #[error("there is no ticker \"{0}\", or it has no bar yet; /api/v2/tickers lists those that there are")]
    UnknownTicker(String),
    #[error("the market has no bar yet; start market-backfill or market-generator")]
    NoMarket,
    #[error("there is nothing here; /docs lists the routes")]
    NoRoute,
    #[error("this route does not support this method; /docs lists the routes with their methods")]
    WrongMethod,
    #[error("a request here has no body, or one of at most {0} bytes")]
    TooLarge(u64),
    /// The head of a request is too long.
    #[error(
        "the URL of a request may have {} bytes and its headers {}; ask for fewer symbols at a time",
        TARGET_BYTES_MAX,
        HEADER_BYTES
    )]
    LongHead(StatusCode),
    #[error("this is no request of HTTP/1.1")]
    NoRequest,
    #[error("a key is needed: X-API-Key, Authorization: Bearer, or ?api_key=")]
    NoKey,
    #[error("the key is not known")]
    WrongKey,
    /// The request is for another host, or comes from a page of another site. The text says what the server's starter can do.
    #[error("{0}")]
    Foreign(String),
    #[error("too many requests; the next one is accepted in {} ms", retry_after.as_millis())]
    TooMany { retry_after: Duration },
    /// The client's address has been sent more than it reads.
    #[error("this address has not read the answers that it was sent; read them, or ask for less at a time")]
    Unread,
    #[error("too many requests are waiting for the database; try again")]
    Busy,
    #[error("the database has not answered in time; ask for less or try again")]
    TooSlow,
    /// The answer takes too long to make, or too many answers are being made.
    #[error("the server did not finish the answer in time; ask for less or try again")]
    Overloaded,
    #[error("the database cannot be reached at present; try again")]
    Unavailable,
    /// A failure that the chaos profile of the key demands.
    #[error("the chaos profile of this key made the server fail")]
    Injected(StatusCode),
    #[error("the vendor does not answer at present; try again")]
    Upstream,
    /// An internal error. The log has its details under this number.
    #[error("an internal error, number {0} in the server's log")]
    Internal(u64),
}

/// A client's time outside of the calendar.
impl From<CalendarError> for Refusal {
    fn from(error: CalendarError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<CalendarError> for Failure {
    fn from(error: CalendarError) -> Self {
        Self::Job(error.into())
    }
}

impl Refusal {
    /// The refusal of a head that the server cannot take, by the status of that.
    #[must_use]
    pub fn of_head(status: StatusCode) -> Self {
        if status == StatusCode::BAD_REQUEST { Self::NoRequest } else { Self::LongHead(status) }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::NoRequest => StatusCode::BAD_REQUEST,
            Self::LongHead(status) => *status,
            Self::UnknownTicker(_) | Self::NoMarket | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoKey | Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::Foreign(_) => StatusCode::FORBIDDEN,
            Self::TooMany { .. } | Self::Unread => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::TooSlow | Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream => StatusCode::BAD_GATEWAY,
            Self::Injected(status) => *status,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) | Self::NoRequest => "invalid_request",
            Self::UnknownTicker(_) => "unknown_ticker",
            Self::NoMarket => "empty_market",
            Self::NoRoute => "not_found",
            Self::WrongMethod => "method_not_allowed",
            Self::TooLarge(_) | Self::LongHead(_) => "too_large",
            Self::NoKey => "missing_key",
            Self::WrongKey => "invalid_key",
            Self::Foreign(_) => "forbidden",
            Self::TooMany { .. } | Self::Unread => "rate_limited",
            Self::Busy => "busy",
            Self::TooSlow | Self::Overloaded => "timeout",
            Self::Unavailable | Self::Upstream => "unavailable",
            Self::Injected(_) | Self::Internal(_) => "internal",
        }
    }

    /// The seconds to wait before the next request, for errors that pass.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            // Rounded up, so that a client that waits this long is admitted.
            Self::TooMany { retry_after } => Some((retry_after.as_secs_f64().ceil() as u64).max(1)),
            Self::Unread | Self::Busy | Self::TooSlow | Self::Overloaded | Self::Unavailable | Self::Upstream => {
                Some(1)
            }
            _ => None,
        }
    }
}

/// A failure of the layers below, before [`super::Reader::refusal`] decides what the client may see of it.
#[derive(Debug, Error)]
pub enum Failure {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error("a worker thread ended in a panic; this is a bug, please report it")]
    Panicked,
}
