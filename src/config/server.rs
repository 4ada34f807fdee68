//! The market's server: `KLINED_API_ADDR`, `KLINED_API_CONNECTIONS`, `KLINED_API_CONNECTIONS_PER_ADDRESS`,
//! `KLINED_API_CLIENT_TIMEOUT`, `KLINED_API_REQUEST_TIMEOUT`, `KLINED_API_RATE`, `KLINED_API_KEYS`, `KLINED_API_CORS`,
//! `KLINED_API_EXTERNAL_URL`, `KLINED_PUBLIC_PAGE`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use clap::Args;
use klined_service::args::{ListenAddress, listen_address};
use klined_service::net::http::Bounds;

use crate::access::limits::Rate;
use crate::serve::{Origins, ServerOptions};

/// Where the server listens when nobody says otherwise.
pub const USUAL_ADDRESS: &str = "127.0.0.1:8780";
/// How long connections may go on after the wish to stop.
const DRAIN: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// Serve the market here: PORT on the loopback address, ADDRESS:PORT, or none [default: 127.0.0.1:8780]
    #[arg(long, env = "KLINED_API_ADDR", value_name = "ADDRESS", value_parser = address)]
    pub addr: Option<ListenAddress>,

    /// The most connections served at once; others wait
    #[arg(long, env = "KLINED_API_CONNECTIONS", value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,

    /// The most connections of one address; others are closed
    #[arg(long, env = "KLINED_API_CONNECTIONS_PER_ADDRESS", value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections_per_address: u32,

    /// How long a client may be silent before and within a request, and leave an answer unread, in seconds
    #[arg(long, env = "KLINED_API_CLIENT_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub client_timeout: u64,

    /// How long an answer may take, in seconds
    #[arg(long, env = "KLINED_API_REQUEST_TIMEOUT", value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub request_timeout: u64,

    /// Requests a second of one address, twice as many at once after a pause; keys have limits of their own
    #[arg(long, env = "KLINED_API_RATE", value_name = "N", default_value = "200")]
    pub rate: NonZeroU32,

    /// A TOML file of keys, as `klined key NAME` makes them, or none: then everybody may ask, and only a loopback address is
    /// listened on
    #[arg(long, env = "KLINED_API_KEYS", value_name = "FILE|none")]
    pub api_keys: Option<PathBuf>,

    /// Sites whose pages may read answers in a browser, separated by commas, or *  [default: none]
    #[arg(long, env = "KLINED_API_CORS", value_name = "ORIGINS", value_parser = origins)]
    pub cors: Option<Origins>,

    /// Where clients reach this server, such as `https://market.example.org`: what links in answers begin with [default: what a
    /// request's Host says]
    #[arg(long, env = "KLINED_API_EXTERNAL_URL", value_name = "URL", value_parser = external_url)]
    pub external_url: Option<String>,

    /// Let whoever opens the chart page see the market; else only programs of this machine get its key, and the page asks for one
    #[arg(long, env = "KLINED_PUBLIC_PAGE")]
    pub public_page: bool,
}

/// Which keys are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysFrom<'a> {
    /// Nobody has said.
    Unsaid,
    /// Everybody may ask.
    Nobody,
    File(&'a std::path::Path),
}

impl ServerArgs {
    /// Where to listen, if at all, and whether somebody has said so.
    #[must_use]
    pub fn address(&self) -> (Option<SocketAddr>, bool) {
        match self.addr {
            Some(ListenAddress(address)) => (address, true),
            None => (USUAL_ADDRESS.parse().ok(), false),
        }
    }

    /// Where the keys are.
    #[must_use]
    pub fn keys(&self) -> KeysFrom<'_> {
        match &self.api_keys {
            None => KeysFrom::Unsaid,
            Some(path) if path.as_os_str() == "none" => KeysFrom::Nobody,
            Some(path) => KeysFrom::File(path),
        }
    }

    /// What the server takes.
    #[must_use]
    pub fn options(&self) -> ServerOptions {
        let bounds = Bounds {
            connections: self.connections,
            connections_of_address: self.connections_per_address,
            silence: Duration::from_secs(self.client_timeout),
            life: None,
            drain: DRAIN,
        };
        ServerOptions {
            bounds,
            deadline: Duration::from_secs(self.request_timeout),
            address_rate: Rate::of(self.rate),
            is_page_public: self.public_page,
            origins: self.cors.clone().unwrap_or_default(),
            external_url: self.external_url.clone().filter(|url| !url.is_empty()),
        }
    }
}

fn address(text: &str) -> Result<ListenAddress, String> {
    if text == "none" { Ok(ListenAddress(None)) } else { listen_address(text) }
}

fn external_url(text: &str) -> Result<String, String> {
    let is_right = |url: &str| {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        ["http", "https"].contains(&scheme)
            && !rest.is_empty()
            && rest.chars().all(|c| c.is_ascii_graphic())
            && !rest.contains(['?', '#', '"', '\\'])
    };
    let url = text.trim_end_matches('/');
    if url.is_empty() || is_right(url) {
        Ok(url.to_owned())
    } else {
        Err(format!("\"{text}\" is no URL of a server: it must be like https://market.example.org"))
    }
}

fn origins(text: &str) -> Result<Origins, String> {
    let origin = |text: &str| {
        let wrong = || format!("\"{text}\" is no site: it must be like https://example.org or http://localhost:5173");
        let (scheme, host) = text.split_once("://").ok_or_else(wrong)?;
        let is_right = ["http", "https"].contains(&scheme) && !host.is_empty() && !host.contains(['/', ' ', '*']);
        HeaderValue::from_str(text).ok().filter(|_| is_right).ok_or_else(wrong)
    };
    match text {
        "" => Ok(Origins::None),
        "*" => Ok(Origins::Any),
        _ => text.split(',').map(|text| origin(text.trim())).collect::<Result<_, _>>().map(Origins::These),
    }
}
