//! The market's server: `KLINED_API_ADDR`, `KLINED_TDX_ADDR`, `KLINED_API_CONNECTIONS`, `KLINED_API_CONNECTIONS_PER_ADDRESS`,
//! `KLINED_API_CLIENT_TIMEOUT`, `KLINED_API_REQUEST_TIMEOUT`, `KLINED_API_RATE`, `KLINED_API_UNREAD_MIB_PER_ADDRESS`,
//! `KLINED_API_KEYS`, `KLINED_API_KEY`, `KLINED_API_HOST`, `KLINED_API_CORS`, `KLINED_API_EXTERNAL_URL`, `KLINED_QUOTE_ASSET`, `KLINED_PUBLIC_PAGE`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use clap::Args;
use klined_service::args::{ListenAddress, listen_address};
use klined_service::net::accept::Bounds;

use crate::access::guard::AddressLimits;
use crate::access::limits::Rate;
use crate::serve::{Origins, PageKey, ServerOptions, Visitors};

/// Where the server listens by default.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8780";
/// How long connections may go on after the request to stop.
const DRAIN: Duration = Duration::from_secs(3);

/// Bytes of a MiB.
const MIB: usize = 1024 * 1024;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// Serve the market at this address: PORT (on 127.0.0.1) or ADDRESS:PORT; none: `klined up` serves nothing [default: 127.0.0.1:8780]
    #[arg(long, env = "KLINED_API_ADDR", value_name = "ADDRESS", value_parser = address)]
    pub addr: Option<ListenAddress>,

    /// Serve TDX's protocol, which clients of A-shares speak, at this address too: PORT (on 127.0.0.1) or ADDRESS:PORT, such as 7709. It has
    /// no keys, so with an address that other machines can reach it needs --api-keys none [default: none]
    #[arg(long, env = "KLINED_TDX_ADDR", value_name = "ADDRESS", value_parser = address)]
    pub tdx_addr: Option<ListenAddress>,

    /// Maximum number of connections served at once; further connections wait
    #[arg(long, env = "KLINED_API_CONNECTIONS", value_name = "N", default_value_t = 4096,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,

    /// Maximum number of connections of one client address; further connections are closed
    #[arg(long, env = "KLINED_API_CONNECTIONS_PER_ADDRESS", value_name = "N", default_value_t = 256,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections_per_address: u32,

    /// Close a connection whose client sends or reads nothing for this number of seconds
    #[arg(long, env = "KLINED_API_CLIENT_TIMEOUT", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub client_timeout: u64,

    /// Maximum time until an answer, in seconds; then the request fails with status 503
    #[arg(long, env = "KLINED_API_REQUEST_TIMEOUT", value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub request_timeout: u64,

    /// Maximum number of requests per second of one client address; after a pause twice this number at once. N/min is a
    /// maximum per minute, all of which may come at once. Each key has a limit of its own too
    #[arg(long, env = "KLINED_API_RATE", value_name = "N", default_value = "200")]
    pub rate: Rate,

    /// Maximum MiB of answers and messages that are sent to one client address and that it has not read yet
    #[arg(long = "unread-mib-per-address", env = "KLINED_API_UNREAD_MIB_PER_ADDRESS", value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub unread_mib: u32,

    /// TOML file of keys, whose entries `klined key NAME` prints; or none: requests need no key, and the server listens only on a
    /// loopback address
    #[arg(long, env = "KLINED_API_KEYS", value_name = "FILE|none")]
    pub api_keys: Option<PathBuf>,

    /// A key of your own choice, of 8 to 128 letters, digits, -, _, . and ~, besides those of --api-keys; with it every request needs a key
    #[arg(long, env = "KLINED_API_KEY", value_name = "KEY", hide_env_values = true, value_parser = chosen_key)]
    pub api_key: Option<String>,

    /// Names of this server in URLs, separated by commas, besides localhost and loopback addresses; requests for other names are refused
    #[arg(long, env = "KLINED_API_HOST", value_name = "NAMES", value_delimiter = ',', value_parser = host)]
    pub host: Vec<String>,

    /// Web sites whose pages may read answers in a browser, separated by commas, or * for all sites [default: none]
    #[arg(long, env = "KLINED_API_CORS", value_name = "ORIGINS", value_parser = origins)]
    pub cors: Option<Origins>,

    /// URL at which clients reach this server, such as `https://market.example.org`; links in answers begin with it [default:
    /// the Host of the request]
    #[arg(long, env = "KLINED_API_EXTERNAL_URL", value_name = "URL", value_parser = external_url)]
    pub external_url: Option<String>,

    /// What stocks are paid in, in Binance's dialect: letters and digits in capitals. Those on the boards of the exchange are paid in CNY
    #[arg(long, env = "KLINED_QUOTE_ASSET", value_name = "ASSET", default_value = "USDT", value_parser = quote_asset)]
    pub quote_asset: String,

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

    /// Where to listen for TDX, if at all.
    #[must_use]
    pub fn tdx_address(&self) -> Option<SocketAddr> {
        self.tdx_addr.and_then(|ListenAddress(address)| address)
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

    /// Whose requests are answered.
    fn visitors(&self) -> Visitors {
        let external = self.external_url.as_deref().and_then(|url| url.parse::<Uri>().ok());
        let external = external.as_ref().and_then(Uri::host).map(str::to_ascii_lowercase);
        let is_keyless = self.keys() == KeysFrom::Unsaid && self.api_key.is_none();
        Visitors {
            hosts: self.host.iter().cloned().chain(external).collect(),
            takes_addresses: !self.is_local(),
            origins: self.cors.clone().unwrap_or_default(),
            refuses_forwarded: is_keyless && self.is_local(),
        }
    }

    /// Whether only this machine can reach the address.
    fn is_local(&self) -> bool {
        self.address().0.is_none_or(|address| address.ip().is_loopback())
    }

    /// Who gets the chart page with a key. Where the server has another name than this machine's, a proxy passes requests on.
    fn page_key(&self) -> PageKey {
        match self.public_page {
            true => PageKey::Everybody,
            false if self.host.is_empty() && self.external_url.as_ref().is_none_or(String::is_empty) => {
                PageKey::ThisMachine
            }
            false => PageKey::Withheld,
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
            reserve: 0,
        };
        ServerOptions {
            bounds,
            deadline: Duration::from_secs(self.request_timeout),
            of_address: AddressLimits { rate: self.rate, unread_bytes: self.unread_mib as usize * MIB },
            visitors: self.visitors(),
            page_key: self.page_key(),
            quote_asset: self.quote_asset.as_str().into(),
            relay: None,
            is_fake: false,
            external_url: self.external_url.clone().filter(|url| !url.is_empty()),
        }
    }
}

fn address(text: &str) -> Result<ListenAddress, String> {
    if text == "none" { Ok(ListenAddress(None)) } else { listen_address(text) }
}

fn chosen_key(text: &str) -> Result<String, String> {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    if (8..=128).contains(&text.len()) && text.bytes().all(is_right) {
        Ok(text.to_owned())
    } else {
        Err("it must have 8 to 128 letters, digits, -, _, . or ~".to_owned())
    }
}

fn quote_asset(text: &str) -> Result<String, String> {
    let is_right = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if (2..=10).contains(&text.len()) && text.bytes().all(is_right) {
        Ok(text.to_owned())
    } else {
        Err("it must have 2 to 10 capital letters and digits, such as USDT".to_owned())
    }
}

fn host(text: &str) -> Result<String, String> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_name || name.parse::<std::net::Ipv6Addr>().is_ok() {
        Ok(name)
    } else {
        Err(format!("\"{text}\" is no host: it must be a name without scheme and port, like market.example.org"))
    }
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
