//! The relay of the market's server, from its command line.

use std::sync::Arc;

use anyhow::Context;
use tracing::{info, warn};

use crate::config::RelayArgs;
use crate::relay::Relay;

/// The relay that the command line asks for; none where nothing is passed on.
///
/// # Errors
/// A vendor's key or the certificates cannot be used.
pub fn relay(args: &RelayArgs) -> anyhow::Result<Option<Arc<Relay>>> {
    let Some(options) = args.options()? else { return Ok(None) };
    let relay = Relay::new(options.clone()).context("requests cannot be passed on")?;
    for upstream in &options.upstreams {
        info!(vendor = upstream.vendor.as_str(), "symbols outside the market are passed on to {}", upstream.address);
    }
    warn!(
        "real and synthetic symbols come through one stream: /health lists the synthetic ones; do not trade on what it sends"
    );
    Ok(Some(Arc::new(relay)))
}
