//! The server behind its guard: the page, the run's sessions, and a stream of frames for each reader.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use klined::access::guard::{KeyPlaces, RequestGuard, Rules};
use klined::access::keys::Keys;
use klined::query::errors::Refusal;
use klined::serve::ServerOptions;
use klined::serve::kit::front;
use klined::serve::page::{PageFile, routes_of};
use klined::serve::polygon::answers;
use klined_exchange::run::{RunError, RunFolder, UNNAMED, session_of};
use klined_service::net::http;
use klined_service::prometheus_client::metrics::gauge::Gauge;
use klined_service::prometheus_client::registry::Registry;
use klined_service::{Shutdown, blocking, one_line};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::player::{Frame, Wish, play};

/// The most playbacks at once. Each has a thread that reads a log.
const PLAYBACKS_MAX: usize = 64;
/// Frames that wait for a reader; a playback with more waits itself.
const FRAMES_WAITING: usize = 2;
/// The most sessions that the page lists, the newest ones.
const SESSIONS_MAX: u32 = 1000;

static FILES: &[PageFile] = &[
    ("index.html", include_bytes!("../../page/index.html")),
    ("playback.css", include_bytes!("../../page/playback.css")),
    ("playback.js", include_bytes!("../../page/playback.js")),
    ("icon.svg", include_bytes!("../../page/icon.svg")),
];

/// Every path is this server's own.
static RULES: Rules = Rules { owns: |_| true, refused: answers::refused, keys: KeyPlaces::Shared(&[]) };

/// A server of a run's playback.
pub struct PlaybackServer {
    folder: RunFolder,
    guard: Arc<RequestGuard>,
    options: ServerOptions,
    shutdown: Shutdown,
    places: Arc<Semaphore>,
    playing: Gauge,
    /// The last session that was found.
    last_day: AtomicU32,
}

/// What the page asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WishParameters {
    security: usize,
    session: u32,
    /// Nanoseconds since midnight.
    #[serde(default)]
    from: u64,
    /// 0: the newest event.
    speed: f64,
    #[allow(dead_code, reason = "the guard reads it")]
    api_key: Option<String>,
}

#[derive(Serialize)]
struct ShownSecurity<'a> {
    symbol: &'a str,
    tick_size: u32,
}

#[derive(Serialize)]
struct ShownRun<'a> {
    run: &'a str,
    securities: Vec<ShownSecurity<'a>>,
    /// Seconds since midnight, and the length in seconds.
    open: u32,
    seconds: u32,
    /// The number of the first session in the list, and the dates.
    first: u32,
    sessions: Vec<String>,
    /// Whether the last session's log has all of its events.
    is_whole: bool,
}

impl PlaybackServer {
    /// A server of a run. Without `keys` no reader needs one.
    #[must_use]
    pub fn new(folder: RunFolder, keys: Option<Keys>, options: ServerOptions, shutdown: Shutdown) -> Arc<Self> {
        let guard = RequestGuard::new(keys, options.visitors.clone(), options.of_address, &RULES, &[]);
        Arc::new(Self {
            folder,
            guard: Arc::new(guard),
            options,
            shutdown,
            places: Arc::new(Semaphore::new(PLAYBACKS_MAX)),
            playing: Gauge::default(),
            last_day: AtomicU32::new(0),
        })
    }

    /// Adds the server's metrics to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("playback");
        self.guard.metrics.register(registry);
        registry.register("readers", "Playbacks that are running", self.playing.clone());
    }

    /// Serves on a listener until `stop` is cancelled, and then until every request is answered.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let page = routes_of(FILES, &self.guard.page_key(), self.options.page_key);
        let closed = Router::new().route("/api/run", get(run)).route("/api/events", get(events));
        let cors = (&self.options.visitors.origins, Vec::<HeaderName>::new());
        let router = front::behind_guard(&self.guard, page, closed, cors, panicked).with_state(self.clone());
        let of_head = self.guard.clone();
        let refuse = move |status: StatusCode, path: &str| of_head.refused(path, &Refusal::of_head(status));
        http::serve(listener, router, self.options.bounds, Some(Arc::new(refuse)), stop).await;
    }

    /// The run's last session that has begun, if any has.
    fn last_day(&self) -> Result<Option<u32>, RunError> {
        let has_begun = |day| Ok::<bool, RunError>(session_of(&self.folder, 0, day)?.is_some());
        let mut day = self.last_day.load(Ordering::Relaxed);
        if !has_begun(day)? {
            return Ok(None);
        }
        while has_begun(day + 1)? {
            day += 1;
        }
        self.last_day.fetch_max(day, Ordering::Relaxed);
        Ok(Some(day))
    }

    fn shown_run(&self) -> Result<String, RunError> {
        use klined_exchange::run::Sessions;
        let manifest = self.folder.manifest();
        let last = self.last_day()?;
        let first = last.map_or(0, |last| (last + 1).saturating_sub(SESSIONS_MAX));
        let days = last.map_or(0..0, |last| first..last + 1);
        let dates = days.map(|day| self.folder.date(day).map(|date| date.to_string())).collect::<Result<_, _>>()?;
        let entries = manifest.entries();
        let shown = ShownRun {
            run: &manifest.run_id,
            securities: entries
                .iter()
                .map(|entry| ShownSecurity {
                    symbol: if entry.symbol.is_empty() { UNNAMED } else { &entry.symbol },
                    tick_size: entry.tick_size,
                })
                .collect(),
            open: manifest.market_open_seconds.unwrap_or(crate::exchange::DEFAULT_OPEN_S),
            seconds: manifest.session_seconds,
            first,
            sessions: dates,
            is_whole: last.is_some_and(|last| self.folder.is_whole(0, last)),
        };
        // Texts and numbers alone.
        Ok(serde_json::to_string(&shown).unwrap_or_default())
    }
}

/// What the page has to choose from.
async fn run(State(server): State<Arc<PlaybackServer>>) -> Response {
    match blocking(move || server.shown_run()).await {
        Ok(Ok(text)) => {
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            (headers, text).into_response()
        }
        Ok(Err(error)) => internal(&error.to_string()),
        Err(error) => internal(&one_line(&error)),
    }
}

fn internal(why: &str) -> Response {
    error!("a request has failed: {why}");
    answers::refused(&Refusal::Internal(0))
}

/// A playback, as events of a stream that a browser reads (`text/event-stream`).
async fn events(
    State(server): State<Arc<PlaybackServer>>,
    wished: Result<Query<WishParameters>, QueryRejection>,
) -> Response {
    let wish = match wished {
        Ok(Query(wished)) => match server.wish(&wished) {
            Ok(wish) => wish,
            Err(refusal) => return answers::refused(&refusal),
        },
        Err(rejection) => return answers::refused(&Refusal::Invalid(rejection.body_text())),
    };
    let Ok(place) = server.places.clone().try_acquire_owned() else { return answers::refused(&Refusal::Overloaded) };
    let (sender, receiver) = mpsc::channel::<Bytes>(FRAMES_WAITING);
    server.playing.inc();
    tokio::task::spawn_blocking(move || {
        let is_over = || server.shutdown.is_requested() || sender.is_closed();
        let mut send = |frame: Frame| sender.blocking_send(message(&frame)).is_ok();
        if let Err(error) = play(&server.folder, wish, &is_over, &mut send) {
            warn!("a playback has ended: {error}");
            let _ = sender.blocking_send(Bytes::from_static(b"event: failed\ndata: the log cannot be played\n\n"));
        }
        server.playing.dec();
        drop(place);
    });
    let frames = stream::unfold(receiver, async |mut receiver| {
        let bytes = receiver.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), receiver))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(frames)).into_response()
}

fn message(frame: &Frame) -> Bytes {
    // Numbers alone.
    format!("data: {}\n\n", serde_json::to_string(frame).unwrap_or_default()).into()
}

impl PlaybackServer {
    fn wish(&self, wished: &WishParameters) -> Result<Wish, Refusal> {
        let securities = self.folder.symbols().len();
        if wished.security >= securities {
            return Err(Refusal::Invalid(format!("security must be below {securities}")));
        }
        if self.folder.date(wished.session).is_err() {
            return Err(Refusal::Invalid(format!("there is no session {}", wished.session)));
        }
        let speed = match wished.speed {
            0.0 => None,
            speed if (0.01..=1_000_000.0).contains(&speed) => Some(speed),
            _ => return Err(Refusal::Invalid("speed must be 0 or a number from 0.01 to 1000000".to_owned())),
        };
        Ok(Wish { nth: wished.security, day: wished.session, from_ns: wished.from, speed })
    }
}

/// A handler that panicked is a bug.
fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    error!("a handler panicked; this is a bug, please report it");
    answers::refused(&Refusal::Internal(0))
}
