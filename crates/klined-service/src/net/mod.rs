//! Connections: one bounded accept loop for every HTTP server, and the bounds on answers that a client does not read.

pub mod held;
pub mod http;
pub mod refusals;
mod stall;
