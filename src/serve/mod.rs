//! Serving the market: what reads it for clients. Nothing here takes a role or writes.

pub mod hub;
