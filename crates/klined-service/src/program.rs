//! The runner: from the command line to the exit status.

use std::collections::BTreeSet;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Command, CommandFactory, Parser};
use tracing::{error, info};

use crate::args::{CheckArgs, LogArgs, RuntimeArgs, ServiceArgs};
use crate::check::CheckReport;
use crate::health::{self, Health};
use crate::reload::ReloadHooks;
use crate::service::Service;
use crate::shutdown::Shutdown;
use crate::systemd::Notifier;
use crate::work::blocking;
use crate::{command_line, descriptors, logging, one_line, say_error};

/// How long the current unit of work may go on after the request to stop, in programs that do not say otherwise.
pub const GRACE: Duration = Duration::from_secs(4);

/// Name and version of a program, from its command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramInfo {
    /// The name of its logs: that of the program with `_` in place of `-`.
    pub log_name: String,
    /// Its version; empty when its command line has none.
    pub version: String,
}

impl ProgramInfo {
    fn of(command: &Command) -> Self {
        let version = command.get_version().unwrap_or_default().to_owned();
        Self { log_name: command.get_name().replace('-', "_"), version }
    }
}

/// A program that runs until it is stopped.
pub trait Daemon: Clone + Send + 'static {
    /// How long the current unit of work may go on after the request to stop. Then the process ends without it.
    const GRACE: Duration = GRACE;

    /// `--check`, health, logs and threads, as the command line has them.
    fn service_args(&self) -> ServiceArgs;

    /// Whether the command line and the files that it names can be used. `--check` reports it first.
    ///
    /// # Errors
    /// They cannot be used.
    fn check_configuration(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Checks whether the daemon could run, and changes nothing. It may block.
    fn check(&self, report: &mut CheckReport) {
        let _ = report;
    }

    /// Runs until the request to stop, or until the work is done.
    ///
    /// # Errors
    /// Something failed that another try cannot mend.
    fn run(self, service: Service) -> impl Future<Output = anyhow::Result<()>>;
}

/// The `main` of a daemon: status 0 for a clean end, 1 for a failure, 2 for a wrong command line. `others` are variables of other
/// programs that read the same `.env`: a variable there that is neither theirs nor this program's is an error.
pub fn run_daemon<D: Daemon + Parser>(others: &BTreeSet<String>) -> ExitCode {
    run_program(
        others,
        |daemon: &D| daemon.service_args().run.runtime,
        async |daemon, program| serve(daemon, &program).await,
    )
}

/// The `main` of a program that may have several commands, with the same status; `runtime` gives the threads that its command
/// line asks for.
pub fn run_program<Args: Parser>(
    others: &BTreeSet<String>,
    runtime: impl FnOnce(&Args) -> RuntimeArgs,
    run: impl AsyncFnOnce(Args, ProgramInfo) -> anyhow::Result<ExitCode>,
) -> ExitCode {
    descriptors::raise_limit();
    let outcome = command_line::read(others).and_then(|args: Args| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if let Some(threads) = runtime(&args).worker_threads {
            builder.worker_threads(usize::from(threads));
        }
        let runtime = builder.enable_all().build().context("cannot start the runtime")?;
        let outcome = runtime.block_on(run(args, ProgramInfo::of(&<Args as CommandFactory>::command())));
        // Work that never got an answer is not waited for.
        runtime.shutdown_background();
        outcome
    });
    outcome.unwrap_or_else(|error| {
        if tracing::dispatcher::has_been_set() {
            error!(target: logging::FATAL, "{}", one_line(&error));
        } else {
            say_error!("error: {}", one_line(&error));
        }
        ExitCode::FAILURE
    })
}

/// Runs a daemon inside a program: checks it when that is asked for; else starts logs, signals, health and the messages to
/// systemd, and runs it to its end.
///
/// # Errors
/// The start fails, or the daemon does.
pub async fn serve<D: Daemon>(daemon: D, program: &ProgramInfo) -> anyhow::Result<ExitCode> {
    let ServiceArgs { check: CheckArgs { check: is_check }, run: args } = daemon.service_args();
    if is_check {
        return check(&args.log, program, daemon, D::check_configuration, D::check).await;
    }
    let logs = logging::start(&args.log, &program.log_name)?;
    let shutdown = Shutdown::on_signals()?;
    shutdown.end_within(D::GRACE);
    let (health, reload, notifier) =
        (Arc::new(Health::new(&program.version)), ReloadHooks::default(), Notifier::default());
    reload.clone().listen(logs, notifier.clone())?;
    health::serve(args.health.address(), health.clone()).await?;
    let reporting = notifier.start(health.clone(), shutdown.clone());
    daemon.run(Service { health, shutdown, reload }).await?;
    reporting.end().await;
    info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Runs the checks of a program: of its logs, of its configuration, and then its own. They may block.
///
/// # Errors
/// A check ended in a panic.
pub async fn check<Args: Send + 'static>(
    log: &LogArgs,
    program: &ProgramInfo,
    args: Args,
    configuration: impl FnOnce(&Args) -> anyhow::Result<()> + Send + 'static,
    own: impl FnOnce(&Args, &mut CheckReport) + Send + 'static,
) -> anyhow::Result<ExitCode> {
    let (log, log_name) = (log.clone(), program.log_name.clone());
    blocking(move || {
        let mut report = CheckReport::default();
        report.configuration(&log, &log_name, configuration(&args));
        own(&args, &mut report);
        report.status()
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_its_command_line() {
        let info = ProgramInfo::of(&Command::new("market-generator").version("1.2.3"));
        assert_eq!(info, ProgramInfo { log_name: "market_generator".to_owned(), version: "1.2.3".to_owned() });
    }
}
