//! What the server of the foreign exchange market promises, by real clients of it.

mod bars;
mod guard;
mod quotes;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use klined::access::keys::Keys;
use klined_fx::base::Hours;
use klined_fx::market::{Market, MarketSettings, OrderRate};
use klined_fx_api::app;
use klined_fx_api::program::FxApiArgs;
use klined_fx_api::server::FxServer;
use klined_market::base::{Clock, Seed, UnixNanos};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Friday afternoon in London, a minute before the hour.
pub const FRIDAY: i64 = 1_752_245_940;
/// The Saturday after it, at noon.
pub const SATURDAY: i64 = 1_752_321_600;

/// A clock that was set to a second when the test began.
struct SetClock {
    began: Instant,
    second: i64,
}

impl Clock for SetClock {
    fn now_nanos(&self) -> UnixNanos {
        UnixNanos::new(self.second * 1_000_000_000 + i64::try_from(self.began.elapsed().as_nanos()).unwrap())
    }
}

/// The market that the servers of the tests have.
pub fn market(hours: Hours) -> Market {
    Market::new(MarketSettings { seed: Seed(7), hours, levels: 5, orders: OrderRate { least: 5, most: 30 } })
}

/// How often, and how long apart, a server is asked whether its feed has begun.
const ATTEMPTS: u32 = 15_000;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// A server in this process, whose clock begins at a second.
pub struct Api {
    pub address: SocketAddr,
    pub server: Arc<FxServer>,
    stop: CancellationToken,
    runtime: Option<Runtime>,
}

impl Api {
    pub fn at(second: i64, hours: Hours) -> Self {
        Self::with_keys(second, hours, None)
    }

    pub fn with_keys(second: i64, hours: Hours, keys: Option<Keys>) -> Self {
        let options =
            FxApiArgs::parse_from(["fx-api", "--rate", "100000", "--request-timeout", "600"]).server.options();
        #[allow(clippy::disallowed_methods, reason = "the set clock goes as fast as the machine's")]
        let clock = Arc::new(SetClock { began: Instant::now(), second });
        let server = FxServer::new(market(hours), clock.clone(), keys, options);
        let runtime = Runtime::new().unwrap();
        let stop = CancellationToken::new();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(app::serve(server.clone(), listener, stop.clone()));
        runtime.spawn({
            let (server, stop) = (server.clone(), stop.clone());
            async move { server.feed.run(&*clock, || (), stop).await }
        });
        let api = Self { address, server, stop, runtime: Some(runtime) };
        let has_begun = (0..ATTEMPTS).any(|_| {
            std::thread::sleep(BETWEEN_ATTEMPTS);
            api.server.present().is_ok()
        });
        assert!(has_begun, "the feed does not begin");
        api
    }

    /// Status and text of an answer.
    pub fn ask(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent.get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// The JSON of an answer that must be right.
    pub fn get(&self, path: &str) -> Value {
        let (status, text) = self.ask(path, &[]);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The results of all pages, which are followed as a client does it.
    pub fn all(&self, path: &str) -> (Vec<Value>, usize) {
        let (mut found, mut pages, mut next) = (Vec::new(), 0, Some(path.to_owned()));
        while let Some(path) = next {
            let page = self.get(&path);
            found.extend(page["results"].as_array().cloned().unwrap_or_default());
            let own = format!("http://{}", self.address);
            next = page["next_url"].as_str().map(|url| url.strip_prefix(&own).unwrap().to_owned());
            pages += 1;
            assert!(pages < 1000, "pages without end");
        }
        (found, pages)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(10));
        }
    }
}
