//! The market over HTTP: one stored truth, read by whoever asks, in the dialect that they speak.
//!
//! A reader: it takes no role and writes nothing. `query` is what all dialects share, `native` the first of them; `http` is
//! the accept loop that the daemons' health uses too.

pub mod errors;
pub mod http;
mod native;
pub mod query;
mod stall;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use errors::Refusal;

use self::http::Bounds;
use self::query::Reader;
use crate::calendar::Calendar;
use crate::store::BarStore;

/// What a server is told.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    pub bounds: Bounds,
    /// How long an answer may take.
    pub deadline: Duration,
}

/// What the routes share.
pub struct Server {
    pub(crate) reader: Reader,
}

impl Server {
    /// A server of a market.
    #[must_use]
    pub fn new(store: Arc<dyn BarStore>, calendar: Arc<Calendar>, options: &ServerOptions) -> Arc<Self> {
        Arc::new(Self { reader: Reader::new(store, calendar, options.deadline) })
    }

    fn routes(self: &Arc<Self>) -> Router {
        let (routes, _document) = native::rooms().merge(native::open_rooms()).split_for_parts();
        routes.fallback(native::nothing_here).with_state(self.clone())
    }

    /// Serves on a listener until told to stop, and then until everybody has been answered.
    pub async fn run(self: Arc<Self>, listener: TcpListener, options: ServerOptions, stop: CancellationToken) {
        http::serve(listener, self.routes(), options.bounds, stop).await;
    }
}
