//! Connections: one bounded accept loop for every HTTP server, and the bound on answers that a client does not read.

pub mod http;
mod stall;
