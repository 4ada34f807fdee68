//! The market over HTTP: one stored truth, read by whoever asks, in the dialect that they speak.
//!
//! A reader: it takes no role and writes nothing. `query` is what all dialects share, `native` the first of them; `alpaca`, `binance`,
//! `polygon` and `udf` are those of vendors' clients; `page` is the chart; `http` is the accept loop that the daemons' health uses too.

mod alpaca;
mod binance;
mod faults;
mod guard;
mod metrics;
mod native;
mod page;
mod polygon;
mod socket;
mod udf;

use std::any::Any;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_swagger_ui::{Config, SwaggerUi};

pub use crate::query::errors::Refusal;

use self::metrics::Metrics;
use crate::access::keys::{Holder, Keys};
use crate::access::limits::{Addresses, Rate};
use crate::feed::Hub;
use crate::jobs::Market;
use crate::query::errors::Failure;
use crate::query::{Reader, Ticks};
use klined_market::base::Clock;
use klined_market::calendar::Calendar;
use klined_service::net::http::Bounds;

/// The native dialect's place among those that write the hub's events.
const NATIVE: usize = 0;
/// Alpaca's, in either codec.
const ALPACA_JSON: usize = 1;
const ALPACA_MESSAGE_PACK: usize = 2;
/// Polygon's.
const POLYGON: usize = 5;
/// How long a browser may remember what other sites may ask.
const CORS_AGE: Duration = Duration::from_secs(3600);

/// Which pages of other sites may read answers in a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    #[default]
    None,
    Any,
    /// Such as `https://example.org`.
    These(Vec<HeaderValue>),
}

/// What a server is told.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    pub bounds: Bounds,
    /// How long an answer may take.
    pub deadline: Duration,
    /// What one address may ask, whatever keys it has.
    pub address_rate: Rate,
    pub origins: Origins,
    /// Where clients reach this server, such as `https://market.example.org`; none where that is as they say themselves.
    pub external_url: Option<String>,
    /// Whether the chart page is given a key wherever it is opened, and not only on this machine.
    pub is_page_public: bool,
}

/// How the dialect that a path belongs to refuses.
fn refused_at(path: &str) -> fn(&Refusal) -> Response {
    if alpaca::owns(path) {
        alpaca::refused
    } else if binance::owns(path) {
        binance::refused
    } else if polygon::owns(path) {
        polygon::refused
    } else if udf::owns(path) {
        udf::refused
    } else {
        native::refused
    }
}

/// What is said where there is nothing.
async fn nothing_here(uri: Uri) -> Response {
    refused_at(uri.path())(&Refusal::NoRoute)
}

/// What is said to another method than GET.
async fn wrong_method(uri: Uri) -> Response {
    refused_at(uri.path())(&Refusal::WrongMethod)
}

/// What the routes share.
pub struct Server {
    reader: Arc<Reader>,
    ticks: Arc<Ticks>,
    hub: Hub,
    /// The wish to stop, as WebSockets hear it.
    draining: CancellationToken,
    clock: Arc<dyn Clock>,
    /// None where everybody may ask.
    keys: Option<RwLock<Keys>>,
    addresses: Addresses,
    metrics: Metrics,
    options: ServerOptions,
}

impl Server {
    /// A server of a market. Without keys everybody may ask.
    ///
    /// # Errors
    /// No thread can be had for the feed.
    pub fn new(
        market: Market,
        clock: Arc<dyn Clock>,
        keys: Option<Keys>,
        options: ServerOptions,
    ) -> io::Result<Arc<Self>> {
        let ticks = Arc::new(Ticks::new(market.clone(), clock.clone()));
        let (store, calendar) = (market.store.clone(), market.calendar.clone());
        let hub = Hub::begin(market, clock.clone())?;
        let reader = Arc::new(Reader::new(store, calendar, options.deadline, hub.generation()));
        let keys = keys.map(RwLock::new);
        let (addresses, metrics) = (Addresses::new(options.address_rate), Metrics::default());
        let draining = CancellationToken::new();
        Ok(Arc::new(Self { reader, ticks, hub, draining, clock, keys, addresses, metrics, options }))
    }

    /// Takes other keys from now on, but the chart page's own stays. Who is connected stays connected. A server that was begun
    /// without keys stays open.
    pub fn change_keys(&self, new: Keys) {
        if let Some(keys) = &self.keys {
            let mut keys = keys.write().unwrap_or_else(PoisonError::into_inner);
            *keys = new.with_page_of(&keys);
        }
    }

    /// Goes by another calendar from now on; days that may have bars must be the same in it.
    pub fn change_calendar(&self, calendar: Arc<Calendar>) {
        let market = self.ticks.market().under(calendar.clone());
        self.reader.change_calendar(calendar);
        self.ticks.change_market(market.clone());
        self.hub.change_market(market);
    }

    /// The holder of a key, `ID.SECRET`; no holder where everybody may ask.
    fn holder_of(&self, key: &str) -> Option<Arc<Holder>> {
        self.keys.as_ref()?.read().unwrap_or_else(PoisonError::into_inner).find(key)
    }

    /// The holder of a key that is given in two parts.
    fn holder_of_pair(&self, id: &str, secret: &str) -> Option<Arc<Holder>> {
        self.keys.as_ref()?.read().unwrap_or_else(PoisonError::into_inner).find_pair(id, secret)
    }

    fn page_key(&self) -> String {
        let page = |keys: &RwLock<Keys>| keys.read().unwrap_or_else(PoisonError::into_inner).page().to_owned();
        self.keys.as_ref().map_or_else(String::new, page)
    }

    fn routes(self: &Arc<Self>) -> Router {
        let (closed, mut document) = native::rooms().split_for_parts();
        let (open, of_open) = native::open_rooms().split_for_parts();
        document.merge(of_open);
        native::secure(&mut document);
        let closed = closed
            .route("/metrics", get(native::metrics))
            .merge(binance::routes())
            .merge(udf::routes())
            .merge(polygon::routes())
            .method_not_allowed_fallback(wrong_method)
            .layer(middleware::from_fn_with_state(self.clone(), guard::let_in));
        // Nothing is told to the validator of another site.
        let looks = Config::from("/openapi.json").validator_url("none").persist_authorization(true);
        let docs = SwaggerUi::new("/docs").config(looks).url("/openapi.json", document);
        let page = page::routes(&self.page_key(), self.options.is_page_public);
        let dialects = open
            .route("/ws", get(native::open_socket))
            .route("/stocks", get(polygon::open_socket))
            .merge(docs)
            .merge(page)
            .merge(closed)
            .merge(alpaca::routes(self))
            .fallback(nothing_here)
            .layer(middleware::from_fn_with_state(self.clone(), guard::receive))
            .layer(CatchPanicLayer::custom({
                let server = self.clone();
                move |panic| server.panicked(panic)
            }));
        match self.cors() {
            Some(cors) => dialects.layer(cors),
            None => dialects,
        }
        .with_state(self.clone())
    }

    fn cors(&self) -> Option<CorsLayer> {
        let origin = match &self.options.origins {
            Origins::None => return None,
            Origins::Any => AllowOrigin::any(),
            Origins::These(origins) => AllowOrigin::list(origins.iter().cloned()),
        };
        let keys = [guard::API_KEY, guard::BINANCE_KEY, alpaca::KEY_ID, alpaca::SECRET_KEY, header::AUTHORIZATION];
        let cors = CorsLayer::new()
            .allow_origin(origin)
            .allow_methods([Method::GET])
            .allow_headers(keys.into_iter().chain([header::CONTENT_TYPE]).collect::<Vec<_>>())
            .expose_headers([guard::REMAINING, header::RETRY_AFTER, faults::CHAOS])
            .max_age(CORS_AGE);
        Some(cors)
    }

    /// A handler that panicked is a bug: it is told of in the log, and its client hears a number.
    fn panicked(&self, _panic: Box<dyn Any + Send>) -> Response {
        native::refused(&self.reader.refusal(Failure::Panicked))
    }

    /// Serves on a listener until told to stop, and then until everybody has been answered.
    pub async fn run(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let (told, draining) = (stop.clone(), self.draining.clone());
        tokio::spawn(async move {
            told.cancelled().await;
            draining.cancel();
        });
        klined_service::net::http::serve(listener, self.routes(), self.options.bounds, stop).await;
    }
}
