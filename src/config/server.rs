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

/// Where the server listens by default.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8780";
/// How long connections may go on after the request to stop.
const DRAIN: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// Serve the market at this address: PORT (on 127.0.0.1), ADDRESS:PORT, or none [default: 127.0.0.1:8780]
    #[arg(long, env = "KLINED_API_ADDR", value_name = "ADDRESS", value_parser = address)]
    pub addr: Option<ListenAddress>,

    /// Most connections served at once; further ones wait
    #[arg(long, env = "KLINED_API_CONNECTIONS", value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,

    /// Most connections of one address; further ones are closed
    #[arg(long, env = "KLINED_API_CONNECTIONS_PER_ADDRESS", value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections_per_address: u32,

    /// Close a connection that sends or reads nothing for this many seconds
    #[arg(long, env = "KLINED_API_CLIENT_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub client_timeout: u64,

    /// Longest time until an answer, in seconds; then the request fails
    #[arg(long, env = "KLINED_API_REQUEST_TIMEOUT", value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub request_timeout: u64,

    /// Most requests per second of one address, and twice as many at once after a pause; each key has a limit of its own
    #[arg(long, env = "KLINED_API_RATE", value_name = "N", default_value = "200")]
    pub rate: NonZeroU32,

    /// TOML file of keys, which `klined key NAME` makes; or none: requests need no key, and only a loopback address can be
    /// served
    #[arg(long, env = "KLINED_API_KEYS", value_name = "FILE|none")]
    pub api_keys: Option<PathBuf>,

    /// Sites whose pages may read answers in a browser, separated by commas, or * for all sites [default: none]
    #[arg(long, env = "KLINED_API_CORS", value_name = "ORIGINS", value_parser = origins)]
    pub cors: Option<Origins>,

    /// URL at which clients reach this server, such as `https://market.example.org`; links in answers begin with it [default:
    /// the Host of the request]
    #[arg(long, env = "KLINED_API_EXTERNAL_URL", value_name = "URL", value_parser = external_url)]
    pub external_url: Option<String>,

    /// Show the market to everyone who opens the chart page; without it, browsers on other machines are asked for a key
    #[arg(long, env = "KLINED_PUBLIC_PAGE")]
    pub public_page: bool,
}

/// Which keys requests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysFrom<'a> {
    /// The command line does not say it.
    Unsaid,
    /// Requests need no key.
    Nobody,
    File(&'a std::path::Path),
}

impl ServerArgs {
    /// Where to listen, if at all, and whether the command line says so.
    #[must_use]
    pub fn address(&self) -> (Option<SocketAddr>, bool) {
        match self.addr {
            Some(ListenAddress(address)) => (address, true),
            None => (DEFAULT_ADDRESS.parse().ok(), false),
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

    /// The options of the server.
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
