//! `exchange-feed`: follows the logs of a run, and sends their orders as ITCH 5.0 in MoldUDP64 packets.

mod sender;
mod servers;
mod wire;

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::NaiveDate;
use clap::{Parser, ValueEnum};
use klined_service::args::ServiceArgs;
use klined_service::prometheus_client::metrics::gauge::Gauge;
use klined_service::{CheckReport, Daemon, Service, blocking, run_program, serve};

use super::producer::date;
use crate::run::RunFolder;
use sender::Sender;
use servers::{Live, answer_requests, answer_snapshots};
use wire::{Destination, Loss, Wire};

/// Sends the orders of a run as ITCH 5.0 in MoldUDP64 packets, while exchange-producer writes its logs or afterwards
///
/// Each day is a session of MoldUDP64 with a name of its own, which no other run has. Its messages follow from the logs alone: a feed that is
/// started again sends the same messages with the same numbers. A receiver that has lost packets asks at --requests for them. A receiver that
/// joins late gets the books at --snapshots and goes on from there.
#[derive(Debug, Clone, Parser)]
#[command(name = "exchange-feed", version)]
pub struct FeedArgs {
    /// Directory of the run
    #[arg(long, env = "EXCHANGE_FEED_INPUT", value_name = "DIR")]
    pub input: PathBuf,
    /// Multicast group that packets are sent to
    #[arg(long, env = "EXCHANGE_FEED_MULTICAST_GROUP", value_name = "ADDRESS", default_value = "239.1.1.1", value_parser = group)]
    pub multicast_group: Ipv4Addr,
    /// Port of the multicast group
    #[arg(long, env = "EXCHANGE_FEED_PORT", value_name = "PORT", default_value_t = 5001, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Address of the interface that multicast leaves by [default: the system chooses]
    #[arg(long, env = "EXCHANGE_FEED_INTERFACE", value_name = "ADDRESS")]
    pub interface: Option<Ipv4Addr>,
    /// Number of routers that multicast passes, plus one
    #[arg(long, env = "EXCHANGE_FEED_TTL", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(..=255))]
    pub ttl: u32,
    /// Send to these addresses instead of the multicast group
    #[arg(long, env = "EXCHANGE_FEED_UNICAST_DEST", value_name = "HOST:PORT,…", value_delimiter = ',')]
    pub unicast_dest: Vec<String>,
    /// UDP address at which requests for lost messages are answered [default: none]
    #[arg(long, env = "EXCHANGE_FEED_REQUESTS", value_name = "ADDRESS:PORT")]
    pub requests: Option<SocketAddr>,
    /// TCP address at which the state of the books can be fetched [default: none]
    #[arg(long, env = "EXCHANGE_FEED_SNAPSHOTS", value_name = "ADDRESS:PORT")]
    pub snapshots: Option<SocketAddr>,
    /// Send each event at its own time, so many times faster than the clock; 0: as soon as it is in the log
    #[arg(long, env = "EXCHANGE_FEED_SPEED", value_name = "X", default_value_t = 0.0, value_parser = speed, allow_negative_numbers = true)]
    pub speed: f64,
    /// Where to begin: with the first message of the day, or now: what the log holds at the start is not sent, but can be asked for
    #[arg(long, env = "EXCHANGE_FEED_FROM", value_enum, default_value_t = From::Open)]
    pub from: From,
    /// Date of the first session to send [default: the first one of the run; the last one with --from now]
    #[arg(long, env = "EXCHANGE_FEED_DATE", value_name = "YYYY-MM-DD", value_parser = date)]
    pub date: Option<NaiveDate>,
    /// Number of sessions to send; 0: until the program is stopped
    #[arg(long, env = "EXCHANGE_FEED_DAYS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub days: u32,
    /// Number of seconds for which requests are still answered after the last session
    #[arg(long, env = "EXCHANGE_FEED_LINGER", value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub linger: u64,
    /// Percentage of packets that are not sent, for tests of receivers
    #[arg(long, env = "EXCHANGE_FEED_LOSS", value_name = "PERCENT", default_value_t = 0.0, value_parser = percent, allow_negative_numbers = true)]
    pub loss: f64,
    /// Seed of the choice of packets that are not sent
    #[arg(long, env = "EXCHANGE_FEED_LOSS_SEED", value_name = "SEED", default_value_t = 1)]
    pub loss_seed: u64,
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// Where a feed begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    Open,
    Now,
}

pub(super) fn group(text: &str) -> Result<Ipv4Addr, String> {
    let address = text.parse::<Ipv4Addr>().ok().filter(Ipv4Addr::is_multicast);
    address.ok_or_else(|| "it must be a multicast address, from 224.0.0.0 to 239.255.255.255".to_owned())
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed == 0.0 || (0.001..=1_000_000.0).contains(&speed) => Ok(speed),
        _ => Err("it must be 0 or a number from 0.001 to 1000000".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("it must be a number from 0 to 100".to_owned()),
    }
}

/// The program's `main`.
pub fn main() -> ExitCode {
    run_program(
        &super::variables(),
        |args: &FeedArgs| args.service.run.runtime,
        async |args, program| {
            if !args.service.check.check {
                args.check_configuration()?;
            }
            serve(args, &program).await
        },
    )
}

impl FeedArgs {
    fn destinations(&self) -> anyhow::Result<Vec<Destination>> {
        if self.unicast_dest.is_empty() {
            let address = SocketAddr::from((self.multicast_group, self.port));
            let destination = Destination::multicast(address, self.interface, self.ttl);
            return Ok(vec![destination.with_context(|| format!("cannot send to {address}"))?]);
        }
        let unicast = |text: &String| {
            let context = || format!("--unicast-dest has \"{text}\": a destination is HOST:PORT");
            let address = text.to_socket_addrs().with_context(context)?.next().with_context(context)?;
            Destination::unicast(address).with_context(|| format!("cannot send to {address}"))
        };
        self.unicast_dest.iter().map(unicast).collect()
    }

    /// The session that is sent first, counted from 0.
    fn first_day(&self, folder: &RunFolder) -> anyhow::Result<u32> {
        match (self.date, self.from) {
            (None, From::Open) => Ok(0),
            (None, From::Now) => Ok(folder.last_day()?.unwrap_or(0)),
            (Some(date), _) => {
                let mut day = 0;
                while folder.date(day)? < date {
                    day += 1;
                }
                ensure!(folder.date(day)? == date, "--date is {date}: the run has no session on that date");
                Ok(day)
            }
        }
    }
}

impl Daemon for FeedArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check_configuration(&self) -> anyhow::Result<()> {
        self.first_day(&RunFolder::open(&self.input)?)?;
        self.destinations().map(drop)
    }

    fn check(&self, report: &mut CheckReport) {
        match RunFolder::open(&self.input) {
            Ok(folder) => report.ok(
                "input",
                format_args!("{} is a run of {} securities", self.input.display(), folder.symbols().len()),
            ),
            Err(error) => report.fail("input", error),
        }
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let folder = RunFolder::open(&self.input)?;
        let first_day = self.first_day(&folder)?;
        let job = service.job("feed");
        let live = Arc::new(Mutex::new(Live::default()));
        if let Some(address) = self.requests {
            let socket = tokio::net::UdpSocket::bind(address).await;
            let socket = socket.with_context(|| format!("--requests: cannot listen at {address}"))?;
            tracing::info!(address = %socket.local_addr()?, "requests for lost messages are answered");
            tokio::spawn(answer_requests(socket, live.clone()));
        }
        if let Some(address) = self.snapshots {
            let listener = tokio::net::TcpListener::bind(address).await;
            let listener = listener.with_context(|| format!("--snapshots: cannot listen at {address}"))?;
            tracing::info!(address = %listener.local_addr()?, "snapshots of the books are given out");
            tokio::spawn(answer_snapshots(listener, live.clone()));
        }
        let wire = Wire::new(self.destinations()?, Loss { percent: self.loss, seed: self.loss_seed });
        let counts = wire.counts();
        let (sent, lost, failed) = (Gauge::<i64>::default(), Gauge::<i64>::default(), Gauge::<i64>::default());
        service.metrics(|registry| {
            registry.register("feed_packets", "Packets that were sent", sent.clone());
            registry.register("feed_lost_packets", "Packets that were not sent because of --loss", lost.clone());
            registry.register("feed_failed_packets", "Packets that the system refused to send", failed.clone());
        });
        service.before_metrics(move || {
            let known = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            sent.set(known(counts.sent()));
            lost.set(known(counts.lost()));
            failed.set(known(counts.failed()));
        });
        job.works();
        let mut sender = Sender {
            folder,
            live,
            wire,
            shutdown: service.shutdown().clone(),
            job,
            speed: self.speed,
            days: (self.days > 0).then_some(self.days),
            linger: Duration::from_secs(self.linger),
        };
        blocking(move || sender.run(first_day, self.from == From::Now)).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        FeedArgs::command().debug_assert();
    }
}
