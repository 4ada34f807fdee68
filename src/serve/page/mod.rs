//! The chart page: the files that Vite builds from `web/`, embedded in the program.
//!
//! There is a route for each file and nothing is looked up, so no path leads anywhere else.

use std::net::IpAddr;

use axum::body::Bytes;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, ORIGIN, REFERRER_POLICY,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::server::PageKey;
use crate::access::visitors::is_forwarded;
use klined_service::net::http::Peer;

/// Path below the root, and content.
pub type PageFile = (&'static str, &'static [u8]);

static FILES: &[PageFile] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

const INDEX: &str = "index.html";
/// Vite names these files by their content.
const NAMED_BY_CONTENT: &str = "assets/";
/// Where the index takes the key of the page.
const KEY_PLACE: &str = r#"<meta name="klined-key" content=""#;

/// Nothing from another site, nothing inline, and the page in no frame.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// What stands in for the page where the program was built without it.
const MISSING: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>klined</title>\
    <h1>The chart page is not in this build</h1>\
    <p>The market is served nevertheless: see <a href=\"/docs\">/docs</a>. To have the page, with Node 20.19 or newer:</p>\
    <pre>cd web\nnpm ci\nnpm run build\ncd ..\ncargo build --release</pre></html>\n";

/// The routes of the page. Its requests are made with the key, which consists of letters, digits, `-`, `_` and `.`; it is empty where none is
/// needed. Who does not get the key in it is asked for one by the page.
pub fn routes<S: Clone + Send + Sync + 'static>(key: &str, who: PageKey) -> Router<S> {
    routes_of(FILES, key, who)
}

/// The routes of a page of these files, one of which is `index.html`, as [`routes`].
pub fn routes_of<S: Clone + Send + Sync + 'static>(files: &'static [PageFile], key: &str, who: PageKey) -> Router<S> {
    let (with_key, without) = (Bytes::from(index(files, key)), Bytes::from(index(files, "")));
    let root = get(move |peer: Option<Extension<Peer>>, version: Version, asked: HeaderMap| async move {
        let has_key = match who {
            PageKey::Everybody => true,
            PageKey::ThisMachine => is_from_here(peer.map(|Extension(peer)| peer), version, &asked),
            PageKey::Withheld => false,
        };
        (headers("text/html; charset=utf-8", "no-store"), if has_key { with_key } else { without })
    });
    files.iter().filter(|(path, _)| *path != INDEX).fold(Router::new().route("/", root), |router, &(path, content)| {
        let tag = format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(content)[..16]));
        router.route(&format!("/{path}"), get(move |asked| async move { file(path, content, &tag, &asked) }))
    })
}

/// Whether a browser on this machine asks, and no proxy for it: a proxy says so in a header, keeps the name that its client knows, or
/// speaks HTTP/1.0, which no browser does.
fn is_from_here(peer: Option<Peer>, version: Version, asked: &HeaderMap) -> bool {
    let host = asked.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let names_this_machine = host.is_some_and(|host| {
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    peer.is_some_and(|Peer(address)| address.to_canonical().is_loopback())
        && names_this_machine
        && version == Version::HTTP_11
        && !asked.contains_key(ORIGIN)
        && !is_forwarded(asked)
}

/// The index with the key in it. No client may store it: the next process has another key.
fn index(files: &[PageFile], key: &str) -> String {
    let found = files.iter().find(|(path, _)| *path == INDEX);
    let text = found.map_or(MISSING.into(), |(_, content)| String::from_utf8_lossy(content));
    text.replacen(KEY_PLACE, &format!("{KEY_PLACE}{key}"), 1)
}

fn file(path: &str, content: &'static [u8], tag: &str, asked: &HeaderMap) -> Response {
    let caching = if path.starts_with(NAMED_BY_CONTENT) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let tagged = [(ETAG, tag.to_owned())];
    let is_known = |known: &str| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    if asked.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).is_some_and(is_known) {
        return (StatusCode::NOT_MODIFIED, headers(content_type(path), caching), tagged).into_response();
    }
    (headers(content_type(path), caching), tagged, content).into_response()
}

fn headers(content_type: &'static str, caching: &'static str) -> [(HeaderName, &'static str); 4] {
    [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, caching),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ]
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn asset(extension: &str) -> PageFile {
        *FILES.iter().find(|(path, _)| path.starts_with(NAMED_BY_CONTENT) && path.ends_with(extension)).unwrap()
    }

    #[test]
    fn the_page_is_in_the_program_and_names_its_own_files() {
        let text = index(FILES, "k3y");
        assert!(text.contains(r#"<meta name="klined-key" content="k3y">"#), "{text}");
        for extension in [".js", ".css"] {
            let (path, content) = asset(extension);
            assert!(!content.is_empty());
            let users = FILES
                .iter()
                .filter(|(_, content)| String::from_utf8_lossy(content).contains(path.rsplit('/').next().unwrap()));
            assert!(users.count() > 0, "no file uses {path}");
        }
        assert!(!text.contains("<style") && !text.contains("style="), "the policy forbids what is inline");
    }

    #[test]
    fn a_program_built_without_the_page_says_how_to_build_it() {
        let text = index(&[], "k3y");
        assert!(text.contains("npm ci") && !text.contains("k3y"), "{text}");
    }

    #[test]
    fn this_machine_gets_the_key_and_no_client_behind_a_proxy_does() {
        let from = |address: &str, version, headers: &[(&'static str, &'static str)]| {
            let asked = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            is_from_here(Some(Peer(address.parse().unwrap())), version, &asked.collect())
        };
        let (host, now) = (("host", "localhost:8780"), Version::HTTP_11);
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(from(address, now, &[host, ("user-agent", "curl")]), "{address}");
            for passed_on in ["x-forwarded-for", "x-forwarded-host", "forwarded", "via", "x-real-ip", "origin"] {
                assert!(!from(address, now, &[host, (passed_on, "192.0.2.7")]), "{address} {passed_on}");
            }
        }
        for host in ["127.0.0.1", "[::1]:8780", "LOCALHOST"] {
            assert!(from("::1", now, &[("host", host)]), "{host}");
        }
        for host in ["market.example.org", "192.0.2.7:8780", ""] {
            assert!(!from("::1", now, &[("host", host)]), "{host}");
        }
        assert!(!from("127.0.0.1", Version::HTTP_10, &[host]) && !from("127.0.0.1", now, &[]));
        assert!(!from("192.0.2.7", now, &[host]) && !from("::ffff:192.0.2.7", now, &[host]));
        assert!(!is_from_here(None, now, &[(HOST, HeaderValue::from_static("localhost"))].into_iter().collect()));
    }

    #[test]
    fn a_file_is_sent_once() {
        let (path, content) = asset(".js");
        let fresh = file(path, content, "\"tag\"", &HeaderMap::new());
        assert_eq!(fresh.status(), StatusCode::OK);
        assert_eq!(fresh.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(fresh.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
        let mut asked = HeaderMap::new();
        asked.insert(IF_NONE_MATCH, "\"other\", W/\"tag\"".parse().unwrap());
        let known = file(path, content, "\"tag\"", &asked);
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(known.headers()[ETAG], "\"tag\"");
        assert_eq!(file("favicon.svg", content, "\"tag\"", &asked).headers()[CACHE_CONTROL], "no-cache");
    }
}
