//! Connections: one bounded accept loop for every server, HTTP on it, and the bounds on answers that a client does not read.

pub mod accept;
pub mod held;
pub mod http;
pub mod refusals;
pub mod stall;
