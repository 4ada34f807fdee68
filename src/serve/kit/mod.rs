//! What every dialect is built from, and no dialect is imported by: the row that describes a dialect, its routes, the WebSocket
//! client, pages over many symbols, and the reading and writing of HTTP parameters and answers.

pub mod answers;
pub mod channels;
pub mod client;
pub mod dialect;
pub mod front;
pub mod gbk;
pub mod host;
pub mod links;
pub mod metrics;
pub mod pages;
pub mod parameters;
#[cfg(test)]
pub mod parsers;
pub mod protocol;
pub mod relaying;
