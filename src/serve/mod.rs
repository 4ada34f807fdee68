//! The market over HTTP and WebSocket: one stored truth, in the dialect of each client.
//!
//! It takes no role and writes nothing. `table` composes the dialects: `native`, and `alpaca`, `binance`, `polygon`, `quote_lines`, `tushare` and `udf`, which are
//! those of vendors' clients. A dialect is built from `kit` and reads through `server`; none uses another. `tdx` is a protocol of its own, on a port of its own. `page` is the chart.

mod alpaca;
mod binance;
pub mod kit;
mod metrics;
mod native;
pub mod page;
pub mod polygon;
mod quote_lines;
mod server;
mod table;
mod tdx;
mod tushare;
mod udf;

pub use self::kit::dialect::RouteExample;
pub use self::server::{PageKey, Server, ServerOptions};
pub use self::table::routes;
pub use crate::access::visitors::{Origins, Visitors};
pub use crate::query::errors::Refusal;
