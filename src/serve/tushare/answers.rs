//! Answers of this dialect, `{"code":0,"msg":null,"data":{"fields":[…],"items":[[…]]}}`, and its errors, whose data are null.
//!
//! Every answer has status 200: the vendor's client takes any other for an empty table.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::api::ApiName;
use crate::query::errors::Refusal;
use crate::serve::kit::answers::{json, message, refusal};

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TushareError {
    /// There is no such API.
    Api(String),
    /// The API does not have such a column.
    Field(ApiName, String),
    /// The API needs this parameter.
    Missing(ApiName, &'static str),
    /// A parameter is not understood. The text has its name and what it may be.
    Parameter(ApiName, String),
    Refused(Refusal),
}

/// The answer of an API.
pub type TushareAnswer = Result<Response, TushareError>;

impl From<Refusal> for TushareError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl TushareError {
    /// The vendor's number: -2001 for a call that is wrong, 40101 for a token, 40203 for an allowance, and -2002 for the server's own.
    fn code(&self) -> i32 {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::NoKey | Refusal::WrongKey => 40101,
                Refusal::TooMany { .. } | Refusal::Unread | Refusal::Foreign(_) => 40203,
                _ if refusal.status().is_server_error() => -2002,
                _ => -2001,
            },
            _ => -2001,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Api(name) => {
                let all = ApiName::ALL.map(|(name, _)| name).join(", ");
                format!("请指定正确的接口名: there is no API \"{name}\"; there are {all}")
            }
            Self::Field(api, field) => format!("接口{}不包含字段{field}", api.as_str()),
            Self::Missing(api, name) => format!("必填参数, {name}: {} needs it", api.as_str()),
            Self::Parameter(api, what) => format!("参数校验失败: {}: {what}", api.as_str()),
            Self::Refused(Refusal::NoKey | Refusal::WrongKey) => "您的token不对，请确认。".to_owned(),
            Self::Refused(Refusal::TooMany { retry_after }) => {
                format!("抱歉，您访问太频繁: the next request is accepted in {} ms", retry_after.as_millis())
            }
            Self::Refused(refusal) => refusal.to_string(),
        }
    }
}

impl IntoResponse for TushareError {
    fn into_response(self) -> Response {
        let body = json(message(&json!({"code": self.code(), "msg": self.text(), "data": Value::Null})));
        match &self {
            Self::Refused(refused) => refusal(StatusCode::OK, body, refused),
            _ => body,
        }
    }
}

/// A refusal in this dialect's shape.
pub fn refused(refusal: &Refusal) -> Response {
    TushareError::from(refusal.clone()).into_response()
}
