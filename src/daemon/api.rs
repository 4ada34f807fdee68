//! The market's server as a daemon.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tracing::{error, info, warn};

use super::clock::SystemClock;
use super::health::{self, Duty, Health, Metrics, Vitals};
use super::reload::{self, Reload};
use super::shutdown::Shutdown;
use super::{blocking, check, logging, supervisor};
use crate::access::keys::{self, Keys};
use crate::config::{ApiArgs, DatabaseArgs, KeysFrom, ServerArgs};
use crate::jobs::{Market, ModelChoice};
use crate::serve::Server;
use crate::store::{self, BarStore};
use klined_market::base::{Shard, UnixSeconds};
use klined_market::calendar::Calendar;

/// Where the key of a market that nobody gave keys for is kept, in the working directory.
pub const KEYS_FILE: &str = "api-keys.toml";

const NO_FEED: &str = "no thread can be had for the feed";

/// Runs `market-api` until told to stop, or checks whether it could run.
///
/// # Errors
/// The database cannot be used, or the address not be listened on.
pub async fn run(args: ApiArgs) -> anyhow::Result<ExitCode> {
    if args.check.check {
        return check::api(args).await;
    }
    let logs = logging::start(&args.log, "market_api")?;
    let shutdown = Shutdown::on_signals()?;
    shutdown.end_in_time();
    let (reload, calendars) = Reload::begin(&args.calendar, logs)?;
    let calendar = calendars.borrow().clone();
    let metrics = Arc::new(Metrics::default());
    let vitals = vitals(metrics.clone());
    let health = Health::new(vec![vitals.clone()], metrics, calendars);
    health::serve(args.health.address(), health.clone()).await?;
    let supervised = supervisor::Report::begin(health.clone(), shutdown.clone());
    let address = address(&args.server)?;
    let database = args.database.clone();
    let store = blocking(move || open_to_read(&database)).await??;
    health.has_opened(store.clone());
    let store = store.observed_by(vitals.clone());
    let market = recognise(store.clone(), calendar, &args).await?;
    let keys = keys(&args.server, address)?.map(let_page_in).transpose()?;
    let listener = listen(address).await?;
    let server = Server::new(market, Arc::new(SystemClock), keys, args.server.options()).context(NO_FEED)?;
    let at = listener.local_addr().context("cannot tell the server's address")?;
    info!(database = %args.database.db_url, "serving the market on http://{at}");
    println!("The market is served on http://{at}");
    vitals.holds();
    reload::on_hangup({
        let (server, store, keys) = (server.clone(), store.clone(), keys_file(&args.server, None));
        move || read_again(&reload, &server, keys.as_deref(), || last_bar(&*store))
    })?;
    let serving = server.run(listener, shutdown.token());
    tokio::select! {
        () = serving => {}
        () = look(store) => {}
    }
    supervised.end().await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Where `market-api` is to listen.
///
/// # Errors
/// Nowhere.
pub fn address(args: &ServerArgs) -> anyhow::Result<SocketAddr> {
    let (Some(address), _) = args.address() else { bail!("--addr none leaves nothing to do") };
    Ok(address)
}

/// The keys that `market-api` asks for at an address; none where everybody may ask.
///
/// # Errors
/// The file cannot be used, or there is none and others can reach the address.
pub fn keys(args: &ServerArgs, address: SocketAddr) -> anyhow::Result<Option<Keys>> {
    let keys = match args.keys() {
        KeysFrom::File(path) => Some(read_keys(path)?),
        KeysFrom::Unsaid | KeysFrom::Nobody => None,
    };
    refuse_strangers(address, keys.is_some())?;
    Ok(keys)
}

/// Reads log filter, calendar and keys again, and has the server go by them.
pub fn read_again(
    reload: &Reload,
    server: &Server,
    keys: Option<&Path>,
    last_bar: impl FnOnce() -> anyhow::Result<Option<UnixSeconds>>,
) {
    if let Some(calendar) = reload.read(last_bar) {
        server.change_calendar(calendar);
    }
    let Some(path) = keys else { return };
    match read_keys(path) {
        Ok(keys) => {
            info!(keys = keys.len(), "read the keys again");
            server.change_keys(keys);
        }
        Err(error) => error!("the keys stay as they were: {error:#}"),
    }
}

/// The file that keys are read from again; `usual` where nobody has said which.
fn keys_file(args: &ServerArgs, usual: Option<&str>) -> Option<PathBuf> {
    match args.keys() {
        KeysFrom::File(path) => Some(path.to_owned()),
        KeysFrom::Unsaid => usual.map(PathBuf::from),
        KeysFrom::Nobody => None,
    }
}

/// Up to where a market has come, as its database tells.
fn last_bar(store: &dyn BarStore) -> anyhow::Result<Option<UnixSeconds>> {
    let status = tokio::task::block_in_place(|| store.status()).context("cannot tell how far the market is")?;
    Ok(status.map(|status| status.last_update))
}

/// The market that a database holds, as somebody else has begun it.
async fn recognise(store: Arc<dyn BarStore>, calendar: Arc<Calendar>, args: &ApiArgs) -> anyhow::Result<Market> {
    let parameters = args.parameters.parameters()?;
    let url = args.database.db_url.clone();
    blocking(move || {
        if store.identity()?.is_none() {
            bail!("there is no market in {url} yet; start market-generator or market-backfill first");
        }
        let choice = ModelChoice { parameters, ..ModelChoice::default() };
        Ok(Market::recognise(store, calendar, choice, None, None)?)
    })
    .await?
}

/// The signs of life of a server.
fn vitals(metrics: Arc<Metrics>) -> Arc<Vitals> {
    Vitals::new("api", Shard::WHOLE, Duty::RunFree, metrics)
}

/// A server that runs beside the jobs of the same process, and the address that it got.
pub struct Beside {
    pub server: Arc<Server>,
    pub listener: TcpListener,
    pub address: SocketAddr,
    /// Where its keys are; none where everybody may ask.
    pub keys_file: Option<PathBuf>,
    /// A key that was made for this market.
    pub new_key: Option<NewKey>,
}

/// Prepares the server of a market; none when there is to be none. When nobody has said where it listens and the usual port is
/// taken, it takes any; when nobody has said which keys there are, it makes one and keeps its hash in [`KEYS_FILE`].
///
/// # Errors
/// The address cannot be listened on, or the keys not be used.
pub async fn beside(args: &ServerArgs, market: &Market) -> anyhow::Result<Option<Beside>> {
    let (Some(address), is_said) = args.address() else { return Ok(None) };
    let (keys, new_key) = match args.keys() {
        KeysFrom::Nobody => (None, None),
        KeysFrom::File(path) => (Some(read_keys(path)?), None),
        KeysFrom::Unsaid if Path::new(KEYS_FILE).exists() => (Some(read_keys(Path::new(KEYS_FILE))?), None),
        KeysFrom::Unsaid => {
            let (keys, new_key) = first_key()?;
            (Some(keys), Some(new_key))
        }
    };
    refuse_strangers(address, keys.is_some())?;
    let listener = match listen(address).await {
        Err(_) if !is_said => listen(SocketAddr::new(address.ip(), 0)).await?,
        listener => listener?,
    };
    let address = listener.local_addr().context("cannot tell the server's address")?;
    let keys_file = keys_file(args, Some(KEYS_FILE));
    let keys = keys.map(let_page_in).transpose()?;
    let server = Server::new(market.clone(), Arc::new(SystemClock), keys, args.options()).context(NO_FEED)?;
    info!("serving the market on http://{address}");
    Ok(Some(Beside { server, listener, address, keys_file, new_key }))
}

/// Listens on an address.
async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let context = || format!("cannot serve the market on {address}; choose another --addr");
    TcpListener::bind(address).await.with_context(context)
}

/// An address that others can reach is not served without keys.
fn refuse_strangers(address: SocketAddr, has_keys: bool) -> anyhow::Result<()> {
    if has_keys || address.ip().is_loopback() {
        return Ok(());
    }
    bail!("{address} can be reached from elsewhere: give --api-keys FILE with keys that `klined key NAME` makes")
}

/// A key that nobody has yet.
pub struct NewKey {
    id: String,
    secret: String,
}

impl NewKey {
    /// 128 random bits name it and 256 are its secret.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn draw() -> anyhow::Result<Self> {
        let (mut id, mut secret) = ([0; 16], [0; 32]);
        getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret)).context("no random numbers for a key")?;
        Ok(Self { id: keys::hexadecimal(&id), secret: keys::hexadecimal(&secret) })
    }

    /// What its holder gives.
    pub fn text(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }

    /// What a file of keys needs.
    pub fn entry(&self, name: &str) -> String {
        keys::entry(name, &self.id, &self.secret)
    }
}

/// The key of a new market, and its file.
fn first_key() -> anyhow::Result<(Keys, NewKey)> {
    let key = NewKey::draw()?;
    let entry = key.entry("development");
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(KEYS_FILE);
    if let Err(error) = written.and_then(|mut file| file.write_all(entry.as_bytes())) {
        warn!("cannot write {KEYS_FILE}, so the key holds only until the end of this process: {error}");
    }
    Ok((Keys::parse(&entry)?, key))
}

/// Lets the chart page in until the end of this process.
fn let_page_in(keys: Keys) -> anyhow::Result<Keys> {
    Ok(keys.with_page(&NewKey::draw()?.secret))
}

/// Reads a file of keys.
fn read_keys(path: &Path) -> anyhow::Result<Keys> {
    let context = || format!("cannot use the keys in {}", path.display());
    let keys = Keys::parse(&std::fs::read_to_string(path).with_context(context)?).with_context(context)?;
    if keys.is_empty() {
        bail!("there are no keys in {}; `klined key NAME >> FILE` makes one", path.display());
    }
    Ok(keys)
}

/// Opens a database that somebody else has made, and changes nothing.
fn open_to_read(args: &DatabaseArgs) -> anyhow::Result<Arc<dyn BarStore>> {
    if let Some(file) = args.db_url.missing_file() {
        bail!("there is no database {} ({} is missing); start market-generator first", args.db_url, file.display());
    }
    let store = store::open(&args.options())?;
    store.check_schema()?;
    Ok(store)
}

/// Has the database answer now and then when nobody asks for anything.
async fn look(store: Arc<dyn BarStore>) {
    loop {
        tokio::time::sleep(supervisor::pulse()).await;
        let asked = store.clone();
        match blocking(move || asked.status()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!("the database does not answer: {error}"),
            Err(error) => warn!("{error:#}"),
        }
    }
}
