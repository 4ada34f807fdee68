//! Paths and query strings, refused in a dialect's own shape.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use axum::extract::{FromRequestParts, Path};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use crate::query::errors::Refusal;
use crate::query::parameters::read;

/// The error of a dialect's routes.
pub trait RouteError: From<Refusal> + IntoResponse + Send + 'static {
    /// The names that a query string of the dialect may have. Routes see no others, so that none can be missing here; none where each
    /// route documents its own.
    const KNOWN: Option<&'static [&'static str]>;
}

/// The query string's parameters, of those that a dialect knows.
fn parameters<T: DeserializeOwned, E: RouteError>(uri: &Uri) -> Result<T, E> {
    let is_known = |name: &str| E::KNOWN.is_none_or(|known| known.contains(&name));
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    if pairs.clone().all(|(name, _)| is_known(&name)) {
        return Ok(read(uri)?);
    }
    let known = form_urlencoded::Serializer::new("/?".to_owned())
        .extend_pairs(pairs.filter(|(name, _)| is_known(name)))
        .finish();
    let invalid = |_| Refusal::Invalid("the query string is too long".to_owned());
    Ok(read(&known.parse::<Uri>().map_err(invalid)?)?)
}

/// The query string's parameters, as a type that reads them. Names that it does not know are passed over, unless it says otherwise.
pub struct QueryOf<T, E>(pub T, pub PhantomData<E>);

impl<T: DeserializeOwned, E: RouteError, S: Send + Sync> FromRequestParts<S> for QueryOf<T, E> {
    type Rejection = E;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, E> {
        Ok(Self(parameters::<_, E>(&parts.uri)?, PhantomData))
    }
}

/// The query string's parameters by name. Of a name that is there twice the last value counts.
pub struct QueryMap<E>(BTreeMap<String, String>, PhantomData<E>);

impl<E: RouteError, S: Send + Sync> FromRequestParts<S> for QueryMap<E> {
    type Rejection = E;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, E> {
        Ok(Self(parameters::<_, E>(&parts.uri)?, PhantomData))
    }
}

impl<E> QueryMap<E> {
    /// A parameter that has a value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// The segments of a path that vary.
pub struct Segments<T, E>(pub T, pub PhantomData<E>);

impl<T: DeserializeOwned + Send, E: RouteError, S: Send + Sync> FromRequestParts<S> for Segments<T, E> {
    type Rejection = E;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, E> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments, PhantomData)),
            Err(rejection) => Err(Refusal::Invalid(rejection.body_text()).into()),
        }
    }
}
