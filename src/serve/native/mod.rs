//! The native dialect: REST under `/api/v2`, the first version under `/api/v1`, the chart page's `/api/klines`, `/ws`, `/health`.

mod answers;
mod arrow;
mod bars;
mod csv;
#[cfg(test)]
mod laws;
mod market;
mod messages;
mod parameters;
mod socket;
mod status;
mod ticks;
mod truth;
mod v1;

use std::sync::Arc;

use axum::http::HeaderName;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::kit::dialect::{Dialect, Routes};
use super::server::Server;
use crate::access::guard::{KeyPlaces, Rules};

/// The dialect's row. Its parameters are in the document.
pub const DIALECT: Dialect = Dialect {
    rules: Rules { owns: |_| false, refused: answers::refused, keys: KeyPlaces::Shared(&KEY_HEADERS) },
    headers: &[],
    parameters: &[],
    routes,
    encoders: &[socket::ENCODER],
    #[cfg(test)]
    parsers: &laws::PARSERS,
};

static KEY_HEADERS: [HeaderName; 1] = [HeaderName::from_static("x-api-key")];

/// What the document says of itself.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "klined",
        description = "A synthetic stock market over HTTP. Prices are decimal strings. Times are Unix seconds, the start of a \
            bar's first minute unless asked for otherwise; version 1 has them as ISO 8601. Data for the same seed is the same at every call.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "bars", description = "Bars of every interval, in pages"),
        (name = "ticks", description = "Trades and quotes inside the minutes, up to the market's present instant"),
        (name = "market", description = "Stocks and the market's state"),
        (name = "v1", description = "Version 1: five routes in the shapes of the first market data API"),
    )
)]
struct Document;

fn routes() -> Routes {
    let open = OpenApiRouter::new().routes(routes!(status::health));
    let mut routes = Routes::documented(documented(), open)
        .get("/metrics", "", get(status::metrics))
        .open_socket("/ws", get(socket::open));
    routes.document.as_mut().map(secure);
    routes
}

fn documented() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(market::tickers))
        .routes(routes!(market::quote))
        .routes(routes!(bars::history))
        .routes(routes!(bars::bars))
        .routes(routes!(ticks::trades))
        .routes(routes!(ticks::quotes))
        .routes(routes!(market::stats))
        .routes(routes!(status::status))
        .routes(routes!(truth::truth))
        .routes(routes!(bars::klines))
        .routes(routes!(v1::tickers))
        .routes(routes!(v1::quote))
        .routes(routes!(v1::history))
        .routes(routes!(v1::bars))
        .routes(routes!(v1::stats))
}

/// Describes in the document where a key may be given.
fn secure(document: &mut utoipa::openapi::OpenApi) {
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
