//! Health and metrics: `KLINED_HEALTH_ADDR`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Health")]
pub struct HealthArgs {
    /// Serve /healthz, /readyz and /metrics here: PORT on the loopback address, or ADDRESS:PORT [default: not at all]
    #[arg(long, env = "KLINED_HEALTH_ADDR", value_name = "ADDRESS", value_parser = place)]
    pub health_addr: Option<Place>,
}

/// Where to listen; none when it is asked for by an empty variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(pub Option<SocketAddr>);

impl HealthArgs {
    /// Where to listen, if at all.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.health_addr.and_then(|place| place.0)
    }
}

pub(super) fn place(text: &str) -> Result<Place, String> {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    if text.is_empty() {
        return Ok(Place(None));
    }
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>().map(loopback);
    port.or_else(|_| text.replace("localhost:", "127.0.0.1:").parse())
        .map(|address| Place(Some(address)))
        .map_err(|_| "it must be a port, or an IP address and a port such as 127.0.0.1:9470 or [::1]:9470".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_the_loopback_address() {
        let at = |text: &str| place(text).unwrap().0.map(|address| address.to_string());
        for text in ["9470", ":9470", "127.0.0.1:9470", "localhost:9470"] {
            assert_eq!(at(text).as_deref(), Some("127.0.0.1:9470"), "{text}");
        }
        assert_eq!(at("[::1]:9470").as_deref(), Some("[::1]:9470"));
        assert_eq!(at("0.0.0.0:80").as_deref(), Some("0.0.0.0:80"));
        assert_eq!(at(""), None);
        for text in ["here", "127.0.0.1", "70000", "-1", "a:1"] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
