//! The market's server, alone or beside the jobs of the same process.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use klined_service::{Service, one_line, say};
use tokio::net::TcpListener;
use tracing::{error, info};

use super::clock::SystemClock;
use super::health::{Duty, MarketHealth};
use super::keys::{self, NewKey};
use super::relay;
use super::reload::CalendarReload;
use crate::config::{ApiArgs, FakeArgs, KEYS_FILE, KeysFrom, RelayArgs, ServerArgs, UpArgs};
use crate::jobs::Market;
use crate::serve::{Server, ServerOptions};
use crate::store::BarStore;
use klined_market::base::{Shard, UnixSeconds};

/// How many ports are tried from the default one on.
const PORTS_TRIED: u16 = 10;
const NO_FEED: &str = "the system gives no thread for the live feed";
const NO_ADDRESS: &str = "the system does not say which address the server has";

/// Prepares the server of a market. The future serves until the request to stop.
///
/// # Errors
/// It cannot listen on its address, or the keys or the relay cannot be used.
pub async fn of_market(
    args: &ApiArgs,
    market: Market,
    health: &MarketHealth,
    reload: Arc<CalendarReload>,
    service: &Service,
) -> anyhow::Result<impl Future<Output = ()> + Send + use<>> {
    let vitals = health.job("api", Shard::WHOLE, Duty::RunFree);
    let address = keys::address(&args.server)?;
    let store = market.store.clone().observed_by(vitals.clone());
    let market = Market { store: store.clone(), ..market };
    let keys = keys::required(&args.server, address)?.map(keys::admit_page).transpose()?;
    let listener = listen(address).await?;
    let tdx = listen_for_tdx(&args.server).await?;
    let options = options(&args.server, &args.relay, &args.fake)?;
    let is_fake = options.is_fake;
    let server = Server::new(market, Arc::new(SystemClock), keys, options).context(NO_FEED)?;
    let at = listener.local_addr().context(NO_ADDRESS)?;
    match is_fake {
        true => info!("serving the market on http://{at}"),
        false => info!(database = %args.database.db_url, "serving the market on http://{at}"),
    }
    say!("The market is served on http://{at}");
    vitals.is_ready_unless({
        let server = server.clone();
        move || (!server.is_feed_alive()).then(|| "the feed cannot follow the market".to_owned())
    });
    vitals.common.works();
    service.on_reload({
        let (server, keys) = (server.clone(), keys::file(&args.server, None));
        move || read_again(&reload, &server, keys.as_deref(), || last_bar(&*store))
    });
    let stop = service.shutdown().token();
    Ok(server.run(listener, tdx, stop))
}

/// The options of a server with its relay.
fn options(server: &ServerArgs, relay: &RelayArgs, fake: &FakeArgs) -> anyhow::Result<ServerOptions> {
    Ok(ServerOptions { relay: relay::relay(relay)?, is_fake: fake.fake_data, ..server.options() })
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

/// A server that runs beside the jobs of the same process, and the address that it got.
pub struct EmbeddedServer {
    pub server: Arc<Server>,
    pub listener: TcpListener,
    /// Where it listens for TDX.
    pub tdx: Option<TcpListener>,
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

/// Listens for TDX; none where that is not asked for.
///
/// # Errors
/// It cannot listen on the address, or other machines can reach it and requests over HTTP need a key, which TDX does not have.
pub async fn listen_for_tdx(args: &ServerArgs) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = args.tdx_address() else { return Ok(None) };
    if !address.ip().is_loopback() && args.keys() != KeysFrom::Nobody {
        bail!(
            "TDX has no keys, and other machines can reach {address}; use a loopback address for --tdx-addr, or --api-keys none on a network \
             where everybody may read the market"
        );
    }
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot serve TDX on {address}; choose another --tdx-addr"))?;
    let at = listener.local_addr().context(NO_ADDRESS)?;
    info!("serving TDX on {at}");
    say!("TDX is served on {at}");
    Ok(Some(listener))
}

/// Prepares the server of a market on its listeners.
///
/// # Errors
/// The keys or the relay cannot be used.
pub fn beside(
    UpArgs { server: args, relay, fake, .. }: &UpArgs,
    (listener, tdx): (TcpListener, Option<TcpListener>),
    market: &Market,
) -> anyhow::Result<EmbeddedServer> {
    let address = listener.local_addr().context(NO_ADDRESS)?;
    let (keys, new_key) = keys::required_or_first(args, address)?;
    let is_from_file = keys.is_some() && args.api_key.is_none();
    let keys_file = keys::file(args, is_from_file.then_some(KEYS_FILE));
    let keys = keys.map(keys::admit_page).transpose()?;
    let server =
        Server::new(market.clone(), Arc::new(SystemClock), keys, options(args, relay, fake)?).context(NO_FEED)?;
    info!("serving the market on http://{address}");
    Ok(EmbeddedServer { server, listener, tdx, address, keys_file, new_key })
}

/// Listens on an address.
async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| cannot_serve(address))
}

fn cannot_serve(address: SocketAddr) -> String {
    format!("cannot serve the market on {address}; choose another --addr")
}
