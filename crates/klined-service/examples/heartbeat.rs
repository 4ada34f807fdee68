//! A whole daemon: it counts heartbeats until it is stopped.

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use clap::Parser;
use klined_service::args::ServiceArgs;
use klined_service::prometheus_client::metrics::counter::Counter;
use klined_service::{Alarm, CheckReport, Daemon, Service, run_daemon};

/// Counts heartbeats until it is stopped
#[derive(Debug, Clone, Parser)]
#[command(name = "heartbeat", version)]
struct Heartbeat {
    /// Milliseconds between two beats
    #[arg(long, env = "HEARTBEAT_MS", value_name = "MS", default_value = "1000")]
    every: std::num::NonZeroU32,
    #[command(flatten)]
    service: ServiceArgs,
}

impl Daemon for Heartbeat {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    fn check(&self, report: &mut CheckReport) {
        report.ok("heart", format_args!("beats every {} ms", self.every));
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        let (job, beats) = (service.job("heart"), Counter::<u64>::default());
        service.metrics(|registry| registry.register("beats", "Heartbeats since the start", beats.clone()));
        service.on_reload(|| tracing::info!("a real daemon reads its files again here"));
        let mut alarm = Alarm::every(Duration::from_millis(self.every.get().into()));
        job.works();
        while !service.shutdown().is_requested() {
            tokio::select! {
                () = alarm.ring() => drop(beats.inc()),
                () = tokio::time::sleep(klined_service::pulse()) => {}
                () = service.shutdown().requested() => {}
            }
            job.answered(true);
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    run_daemon::<Heartbeat>(&BTreeSet::new())
}
