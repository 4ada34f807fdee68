//! The answers of this dialect, and its errors: `{"code":-1121,"msg":"Invalid symbol."}`.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::query::errors::Refusal;
use crate::serve::kit::answers::{self, refusal};

/// Why a request is refused, in Binance's codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BinanceError {
    /// -1102
    Missing(&'static str),
    /// -1100: the parameter and what it may be.
    Illegal(&'static str, &'static str),
    /// -1130
    NotValid(&'static str),
    /// -1120
    Interval,
    /// -1121
    Symbol,
    /// -1128
    Combination,
    /// -1101: the route has no parameters.
    TooManyParameters {
        sent: usize,
    },
    /// -1104: the route does not have some of the parameters.
    Unread {
        read: usize,
        sent: usize,
    },
    Refused(Refusal),
}

/// The answer of a route.
pub type BinanceAnswer = Result<Response, BinanceError>;

impl From<Refusal> for BinanceError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownTicker(_) => Self::Symbol,
            refusal => Self::Refused(refusal),
        }
    }
}

impl BinanceError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => refusal.status(),
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn code(&self) -> i32 {
        match self {
            Self::Missing(_) => -1102,
            Self::Illegal(..) => -1100,
            Self::NotValid(_) => -1130,
            Self::Interval => -1120,
            Self::Symbol => -1121,
            Self::Combination => -1128,
            Self::TooManyParameters { .. } => -1101,
            Self::Unread { .. } => -1104,
            Self::Refused(refusal) => match refusal {
                Refusal::Invalid(_) | Refusal::TooLarge(_) | Refusal::LongHead(_) | Refusal::NoRequest => -1130,
                Refusal::UnknownTicker(_) => -1121,
                Refusal::NoRoute | Refusal::WrongMethod => -5000,
                Refusal::NoKey => -2014,
                Refusal::WrongKey => -2015,
                Refusal::Foreign(_) => -1002,
                Refusal::TooMany { .. } | Refusal::Unread => -1003,
                Refusal::Busy => -1008,
                Refusal::TooSlow | Refusal::Overloaded => -1007,
                Refusal::Unavailable | Refusal::Upstream | Refusal::NoMarket => -1001,
                Refusal::Injected(_) | Refusal::Internal(_) => -1000,
            },
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Missing(name) => {
                format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
            }
            Self::Illegal(name, legal) => {
                format!("Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
            }
            Self::NotValid(name) => format!("Data sent for parameter '{name}' is not valid."),
            Self::Interval => "Invalid interval.".to_owned(),
            Self::Symbol => "Invalid symbol.".to_owned(),
            Self::Combination => "Combination of optional parameters invalid.".to_owned(),
            Self::TooManyParameters { sent } => format!("Too many parameters; expected '0' and received '{sent}'."),
            Self::Unread { read, sent } => {
                format!("Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")
            }
            Self::Refused(Refusal::NoKey) => "API-key format invalid.".to_owned(),
            Self::Refused(Refusal::WrongKey) => "Invalid API-key, IP, or permissions for action.".to_owned(),
            Self::Refused(refusal) => refusal.to_string(),
        }
    }
}

impl IntoResponse for BinanceError {
    fn into_response(self) -> Response {
        let body = encoded(json!({"code": self.code(), "msg": self.message()}).to_string());
        match &self {
            Self::Refused(refused) => refusal(self.status(), body, refused),
            _ => (self.status(), body).into_response(),
        }
    }
}

/// A refusal in this dialect's shape.
pub fn refused(refusal: &Refusal) -> Response {
    BinanceError::from(refusal.clone()).into_response()
}

/// A body that is JSON already.
pub fn encoded(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"))], body.into()).into_response()
}

/// A body.
pub fn answer(body: &impl Serialize) -> BinanceAnswer {
    Ok(encoded(answers::encoded(body)?))
}
