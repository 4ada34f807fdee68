//! The market's server as a daemon.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::health::{self, Duty, Health, Metrics, ObservedStore, Vitals};
use super::shutdown::Shutdown;
use super::{blocking, check, logging, supervisor};
use crate::config::{ApiArgs, DatabaseArgs};
use crate::serve::Server;
use crate::store::{self, BarStore};

/// Runs `market-api` until told to stop, or checks whether it could run.
///
/// # Errors
/// The database cannot be used, or the address not be listened on.
pub async fn run(args: ApiArgs) -> anyhow::Result<ExitCode> {
    if args.check.check {
        return check::api(args).await;
    }
    logging::start(&args.log, "market_api")?;
    let shutdown = Shutdown::on_signals()?;
    shutdown.end_in_time();
    let calendar = Arc::new(args.calendar.calendar()?);
    let metrics = Arc::new(Metrics::default());
    let vitals = vitals(metrics.clone());
    let (_unchanging, calendars) = tokio::sync::watch::channel(calendar.clone());
    let health = Health::new(vec![vitals.clone()], metrics, calendars);
    health::serve(args.health.address(), health.clone()).await?;
    let supervised = supervisor::Report::begin(health.clone(), shutdown.clone());
    let (Some(address), _) = args.server.address() else { bail!("--addr none leaves nothing to do") };
    let database = args.database.clone();
    let store = blocking(move || open_to_read(&database)).await??;
    health.has_opened(store.clone());
    let store = ObservedStore::around(store, vitals.clone());
    let listener = listen(address).await?;
    let server = Server::new(store.clone(), calendar, &args.server.options());
    let at = listener.local_addr().context("cannot tell the server's address")?;
    info!(database = %args.database.db_url, "serving the market on http://{at}");
    println!("The market is served on http://{at}");
    vitals.holds();
    let serving = server.run(listener, args.server.options(), shutdown.token());
    tokio::select! {
        () = serving => {}
        () = look(store) => {}
    }
    supervised.end().await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// The signs of life of a server.
pub fn vitals(metrics: Arc<Metrics>) -> Arc<Vitals> {
    Vitals::new("api", Duty::RunFree, metrics)
}

/// Listens on an address.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let context = || format!("cannot serve the market on {address}; choose another --addr");
    TcpListener::bind(address).await.with_context(context)
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
