//! The market's server as a daemon.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use klined_service::args::ServiceArgs;
use klined_service::{CheckReport, Daemon, Service, blocking, one_line, pulse, say};
use tokio::net::TcpListener;
use tracing::{error, info, warn};

use super::check;
use super::clock::SystemClock;
use super::health::{Duty, MarketHealth};
use super::keys::{self, NewKey};
use super::reload::CalendarReload;
use crate::config::{ApiArgs, DatabaseArgs, KEYS_FILE, ServerArgs};
use crate::jobs::{Market, ModelChoice};
use crate::serve::Server;
use crate::store::{self, BarStore, StoreError};
use klined_market::base::{Shard, UnixSeconds};

/// How many ports are tried from the default one on.
const PORTS_TRIED: u16 = 10;
const NO_FEED: &str = "the system gives no thread for the live feed";
const NO_ADDRESS: &str = "the system does not say which address the server has";

impl Daemon for ApiArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check(&self, report: &mut CheckReport) {
        check::api(self, report);
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let (reload, calendars) = CalendarReload::begin(&self.calendar, None)?;
        let health = MarketHealth::of(&service, calendars);
        let vitals = health.job("api", Shard::WHOLE, Duty::RunFree);
        let address = keys::address(&self.server)?;
        let database = self.database.clone();
        let store = blocking(move || open_to_read(&database)).await??;
        health.has_opened(store.clone());
        let store = store.observed_by(vitals.clone());
        let market = recognise(store.clone(), reload.clone(), &self).await?;
        let keys = keys::required(&self.server, address)?.map(keys::admit_page).transpose()?;
        let listener = listen(address).await?;
        let server = Server::new(market, Arc::new(SystemClock), keys, self.server.options()).context(NO_FEED)?;
        let at = listener.local_addr().context(NO_ADDRESS)?;
        info!(database = %self.database.db_url, "serving the market on http://{at}");
        say!("The market is served on http://{at}");
        vitals.is_ready_unless({
            let server = server.clone();
            move || (!server.is_feed_alive()).then(|| "the feed cannot follow the market".to_owned())
        });
        vitals.common.works();
        service.on_reload({
            let (server, store, keys) = (server.clone(), store.clone(), keys::file(&self.server, None));
            move || read_again(&reload, &server, keys.as_deref(), || last_bar(&*store))
        });
        let serving = server.run(listener, service.shutdown().token());
        tokio::select! {
            () = serving => {}
            lost = look(store) => return Err(lost.into()),
        }
        Ok(())
    }
}

/// Reads calendar and keys again, and has the server use them.
pub fn read_again(
    reload: &CalendarReload,
    server: &Server,
    keys: Option<&Path>,
    last_bar: impl FnOnce() -> anyhow::Result<Option<UnixSeconds>>,
) {
    if let Some(calendar) = reload.read(last_bar) {
        server.change_calendar(calendar);
    }
    let Some(path) = keys else { return };
    match keys::read(path) {
        Ok(keys) => {
            info!(keys = keys.len(), "the keys were read again");
            server.change_keys(keys);
        }
        Err(error) => error!("the keys are unchanged: {}", one_line(&error)),
    }
}

/// How far a market has got, from its database.
fn last_bar(store: &dyn BarStore) -> anyhow::Result<Option<UnixSeconds>> {
    let status = tokio::task::block_in_place(|| store.status()).context("cannot read how far the market has got")?;
    Ok(status.map(|status| status.last_update))
}

/// The market that a database holds, as another program has begun it.
async fn recognise(store: Arc<dyn BarStore>, reload: Arc<CalendarReload>, args: &ApiArgs) -> anyhow::Result<Market> {
    let parameters = args.parameters.parameters()?;
    let url = args.database.db_url.clone();
    blocking(move || {
        let Some(found) = store.identity()? else {
            bail!("there is no market in {url} yet; start market-generator or market-backfill first");
        };
        let calendar = reload.follow(found.hours)?;
        let choice = ModelChoice { parameters, ..ModelChoice::default() };
        Ok(Market::recognise(store, calendar, choice, None, None)?)
    })
    .await?
}

/// A server that runs beside the jobs of the same process, and the address that it got.
pub struct EmbeddedServer {
    pub server: Arc<Server>,
    pub listener: TcpListener,
    pub address: SocketAddr,
    /// The file of its keys; none where requests need no key.
    pub keys_file: Option<PathBuf>,
    /// A key that was made for this market.
    pub new_key: Option<NewKey>,
}

/// Listens for the server of a market; none when it is not to be served. The default port gives way to the next ones where it is
/// taken; a port that the command line names does not.
///
/// # Errors
/// It cannot listen on the address.
pub async fn listen_first(args: &ServerArgs) -> anyhow::Result<Option<TcpListener>> {
    let (Some(address), is_said) = args.address() else { return Ok(None) };
    if is_said {
        return listen(address).await.map(Some);
    }
    for port in address.port()..address.port() + PORTS_TRIED {
        match TcpListener::bind((address.ip(), port)).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            bound => return Ok(Some(bound.with_context(|| cannot_serve(SocketAddr::new(address.ip(), port)))?)),
        }
    }
    let last = address.port() + PORTS_TRIED - 1;
    bail!("the ports {} to {last} of {} are all in use; choose another one with --addr", address.port(), address.ip())
}

/// Prepares the server of a market on a listener.
///
/// # Errors
/// The keys cannot be used.
pub fn beside(args: &ServerArgs, listener: TcpListener, market: &Market) -> anyhow::Result<EmbeddedServer> {
    let address = listener.local_addr().context(NO_ADDRESS)?;
    let (keys, new_key) = keys::required_or_first(args, address)?;
    let is_from_file = keys.is_some() && args.api_key.is_none();
    let keys_file = keys::file(args, is_from_file.then_some(KEYS_FILE));
    let keys = keys.map(keys::admit_page).transpose()?;
    let server = Server::new(market.clone(), Arc::new(SystemClock), keys, args.options()).context(NO_FEED)?;
    info!("serving the market on http://{address}");
    Ok(EmbeddedServer { server, listener, address, keys_file, new_key })
}

/// Listens on an address.
async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| cannot_serve(address))
}

fn cannot_serve(address: SocketAddr) -> String {
    format!("cannot serve the market on {address}; choose another --addr")
}

/// Opens a database that another program has made, and changes nothing.
fn open_to_read(args: &DatabaseArgs) -> anyhow::Result<Arc<dyn BarStore>> {
    if let Some(file) = args.db_url.missing_file() {
        bail!("there is no database {} ({} is missing); start market-generator first", args.db_url, file.display());
    }
    let store = store::open(&args.options())?;
    store.check_schema()?;
    Ok(store)
}

/// Asks the database regularly, so that it is known to answer when no client asks for anything. Ends when its file is lost.
async fn look(store: Arc<dyn BarStore>) -> StoreError {
    loop {
        tokio::time::sleep(pulse()).await;
        if let Err(lost) = store.check_place() {
            return lost;
        }
        let asked = store.clone();
        match blocking(move || asked.status()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!("the database does not answer: {error}"),
            Err(error) => warn!("{}", one_line(&error)),
        }
    }
}
