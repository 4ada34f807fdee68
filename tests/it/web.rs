//! The market's server: its dialects, the vendors' own clients, the OpenAPI document, the chart page.

mod clients;
mod document;
mod page;
mod serve;
