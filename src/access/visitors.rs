//! Which requests are the server's own: those for a host name that was listed, from a page that may ask. A browser sends them whatever site
//! its reader looks at; a name of another site may lead to this machine (DNS rebinding), and any site may open a WebSocket anywhere.

use std::net::IpAddr;

use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, Version, header};

use crate::query::errors::Refusal;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// The longest name that a refusal repeats.
const SHOWN_MAX: usize = 64;

/// Which pages of other sites may read answers in a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    #[default]
    None,
    Any,
    /// Such as `https://example.org`.
    These(Vec<HeaderValue>),
}

impl Origins {
    /// Whether pages of a site may.
    #[must_use]
    pub fn has(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::These(origins) => origins.contains(origin),
        }
    }
}

/// What a server answers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visitors {
    /// The host names besides those of this machine itself, in small letters.
    pub hosts: Vec<String>,
    /// Whether any address may stand in place of a name, as where other machines reach the server. No page of another site has such a
    /// name.
    pub takes_addresses: bool,
    pub origins: Origins,
    /// Whether a request that a proxy has passed on is refused: the client is not on this machine, and no key says who it is.
    pub refuses_forwarded: bool,
}

impl Visitors {
    /// Whether a request may be answered.
    ///
    /// # Errors
    /// It names no host or one that is not listed, it comes from a page of another site, or it was passed on and may not be.
    pub fn check(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = self.host(version, uri, headers)?;
        if self.refuses_forwarded && is_forwarded(headers) {
            let why = "a proxy has passed this request on, and this server answers to its own machine only; start it with \
                       --api-keys FILE, or with --api-keys none where the proxy decides who comes in";
            return Err(Refusal::Foreign(why.to_owned()));
        }
        if self.is_cross_site(host.as_ref(), headers) {
            let why = "pages of other sites may not ask here; --cors SITE lets those of a site";
            return Err(Refusal::Foreign(why.to_owned()));
        }
        Ok(())
    }

    /// The host that a request is for; none where HTTP/1.0 names none.
    fn host(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<Option<Authority>, Refusal> {
        let mut given = headers.get_all(header::HOST).iter();
        let named = match (given.next(), given.next()) {
            (None, _) if version == Version::HTTP_10 && uri.authority().is_none() => return Ok(None),
            (Some(one), None) => Authority::try_from(one.as_bytes()).ok(),
            _ => None,
        };
        let Some(named) = named else {
            return Err(Refusal::Invalid("a request must name its host in one header Host".to_owned()));
        };
        // A target with a host goes before the header, so both must be known.
        for host in uri.authority().into_iter().chain([&named]).map(Authority::host) {
            if !self.answers_to(host) {
                let shown: String = host.chars().take(SHOWN_MAX).collect();
                let why = format!(
                    "this server does not answer to the host \"{shown}\"; start it with --host {shown} to allow this name"
                );
                return Err(Refusal::Foreign(why));
            }
        }
        Ok(Some(uri.authority().cloned().unwrap_or(named)))
    }

    /// Whether a host name, or an address as it stands in one, is the server's.
    fn answers_to(&self, host: &str) -> bool {
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address {
            Ok(address) if address.to_canonical().is_loopback() || self.takes_addresses => true,
            _ => name == "localhost" || self.hosts.contains(&name),
        }
    }

    /// Whether a browser sends a request for a page that is neither the server's own nor one of a site that may ask.
    fn is_cross_site(&self, host: Option<&Authority>, headers: &HeaderMap) -> bool {
        if let Some(origin) = headers.get(header::ORIGIN) {
            return !self.origins.has(origin) && !host.is_some_and(|host| is_origin_of(origin, host));
        }
        // A link on another page may be followed; a picture, a script or a frame there is none of ours.
        text(headers, &FETCH_SITE) == Some("cross-site")
            && text(headers, &FETCH_DEST) != Some("document")
            && self.origins != Origins::Any
    }
}

/// Whether an origin has the host and port of an authority. The scheme is that of the browser, which a proxy may have ended.
fn is_origin_of(origin: &HeaderValue, host: &Authority) -> bool {
    let Ok(origin) = Uri::try_from(origin.as_bytes()) else { return false };
    let Some(authority) = origin.authority() else { return false };
    let usual = if origin.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(usual);
    authority.host().eq_ignore_ascii_case(host.host()) && port(authority) == port(host)
}

/// A header's text.
#[must_use]
pub fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a proxy says that it has passed a request on.
#[must_use]
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    let says_so = |name: &HeaderName| {
        name.as_str().starts_with("x-forwarded-")
            || [header::FORWARDED, header::VIA].contains(name)
            || name == "x-real-ip"
    };
    headers.keys().any(says_so)
}

/// Whether a request asks for a WebSocket.
#[must_use]
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    text(headers, &header::UPGRADE).is_some_and(|to| to.eq_ignore_ascii_case("websocket"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(visitors: &Visitors, headers: &[(&'static str, &'static str)]) -> bool {
        let pairs =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        visitors.check(Version::HTTP_11, &Uri::from_static("/"), &pairs.collect()).is_ok()
    }

    #[test]
    fn only_names_that_were_listed_are_answered_to() {
        let local = Visitors::default();
        for host in ["localhost:8780", "LocalHost.", "127.0.0.1:1", "127.9.9.9", "[::1]:8780"] {
            assert!(check(&local, &[("host", host)]), "{host}");
        }
        for host in [
            "evil.example:8780",
            "192.0.2.7",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "a b",
            "x@localhost@y",
        ] {
            assert!(!check(&local, &[("host", host)]), "{host}");
        }
        let listed =
            Visitors { hosts: vec!["market.example.org".to_owned()], takes_addresses: true, ..Visitors::default() };
        assert!(check(&listed, &[("host", "Market.example.org")]) && check(&listed, &[("host", "192.0.2.7:80")]));
        assert!(!check(&listed, &[("host", "example.org")]) && !check(&listed, &[]));
        let absolute = Uri::from_static("http://evil.example/");
        let host = [(header::HOST, HeaderValue::from_static("localhost"))].into_iter().collect();
        assert!(local.check(Version::HTTP_11, &absolute, &host).is_err());
        assert!(local.check(Version::HTTP_10, &Uri::from_static("/"), &HeaderMap::new()).is_ok());
    }

    #[test]
    fn pages_of_other_sites_may_not_ask_unless_they_were_listed() {
        let listed =
            Visitors { origins: Origins::These(vec!["https://chart.example".parse().unwrap()]), ..Visitors::default() };
        let any = Visitors { origins: Origins::Any, ..Visitors::default() };
        let host = ("host", "localhost:8780");
        for (origin, is_own) in [
            ("http://localhost:8780", true),
            ("https://localhost:8780", true),
            ("http://localhost:5173", false),
            ("http://localhost", false),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let headers = [host, ("origin", origin)];
            assert_eq!((check(&listed, &headers), check(&any, &headers)), (is_own, true), "{origin}");
        }
        assert!(check(&listed, &[host, ("origin", "https://chart.example")]));
        assert!(check(&Visitors::default(), &[("host", "localhost"), ("origin", "http://localhost:80")]));
        let site = ("sec-fetch-site", "cross-site");
        assert!(!check(&listed, &[host, site, ("sec-fetch-dest", "script")]));
        assert!(check(&listed, &[host, site, ("sec-fetch-dest", "document")]));
    }

    #[test]
    fn what_a_proxy_has_passed_on_is_known_by_each_of_its_headers() {
        let closed = Visitors { refuses_forwarded: true, ..Visitors::default() };
        let host = ("host", "localhost");
        assert!(check(&closed, &[host, ("user-agent", "curl")]));
        for name in ["forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"] {
            assert!(!check(&closed, &[host, (name, "192.0.2.7")]), "{name}");
            assert!(check(&Visitors::default(), &[host, (name, "192.0.2.7")]), "{name}");
        }
    }
}
