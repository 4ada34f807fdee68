//! The health of a process: what its jobs show, for those who ask over HTTP and for systemd.

mod process;
mod server;
mod vitals;

pub(crate) use process::Health;
pub(crate) use server::serve;
pub use vitals::{JobStatus, Vitals, VitalsLimits};
