//! The relay: real vendors' streams and answers for many clients over one connection each.
//!
//! A [`Link`] is one WebSocket to a vendor's feed. Clients subscribe through an [`Inbox`]; the link counts their subscriptions and asks the
//! vendor for each topic once. What the vendor sends goes through the link's router to the clients that want it, byte for byte. A
//! [`RestUpstream`] passes requests on. Symbols of the synthetic market are never asked for, and the vendor's own messages of them are
//! dropped. The room knows no dialect: a dialect writes the [`Notice`]s in the vendor's words.

mod address;
mod answer;
mod connection;
mod frames;
mod inbox;
mod link;
mod metrics;
mod queue;
mod rest;
mod router;
mod vendor;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::registry::Registry;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

pub use address::{InvalidUpstream, UpstreamAddress};
pub use answer::RestError;
pub use inbox::Inbox;
pub use link::{Link, LinkState, LinkStatus};
pub use queue::{Delivery, Notice, Recode};
pub use rest::{Answer, RestUpstream};
pub use vendor::{InvalidKey, Topic, UpstreamKey, Vendor};

use connection::Connector;
use klined_market::base::Symbol;
use metrics::RelayMetrics;

/// Why the relay cannot begin.
#[derive(Debug, Error)]
pub enum RelayError {
    #[error("cannot read the certificates in {}: {source}", path.display())]
    Certificates { path: PathBuf, source: std::io::Error },
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    #[error("the system holds no certificate that it trusts; name a file of certificates with --upstream-ca")]
    NoRoots,
    #[error("cannot use TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// A vendor that requests are passed on to.
#[derive(Debug, Clone)]
pub struct UpstreamOptions {
    pub vendor: Vendor,
    pub address: UpstreamAddress,
    pub key: UpstreamKey,
}

/// How the relay reaches its vendors.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    pub upstreams: Vec<UpstreamOptions>,
    /// A file of the certificates to trust; none for those that the system trusts.
    pub certificates: Option<PathBuf>,
    /// A vendor that sends nothing for this long is lost. A third of it after the last message a stream is pinged.
    pub silence: Duration,
}

/// One vendor: its links by feed, and its REST.
struct Upstream {
    options: UpstreamOptions,
    rest: RestUpstream,
    links: Mutex<BTreeMap<String, Arc<Link>>>,
}

/// The symbols of the synthetic market.
type Synthetic = RwLock<Arc<BTreeSet<Symbol>>>;

/// All vendors that clients share.
pub struct Relay {
    upstreams: Vec<Upstream>,
    connector: Connector,
    silence: Duration,
    synthetic: Arc<Synthetic>,
    metrics: Arc<RelayMetrics>,
    stop: CancellationToken,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.upstreams.iter().map(|upstream| &upstream.options)).finish()
    }
}

impl Relay {
    /// A relay that has opened no connection yet.
    ///
    /// # Errors
    /// There are no certificates to trust.
    pub fn new(options: RelayOptions) -> Result<Self, RelayError> {
        let connector = Connector::new(options.certificates.as_deref())?;
        let metrics = Arc::new(RelayMetrics::default());
        let upstream = |options: UpstreamOptions| Upstream {
            rest: RestUpstream::new(&options, connector.clone(), metrics.clone()),
            options,
            links: Mutex::default(),
        };
        let upstreams = options.upstreams.into_iter().map(upstream).collect();
        let stop = CancellationToken::new();
        Ok(Self { upstreams, silence: options.silence, synthetic: Arc::default(), metrics, stop, connector })
    }

    fn upstream(&self, vendor: Vendor) -> Option<&Upstream> {
        self.upstreams.iter().find(|upstream| upstream.options.vendor == vendor)
    }

    /// The connection to a vendor's feed; none where requests are not passed on to this vendor. It is opened with the first subscription.
    #[must_use]
    pub fn link(&self, vendor: Vendor, feed: &str) -> Option<Arc<Link>> {
        let upstream = self.upstream(vendor)?;
        let mut links = upstream.links.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let (connector, synthetic) = (self.connector.clone(), self.synthetic.clone());
            let metrics = self.metrics.of_link(vendor, feed);
            Arc::new(Link::new(&upstream.options, feed, connector, self.silence, synthetic, metrics, self.stop.clone()))
        };
        Some(links.entry(feed.to_owned()).or_insert_with(new).clone())
    }

    /// The vendor's REST; none where requests are not passed on to this vendor.
    #[must_use]
    pub fn rest(&self, vendor: Vendor) -> Option<&RestUpstream> {
        self.upstream(vendor).map(|upstream| &upstream.rest)
    }

    /// The vendors that requests are passed on to.
    pub fn vendors(&self) -> impl Iterator<Item = Vendor> {
        self.upstreams.iter().map(|upstream| upstream.options.vendor)
    }

    /// The state of every connection that a client has asked for.
    #[must_use]
    pub fn status(&self) -> Vec<LinkStatus> {
        let of = |upstream: &Upstream| {
            let links = upstream.links.lock().unwrap_or_else(PoisonError::into_inner);
            links.values().map(|link| link.status()).collect::<Vec<_>>()
        };
        self.upstreams.iter().flat_map(of).collect()
    }

    /// The symbols that are synthetic from now on.
    pub fn set_synthetic(&self, symbols: Arc<BTreeSet<Symbol>>) {
        self.metrics.synthetic(symbols.len());
        *self.synthetic.write().unwrap_or_else(PoisonError::into_inner) = symbols;
    }

    /// The symbols that are synthetic.
    #[must_use]
    pub fn synthetic(&self) -> Arc<BTreeSet<Symbol>> {
        self.synthetic.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds the metrics to a registry.
    pub fn register(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
