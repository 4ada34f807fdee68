//! Where a vendor is reached: one URL for REST and one for its streams.

use std::fmt;
use std::str::FromStr;

use axum::http::Uri;
use thiserror::Error;

/// The base URLs of a vendor, without a slash at their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamAddress {
    /// `http` or `https`.
    pub rest: String,
    /// The stream's server by the scheme `http` or `https`: a WebSocket begins as a request.
    pub stream: String,
}

/// A text that is no address of a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is no address of a vendor: it must be one URL such as https://api.example.org, or two with a comma between them, \
     the second one for streams, such as https://api.example.org,wss://socket.example.org"
)]
pub struct InvalidUpstream(pub String);

impl FromStr for UpstreamAddress {
    type Err = InvalidUpstream;

    fn from_str(text: &str) -> Result<Self, InvalidUpstream> {
        let wrong = || InvalidUpstream(text.to_owned());
        let (rest, stream) = match text.split_once(',') {
            Some((rest, stream)) => (rest, stream),
            None => (text, text),
        };
        let rest = base(rest.trim(), ["http", "https"]).ok_or_else(wrong)?;
        let stream = base(stream.trim(), ["ws", "wss"]).or_else(|| base(stream.trim(), ["http", "https"]));
        Ok(Self { rest, stream: stream.ok_or_else(wrong)? })
    }
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rest, stream } = self;
        if rest == stream { f.write_str(rest) } else { write!(f, "{rest},{}", stream.replacen("http", "ws", 1)) }
    }
}

/// A base URL with the scheme `http` for the first of two schemes and `https` for the second.
fn base(text: &str, [plain, secure]: [&str; 2]) -> Option<String> {
    let text = text.trim_end_matches('/');
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let rest = text.split_once("://")?.1;
    let is_base =
        uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none() && !rest.contains(['@', '#']);
    let scheme = match scheme {
        _ if !is_base => return None,
        scheme if scheme == plain => "http",
        scheme if scheme == secure => "https",
        _ => return None,
    };
    Some(format!("{scheme}://{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_is_for_both_and_two_are_for_rest_and_streams() {
        let read = |text: &str| text.parse::<UpstreamAddress>().map(|address| (address.rest, address.stream));
        let both = |rest: &str, stream: &str| Ok((rest.to_owned(), stream.to_owned()));
        assert_eq!(read("https://a.example/"), both("https://a.example", "https://a.example"));
        assert_eq!(read("http://127.0.0.1:8780"), both("http://127.0.0.1:8780", "http://127.0.0.1:8780"));
        assert_eq!(read("https://a.example/v, wss://b.example:1"), both("https://a.example/v", "https://b.example:1"));
        for text in ["", "a.example", "ws://a.example", "https://", "https://a?b=c", "https://k@a", "https://a,ftp://b"]
        {
            assert_eq!(read(text), Err(InvalidUpstream(text.to_owned())));
        }
    }

    #[test]
    fn an_address_is_shown_as_it_is_read() {
        for text in ["https://a.example", "https://a.example,wss://b.example", "http://a:1,ws://b:2"] {
            assert_eq!(text.parse::<UpstreamAddress>().map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }
}
