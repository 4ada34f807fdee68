//! Health and metrics: `KLINED_HEALTH_ADDR`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Health")]
pub struct HealthArgs {
    /// Serve /healthz, /readyz and /metrics at this address: PORT (on 127.0.0.1) or ADDRESS:PORT [default: not served]
    #[arg(long, env = "KLINED_HEALTH_ADDR", value_name = "ADDRESS", value_parser = listen_address)]
    pub health_addr: Option<ListenAddress>,
}

/// An address to listen on, or an explicit wish to listen nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(pub Option<SocketAddr>);

impl HealthArgs {
    /// The address to listen on; none when health is not served.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.health_addr.and_then(|address| address.0)
    }
}

/// Reads `PORT`, `:PORT`, `localhost:PORT` or `ADDRESS:PORT`; a port alone is one of the loopback address, and an empty text
/// means nowhere.
///
/// # Errors
/// The text is none of these.
pub fn listen_address(text: &str) -> Result<ListenAddress, String> {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    if text.is_empty() {
        return Ok(ListenAddress(None));
    }
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>().map(loopback);
    port.or_else(|_| text.replace("localhost:", "127.0.0.1:").parse())
        .map(|address| ListenAddress(Some(address)))
        .map_err(|_| "it must be a port, or an IP address and a port such as 127.0.0.1:9470 or [::1]:9470".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_the_loopback_address() {
        let at = |text: &str| listen_address(text).unwrap().0.map(|address| address.to_string());
        for text in ["9470", ":9470", "127.0.0.1:9470", "localhost:9470"] {
            assert_eq!(at(text).as_deref(), Some("127.0.0.1:9470"), "{text}");
        }
        assert_eq!(at("[::1]:9470").as_deref(), Some("[::1]:9470"));
        assert_eq!(at("0.0.0.0:80").as_deref(), Some("0.0.0.0:80"));
        assert_eq!(at(""), None);
        for text in ["here", "127.0.0.1", "70000", "-1", "a:1"] {
            let message = listen_address(text).unwrap_err();
            assert!(message.contains("must be a port"), "{text}: {message}");
        }
    }
}
