//! The market's server: `KLINED_API_ADDR`, `KLINED_API_CONNECTIONS`, `KLINED_API_CONNECTIONS_PER_ADDRESS`,
//! `KLINED_API_CLIENT_TIMEOUT`, `KLINED_API_REQUEST_TIMEOUT`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use super::health::{Place, place};
use crate::serve::ServerOptions;
use crate::serve::http::Bounds;

/// Where the server listens when nobody says otherwise.
pub const USUAL_ADDRESS: &str = "127.0.0.1:8780";
/// How long connections may go on after the wish to stop.
const DRAIN: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// Serve the market here: PORT on the loopback address, ADDRESS:PORT, or none [default: 127.0.0.1:8780]
    #[arg(long, env = "KLINED_API_ADDR", value_name = "ADDRESS", value_parser = address)]
    pub addr: Option<Place>,

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
}

impl ServerArgs {
    /// Where to listen, if at all, and whether somebody has said so.
    #[must_use]
    pub fn address(&self) -> (Option<SocketAddr>, bool) {
        match self.addr {
            Some(Place(address)) => (address, true),
            None => (USUAL_ADDRESS.parse().ok(), false),
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
        ServerOptions { bounds, deadline: Duration::from_secs(self.request_timeout) }
    }
}

fn address(text: &str) -> Result<Place, String> {
    if text == "none" { Ok(Place(None)) } else { place(text) }
}
