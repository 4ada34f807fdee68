//! Paths and query strings, refused in a dialect's own shape.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use axum::extract::{FromRequestParts, MatchedPath, Path};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use crate::access::guard::KEY_PARAMETERS;
use crate::query::errors::Refusal;
use crate::query::parameters::{read, repeated};

/// From this likeness on, in thousandths, one name may be meant by another.
const NEAR: u32 = 750;

/// The error of a dialect's routes.
pub trait RouteError: From<Refusal> + IntoResponse + Send + 'static {
    /// The names that a query string of the dialect may have. Routes see no others, so that none can be missing here.
    const KNOWN: &'static [&'static str];

    /// Looks at the names that a query string has besides those of a key. The route is its pattern, with `{name}` for a segment that
    /// varies.
    ///
    /// # Errors
    /// The route does not have one of them.
    fn check(route: &str, names: &[Cow<'_, str>]) -> Result<(), Self>;
}

/// The names of a query string, without those under which a key may be given.
pub fn names(uri: &Uri) -> Vec<Cow<'_, str>> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.map(|(name, _)| name).filter(|name| !KEY_PARAMETERS.contains(&&**name)).collect()
}

/// Refuses a name that a route does not have, and says which one is nearest to it.
///
/// # Errors
/// There is such a name.
pub fn refuse_others(names: &[Cow<'_, str>], known: &[&str]) -> Result<(), Refusal> {
    let Some(other) = names.iter().find(|name| !known.contains(&&***name)) else { return Ok(()) };
    let nearness = |known: &&&str| (strsim::jaro_winkler(&other.to_lowercase(), known) * 1000.0) as u32;
    let nearest = known.iter().max_by_key(nearness).filter(|known| nearness(known) >= NEAR);
    let meant = nearest.map(|known| format!(", perhaps \"{known}\" is meant")).unwrap_or_default();
    let all = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let other = repeated(other);
    Err(Refusal::Invalid(format!("there is no parameter \"{other}\"{meant}; this route has {all}")))
}

/// The number and the unit of a length of time such as `15m`; none where a text does not begin with a number.
pub fn counted(text: &str) -> Option<(u32, &str)> {
    let (count, unit) = text.split_at(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len());
    Some((count.parse().ok()?, unit))
}

/// The pattern of the route that a request has reached.
pub fn route(parts: &Parts) -> &str {
    parts.extensions.get::<MatchedPath>().map_or(parts.uri.path(), MatchedPath::as_str)
}

/// The query string's parameters, of those that a dialect knows.
fn parameters<T: DeserializeOwned, E: RouteError>(parts: &Parts) -> Result<T, E> {
    let uri = &parts.uri;
    E::check(route(parts), &names(uri))?;
    let is_known = |name: &str| E::KNOWN.contains(&name);
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

/// The query string's parameters, as a type that reads them.
pub struct QueryOf<T, E>(pub T, pub PhantomData<E>);

impl<T: DeserializeOwned, E: RouteError, S: Send + Sync> FromRequestParts<S> for QueryOf<T, E> {
    type Rejection = E;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, E> {
        Ok(Self(parameters::<_, E>(parts)?, PhantomData))
    }
}

/// The query string's parameters by name. Of a name that is there twice the last value counts.
pub struct QueryMap<E>(BTreeMap<String, String>, PhantomData<E>);

impl<E: RouteError, S: Send + Sync> FromRequestParts<S> for QueryMap<E> {
    type Rejection = E;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, E> {
        Ok(Self(parameters::<_, E>(parts)?, PhantomData))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_route_does_not_have_is_refused_with_the_nearest_one() {
        let known = ["timeframe", "start", "end", "limit"];
        let refused = |query: &str| {
            let refusal = refuse_others(&names(&format!("/any?{query}").parse().unwrap()), &known).err();
            refusal.map(|refusal| refusal.to_string())
        };
        for right in ["", "start=1&end=2", "api_key=a.b&limit=3", "apiKey=a.b", "st%61rt=1"] {
            assert_eq!(refused(right), None, "{right}");
        }
        for (wrong, name, meant) in [
            ("limt=3", "limt", Some("limit")),
            ("start=1&timefrme=1d", "timefrme", Some("timeframe")),
            ("Start=1", "Start", Some("start")),
            ("interval=1d", "interval", None),
            ("=", "", None),
        ] {
            let message = refused(wrong).unwrap_or_default();
            assert!(message.contains(&format!("\"{name}\"")) && message.contains("timeframe, start"), "{message}");
            let said = message.split("perhaps \"").nth(1).and_then(|rest| rest.split('"').next());
            assert_eq!(said, meant, "{message}");
        }
    }
}
