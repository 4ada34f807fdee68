//! The program: its flags, and what it does between them and its end.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Parser;
use klined::config::ServerArgs;
use klined::daemon::clock::SystemClock;
use klined::daemon::{check, keys};
use klined_fx::base::Hours;
use klined_fx::market::{Market, MarketSettings, OrderRate};
use klined_market::base::Seed;
use klined_service::args::{ListenAddress, ServiceArgs};
use klined_service::{CheckReport, Daemon, Service, one_line, say};
use tokio::net::TcpListener;
use tracing::{error, info};

use crate::app;
use crate::server::FxServer;

/// Where the server listens by default.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8790);
/// The book's levels and the orders a second of `fx-generator`, whose market this is.
const LEVELS: usize = 5;
const ORDERS: OrderRate = OrderRate { least: 5, most: 30 };

/// Serves the foreign exchange market as Polygon's forex
///
/// The market is that of fx-generator with the same seed. Each answer is made from the seed, so no database is needed.
#[derive(Debug, Clone, Parser)]
#[command(name = "fx-api", version)]
#[command(mut_arg("addr", |arg| arg.help("Serve the market at this address: PORT (on 127.0.0.1) or ADDRESS:PORT [default: 127.0.0.1:8790]")))]
#[command(mut_arg("public_page", |arg| arg.hide(true)))]
pub struct FxApiArgs {
    /// The number that the whole market follows from
    #[arg(long, env = "FX_SEED", value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// A market without weekends and holidays, open at any hour. It is another market, because its days are others
    #[arg(long, visible_alias = "always_open", env = "FX_ALWAYS_OPEN")]
    pub always_open: bool,

    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub service: ServiceArgs,
}

impl FxApiArgs {
    /// The server's flags with this program's own address.
    fn server(&self) -> ServerArgs {
        let addr = self.server.addr.unwrap_or(ListenAddress(Some(DEFAULT_ADDRESS)));
        ServerArgs { addr: Some(addr), ..self.server.clone() }
    }

    fn market(&self) -> Market {
        let hours = if self.always_open { Hours::Always } else { Hours::Week };
        Market::new(MarketSettings { seed: Seed(self.seed), hours, levels: LEVELS, orders: ORDERS })
    }
}

impl Daemon for FxApiArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check_configuration(&self) -> anyhow::Result<()> {
        if self.server.public_page {
            bail!("--public-page: this program has no page");
        }
        Ok(())
    }

    fn check(&self, report: &mut CheckReport) {
        check::server(&self.server(), report);
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        self.check_configuration()?;
        let (args, market) = (self.server(), self.market());
        let address = keys::address(&args)?;
        let keys_given = keys::required(&args, address)?;
        let vitals = service.job("feed");
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.with_context(|| format!("cannot serve the market on {address}; choose another --addr"))?;
        let at = listener.local_addr().context("the system does not say which address the server has")?;
        let server = FxServer::new(market, Arc::new(SystemClock), keys_given, args.options());
        service.metrics(|registry| server.register(registry));
        service.on_reload({
            let (server, file) = (server.clone(), keys::file(&args, None));
            move || {
                let Some(file) = &file else { return };
                match keys::read(file) {
                    Ok(keys) => {
                        info!(keys = keys.len(), "the keys were read again");
                        server.change_keys(keys);
                    }
                    Err(error) => error!("the keys are unchanged: {}", one_line(&error)),
                }
            }
        });
        info!(seed = self.seed, always_open = self.always_open, "serving the forex market on http://{at}");
        say!("The forex market is served on http://{at}");
        let stop = service.shutdown().token();
        let serving = app::serve(server.clone(), listener, stop.clone());
        let clock = SystemClock;
        let alive = || {
            vitals.works();
            vitals.answered(true);
        };
        let (followed, ()) = tokio::join!(
            async {
                let followed = server.feed.run(&clock, alive, stop.clone()).await;
                if followed.is_err() {
                    service.shutdown().request();
                }
                followed
            },
            serving
        );
        followed
    }
}
