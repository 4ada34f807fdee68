//! The stocks as assets of Alpaca's trading API, and lists of what this market has none of: news, corporate actions, auctions.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answers::{AlpacaAnswer, AlpacaError, answer};
use super::parameters::{AlpacaQuery, symbol};
use crate::query::errors::Refusal;
use crate::query::parameters::repeated;
use crate::serve::server::Server;
use crate::store::PriceRow;

/// The class of every asset.
const CLASS: &str = "us_equity";

/// An id that is the same for a symbol in every market: 128 bits of a digest in the form of a UUID of version 8, which is free for any use.
fn id(symbol: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(symbol.as_bytes())[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn status(row: &PriceRow) -> &'static str {
    if row.is_active { "active" } else { "inactive" }
}

/// The exchange is empty, which is the vendor's word for one that it does not name.
fn asset(row: &PriceRow) -> Value {
    json!({
        "id": id(row.symbol.as_str()),
        "class": CLASS,
        "exchange": "",
        "symbol": row.symbol.as_str(),
        "name": row.name,
        "status": status(row),
        "tradable": row.is_active && !row.is_halted,
        "marginable": false,
        "shortable": false,
        "easy_to_borrow": false,
        "fractionable": false,
        "attributes": [],
    })
}

/// The stocks, in order of symbol.
pub async fn many(State(server): State<Arc<Server>>, asked: AlpacaQuery) -> AlpacaAnswer {
    let prices = server.reader.price_list().await?;
    let is_of_class = asked.asset_class().is_none_or(|class| class == CLASS);
    let is_anywhere = asked.exchange().is_none() && asked.attributes().is_none();
    let wanted = |row: &&PriceRow| {
        is_of_class && is_anywhere && asked.status().is_none_or(|wanted| wanted == "all" || wanted == status(row))
    };
    answer(&prices.rows.iter().filter(wanted).map(asset).collect::<Vec<_>>())
}

/// A stock by its symbol or its id.
pub async fn one(State(server): State<Arc<Server>>, Path(name): Path<String>, _: AlpacaQuery) -> AlpacaAnswer {
    let prices = server.reader.price_list().await?;
    let by_symbol = symbol(&name).ok().and_then(|symbol| prices.find(&symbol));
    let found = by_symbol.or_else(|| prices.rows.iter().find(|row| id(row.symbol.as_str()) == name));
    match found {
        Some(row) => answer(&asset(row)),
        None => Err(AlpacaError(Refusal::UnknownTicker(repeated(&name)))),
    }
}

/// News, of which there are none.
pub async fn news(asked: AlpacaQuery) -> AlpacaAnswer {
    asked.optional_symbols()?;
    answer(&json!({"news": [], "next_page_token": null}))
}

/// Corporate actions, of which there are none.
pub async fn corporate_actions(asked: AlpacaQuery) -> AlpacaAnswer {
    asked.optional_symbols()?;
    answer(&json!({"corporate_actions": {}, "next_page_token": null}))
}

/// Auctions of many stocks, of which there are none.
pub async fn auctions_of_many(asked: AlpacaQuery) -> AlpacaAnswer {
    asked.symbols()?;
    answer(&json!({"auctions": {}, "next_page_token": null}))
}

/// Auctions of a stock, of which there are none.
pub async fn auctions_of_one(Path(name): Path<String>, _: AlpacaQuery) -> AlpacaAnswer {
    answer(&json!({"symbol": symbol(&name)?.as_str(), "auctions": [], "next_page_token": null}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_its_symbol() {
        let (one, other) = (id("AAPL"), id("MSFT"));
        assert!(one != other && one == id("AAPL") && one.len() == 36);
        assert_eq!((one.as_bytes()[14], one.matches('-').count()), (b'8', 4));
    }
}
