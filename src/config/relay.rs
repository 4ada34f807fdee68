//! The vendors that requests are passed on to: `KLINED_UPSTREAM_ALPACA`, `KLINED_UPSTREAM_ALPACA_KEY`,
//! `KLINED_UPSTREAM_ALPACA_KEY_FILE`, `KLINED_UPSTREAM_POLYGON`, `KLINED_UPSTREAM_POLYGON_KEY`, `KLINED_UPSTREAM_POLYGON_KEY_FILE`,
//! `KLINED_UPSTREAM_CA`, `KLINED_UPSTREAM_SILENCE`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::relay::{RelayOptions, UpstreamAddress, UpstreamKey, UpstreamOptions, Vendor};

/// The word for a vendor's own address.
const OWN: &str = "vendor";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Relay")]
pub struct RelayArgs {
    /// Send requests of Alpaca's clients about symbols outside the market to this server. The value is its URL, or the URLs of REST
    /// and of streams with a comma between them, or vendor for Alpaca's own server
    #[arg(long, env = "KLINED_UPSTREAM_ALPACA", value_name = "URL[,URL]|vendor", value_parser = |text: &str| address(Vendor::Alpaca, text))]
    pub upstream_alpaca: Option<UpstreamAddress>,

    /// The key for that server: ID:SECRET. The key of a client is never sent there
    #[arg(
        long,
        env = "KLINED_UPSTREAM_ALPACA_KEY",
        value_name = "KEY",
        hide_env_values = true,
        requires = "upstream_alpaca"
    )]
    pub upstream_alpaca_key: Option<String>,

    /// A file with that key
    #[arg(
        long,
        env = "KLINED_UPSTREAM_ALPACA_KEY_FILE",
        value_name = "FILE",
        requires = "upstream_alpaca",
        conflicts_with = "upstream_alpaca_key"
    )]
    pub upstream_alpaca_key_file: Option<PathBuf>,

    /// Send requests of Polygon's clients about symbols outside the market to this server. The value is as for --upstream-alpaca
    #[arg(long, env = "KLINED_UPSTREAM_POLYGON", value_name = "URL[,URL]|vendor", value_parser = |text: &str| address(Vendor::Polygon, text))]
    pub upstream_polygon: Option<UpstreamAddress>,

    /// The key for that server. The key of a client is never sent there
    #[arg(
        long,
        env = "KLINED_UPSTREAM_POLYGON_KEY",
        value_name = "KEY",
        hide_env_values = true,
        requires = "upstream_polygon"
    )]
    pub upstream_polygon_key: Option<String>,

    /// A file with that key
    #[arg(
        long,
        env = "KLINED_UPSTREAM_POLYGON_KEY_FILE",
        value_name = "FILE",
        requires = "upstream_polygon",
        conflicts_with = "upstream_polygon_key"
    )]
    pub upstream_polygon_key_file: Option<PathBuf>,

    /// File of the certificates, in PEM form, that a vendor's certificate is checked against [default: those that the system trusts]
    #[arg(long, env = "KLINED_UPSTREAM_CA", value_name = "FILE")]
    pub upstream_ca: Option<PathBuf>,

    /// Open the connection to a vendor again when it has sent nothing for this number of seconds, not even the answer to a ping
    #[arg(long, env = "KLINED_UPSTREAM_SILENCE", value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub upstream_silence: u64,
}

impl RelayArgs {
    /// The vendors and how they are reached; none where nothing is passed on.
    ///
    /// # Errors
    /// A vendor's key is missing, or cannot be one.
    pub fn options(&self) -> anyhow::Result<Option<RelayOptions>> {
        let given = [
            (Vendor::Alpaca, &self.upstream_alpaca, &self.upstream_alpaca_key, &self.upstream_alpaca_key_file),
            (Vendor::Polygon, &self.upstream_polygon, &self.upstream_polygon_key, &self.upstream_polygon_key_file),
        ];
        let mut upstreams = Vec::new();
        for (vendor, address, key, file) in given {
            let Some(address) = address.clone() else { continue };
            let name = vendor.as_str();
            let text = match (key, file) {
                (Some(key), _) => key.clone(),
                (None, Some(file)) => {
                    let what = || format!("cannot read the key of {name} in {}", file.display());
                    fs::read_to_string(file).with_context(what)?
                }
                (None, None) => bail!(
                    "--upstream-{name} needs a key: set KLINED_UPSTREAM_{}_KEY, or name a file by --upstream-{name}-key-file",
                    name.to_ascii_uppercase()
                ),
            };
            let key = UpstreamKey::new(vendor, &text).with_context(|| format!("the key of {name} cannot be used"))?;
            upstreams.push(UpstreamOptions { vendor, address, key });
        }
        let (certificates, silence) = (self.upstream_ca.clone(), Duration::from_secs(self.upstream_silence));
        Ok((!upstreams.is_empty()).then_some(RelayOptions { upstreams, certificates, silence }))
    }
}

fn address(vendor: Vendor, text: &str) -> Result<UpstreamAddress, String> {
    let text = if text == OWN { vendor.own_address() } else { text };
    text.parse().map_err(|error: crate::relay::InvalidUpstream| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_own_addresses_are_addresses() {
        for vendor in Vendor::ALL {
            assert_eq!(address(vendor, OWN).unwrap().to_string(), vendor.own_address());
        }
    }
}
