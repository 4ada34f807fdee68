//! `exchange-playback`: the book and the trades of a run in a page, while they happen or afterwards.

mod player;
mod server;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use klined::config::ServerArgs;
use klined::daemon::{check, keys};
use klined_exchange::run::RunFolder;
use klined_service::args::{ListenAddress, ServiceArgs};
use klined_service::{CheckReport, Daemon, Service, pulse, run_program, say, serve};
use tokio::net::TcpListener;
use tracing::info;

use crate::variables::variables;
use server::PlaybackServer;

/// Where the server listens by default.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8785);

/// Shows the order book and the trades of an exchange's run in a page, while exchange-producer writes the logs or afterwards
///
/// Each reader of the page chooses a security, a session, a time and a speed, and may pause. The program only reads the logs. It listens on this
/// machine alone unless --addr names another address, which needs keys.
#[derive(Debug, Clone, Parser)]
#[command(name = "exchange-playback", version)]
#[command(mut_arg("addr", |arg| arg.help("Serve the page at this address: PORT (on 127.0.0.1) or ADDRESS:PORT [default: 127.0.0.1:8785]")))]
#[command(mut_arg("external_url", |arg| arg.hide(true)))]
pub struct PlaybackArgs {
    /// Directory of the run
    #[arg(long, env = "EXCHANGE_PLAYBACK_INPUT", value_name = "DIR")]
    pub input: PathBuf,
    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// The program's `main`.
pub fn main() -> ExitCode {
    run_program(
        &variables(),
        |args: &PlaybackArgs| args.service.run.runtime,
        async |args, program| {
            if !args.service.check.check {
                args.check_configuration()?;
            }
            serve(args, &program).await
        },
    )
}

impl PlaybackArgs {
    /// The server's flags with this program's own address.
    fn server(&self) -> ServerArgs {
        let addr = self.server.addr.unwrap_or(ListenAddress(Some(DEFAULT_ADDRESS)));
        ServerArgs { addr: Some(addr), ..self.server.clone() }
    }
}

impl Daemon for PlaybackArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check_configuration(&self) -> anyhow::Result<()> {
        if self.server.external_url.is_some() {
            bail!("--external-url: no answer of this program has a link");
        }
        Ok(RunFolder::open(&self.input).map(drop)?)
    }

    fn check(&self, report: &mut CheckReport) {
        match RunFolder::open(&self.input) {
            Ok(folder) => report.ok(
                "input",
                format_args!("{} is a run of {} securities", self.input.display(), folder.symbols().len()),
            ),
            Err(error) => report.fail("input", error),
        }
        check::server(&self.server(), report);
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let args = self.server();
        let address = keys::address(&args)?;
        let given = keys::required(&args, address)?.map(keys::admit_page).transpose()?;
        let job = service.job("playback");
        let folder = RunFolder::open(&self.input)?;
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.with_context(|| format!("cannot serve the page on {address}; choose another --addr"))?;
        let at = listener.local_addr().context("the system does not say which address the server has")?;
        let server = PlaybackServer::new(folder, given, args.options(), service.shutdown().clone());
        service.metrics(|registry| server.register(registry));
        info!(input = %self.input.display(), "serving the playback on http://{at}");
        say!("The playback is served on http://{at}");
        job.works();
        let serving = server.serve(listener, service.shutdown().token());
        tokio::pin!(serving);
        loop {
            tokio::select! {
                () = &mut serving => return Ok(()),
                () = tokio::time::sleep(pulse()) => job.answered(true),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        PlaybackArgs::command().debug_assert();
    }
}
