//! Connections: one bounded accept loop for every HTTP server of the programs, and the bound on answers that nobody reads.

pub mod http;
mod stall;
