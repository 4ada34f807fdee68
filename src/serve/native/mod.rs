//! The native dialect, version 1: REST under `/api/v1`, the chart page's `/api/klines`, `/health`.

mod answers;
mod bars;
#[cfg(test)]
mod laws;
mod market;
mod messages;
mod parameters;
mod socket;
mod ticks;
mod truth;

use std::sync::Arc;

use utoipa::OpenApi;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use answers::refused;
pub use market::metrics;
pub use socket::open as open_socket;

use super::Server;

/// What the document says of itself.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "klined",
        description = "A synthetic stock market over HTTP. Prices are decimal strings; times are Unix seconds, the start of a \
            bar's first minute unless asked for otherwise. Data for the same seed is the same at every call.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "bars", description = "Bars of every interval, in pages"),
        (name = "ticks", description = "Trades and quotes inside the minutes, up to the market's present instant"),
        (name = "market", description = "Stocks and the market's state"),
    )
)]
struct Document;

/// The routes that need a key, with what the document says of them.
pub fn rooms() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(market::tickers))
        .routes(routes!(market::quote))
        .routes(routes!(bars::history))
        .routes(routes!(bars::bars))
        .routes(routes!(ticks::trades))
        .routes(routes!(ticks::quotes))
        .routes(routes!(market::stats))
        .routes(routes!(market::status))
        .routes(routes!(truth::truth))
        .routes(routes!(bars::klines))
}

/// The routes that need none.
pub fn open_rooms() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::new().routes(routes!(market::health))
}

/// Says in the document in which places a key may be given.
pub fn secure(document: &mut utoipa::openapi::OpenApi) {
    let places = [
        ("header", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")))),
        ("bearer", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build())),
        ("parameter", SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::new("api_key")))),
    ];
    document.security = Some(places.iter().map(|(name, _)| SecurityRequirement::new(*name, [""; 0])).collect());
    document
        .components
        .get_or_insert_default()
        .security_schemes
        .extend(places.map(|(name, place)| (name.to_owned(), place.into())));
}
