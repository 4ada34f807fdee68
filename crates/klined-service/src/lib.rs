//! The runner that klined's daemons share.
//!
//! It knows nothing of markets, calendars or databases. It gives a daemon a command line with a variable for each flag and a
//! `.env` file, logs to standard error and to daily files, SIGTERM and SIGINT as one request to stop, SIGHUP as a request to read
//! configuration again, `--check`, health and metrics over HTTP, messages and a watchdog for systemd, waits between tries, alarms,
//! and the exit status.
//!
//! A daemon implements [`Daemon`] on its command line and gives the runner three things:
//!
//! - **jobs**, each with [`Vitals`]: the job calls [`works`](Vitals::works) when it has begun, and
//!   [`answered`](Vitals::answered) or [`moved`](Vitals::moved) with every step. A job that stops moving fails `/healthz` and
//!   starves systemd's watchdog. A job whose readiness has conditions of its own implements [`JobStatus`];
//! - **metrics**, registered with [`Service::metrics`];
//! - **what SIGHUP reads again**, by [`Service::on_reload`].
//!
//! # A whole daemon
//!
//! ```no_run
#![doc = include_str!("../examples/heartbeat.rs")]
//! ```
//!
//! # Rules that every program keeps
//!
//! - Exit status: 0 for a clean end, 1 for a failure, 2 for a wrong command line.
//! - The first SIGTERM or SIGINT lets the current unit of work end, for [`Daemon::GRACE`] at most; the second ends the process.
//! - A variable that is set and empty counts as unset, and every switch takes the same words ([`command_line`]).
//! - Nothing is printed with `println!`: [`say!`] and its kind drop what nobody can read, so a closed pipe ends no program.
//! - What changes in place, a progress or a state, is shown by [`progress`], on a terminal only. `NO_COLOR` switches colours off.
//! - An error is shown with its causes, each once ([`one_line`]).
//! - No message shows a password of a URL ([`secrets`]).

pub mod args;
pub mod command_line;
pub mod net;
pub mod output;
pub mod progress;
pub mod secrets;
pub mod text;

mod alarm;
mod chain;
mod check;
mod clock;
mod descriptors;
mod env_file;
mod health;
mod logging;
mod names;
mod program;
mod reload;
mod retry;
mod service;
mod shutdown;
mod sibling;
mod systemd;
mod terminal;
mod work;

pub use alarm::Alarm;
pub use chain::one_line;
pub use check::{CheckReport, is_writable, is_writable_file};
pub use clock::{coarse_time, instant};
pub use health::{JobStatus, Vitals, VitalsLimits};
pub use logging::{Logs, start as start_logs};
pub use program::{Daemon, GRACE, ProgramInfo, check, run_daemon, run_program, serve};
pub use retry::{Backoff, Retriable, Retry};
pub use service::Service;
pub use shutdown::Shutdown;
pub use sibling::sibling;
pub use systemd::pulse;
pub use work::blocking;

/// The crate that metrics are made with.
pub use prometheus_client;
