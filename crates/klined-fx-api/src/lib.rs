//! The foreign exchange market of [`klined_fx`] over HTTP and WebSocket, in the dialect of Polygon's forex. It needs no database: each
//! answer is made from the seed.
//!
//! | layer | module | owns |
//! |---|---|---|
//! | 0 | [`windows`] | times that bars are of |
//! | 1 | [`prices`] | bars and quotes of any time, made from the seed |
//! | 2 | [`present`] | the newest quotes and bars of all pairs |
//! | 3 | [`feed`] | what is made second after second, for the present and for the WebSockets |
//! | 4 | [`server`] | the state of the server, and bounded work |
//! | 5 | [`routes`] | REST |
//! | 5 | [`socket`] | the WebSocket |
//! | 6 | [`app`] | the server behind its guard |
//! | 7 | [`program`] | flags, and the daemon |
//!
//! The guard of requests, the conversation of WebSockets and the vendor's shapes are those of [`klined`].
#![forbid(unsafe_code)]

pub mod windows;

pub mod prices;

pub mod present;

pub mod feed;

pub mod server;

pub mod routes;

pub mod socket;

pub mod app;

pub mod program;
