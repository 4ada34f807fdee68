//! A request's query string, as each dialect reads it.

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use super::errors::Refusal;

/// As much of a wrong value as is repeated to who sent it, in characters.
const REPEATED_CHARS: usize = 40;

/// The parameters of a query string.
///
/// # Errors
/// One is missing, twice there or not what it must be.
pub fn read<T: DeserializeOwned>(uri: &Uri) -> Result<T, Refusal> {
    match Query::try_from_uri(uri) {
        Ok(Query(parameters)) => Ok(parameters),
        Err(rejection) => {
            let said = rejection.body_text();
            let reason = said.strip_prefix("Failed to deserialize query string: ").unwrap_or(&said);
            Err(Refusal::Invalid(format!("a parameter is wrong: {reason}")))
        }
    }
}

/// The beginning of a wrong value.
#[must_use]
pub fn repeated(text: &str) -> String {
    text.chars().take(REPEATED_CHARS).collect()
}
