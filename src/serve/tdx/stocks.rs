//! The stocks of each market: how many, their list, and their dividends and splits, of which there are none.

use super::frames::{StockCode, code_of};
use super::numbers::{put_float, put_short};
use crate::query::PriceList;
use crate::query::errors::Refusal;
use crate::serve::kit::gbk::gbk;
use crate::serve::server::Server;
use crate::store::PriceRow;
use klined_market::base::{Symbol, Venue};

/// The most stocks of one list.
const LISTED_MOST: usize = 1000;
/// Bytes of a name.
const NAME: usize = 8;
/// Shares of a lot.
pub const LOT: i64 = 100;
/// Decimals of prices.
const DECIMALS: u8 = 2;

/// The market that a stock is on: that of its code; Shanghai's for a ticker that is no code of an A-share.
pub fn market_of(symbol: &Symbol) -> u16 {
    match Venue::of(symbol) {
        Some(Venue::Shenzhen) => 0,
        Some(Venue::Shanghai) | None => 1,
        Some(Venue::Beijing) => 2,
    }
}

/// The stock that a client names; none where it is not on that market.
pub fn find(prices: &PriceList, stock: StockCode) -> Option<&PriceRow> {
    let symbol = stock.symbol()?;
    prices.find(&symbol).filter(|row| market_of(&row.symbol) == stock.market)
}

/// The stocks of a market whose code a frame can hold.
fn listed(prices: &PriceList, market: u16) -> impl Iterator<Item = (&PriceRow, [u8; 6])> {
    let rows = prices.rows.iter().filter(move |row| market_of(&row.symbol) == market);
    rows.filter_map(|row| Some((row, code_of(&row.symbol)?)))
}

pub async fn count(server: &Server, market: u16) -> Result<Vec<u8>, Refusal> {
    let prices = server.reader.price_list().await?;
    let count = listed(&prices, market).count();
    Ok(u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes().to_vec())
}

/// A name in GBK, cut to whole characters.
fn name(text: &str) -> [u8; NAME] {
    let mut name = [0; NAME];
    let mut length = 0;
    for letter in text.chars() {
        let encoded = gbk(letter.encode_utf8(&mut [0; 4]));
        let Some(place) = name.get_mut(length..length + encoded.len()) else { break };
        place.copy_from_slice(&encoded);
        length += encoded.len();
    }
    name
}

/// The stocks from a place on, with the last price before the present day.
pub async fn list(server: &Server, market: u16, start: u16) -> Result<Vec<u8>, Refusal> {
    let prices = server.reader.price_list().await?;
    let rows: Vec<_> = listed(&prices, market).skip(start.into()).take(LISTED_MOST).collect();
    let mut body = Vec::with_capacity(2 + rows.len() * 29);
    put_short(&mut body, rows.len() as u16);
    for (row, code) in rows {
        let change = row.change_percent.unwrap_or(0.0);
        let previous = (row.price / (1.0 + change / 100.0) * 100.0).round() / 100.0;
        body.extend(code);
        put_short(&mut body, LOT as u16);
        body.extend(name(&row.name));
        body.extend([0; 4]);
        body.push(DECIMALS);
        put_float(&mut body, previous);
        body.extend([0; 4]);
    }
    Ok(body)
}

/// A list of a stock's dividends and splits, which is empty.
pub fn corporate(stock: StockCode) -> Vec<u8> {
    let mut body = 1_u16.to_le_bytes().to_vec();
    body.push(stock.market as u8);
    body.extend(stock.code);
    put_short(&mut body, 0);
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_to_whole_characters() {
        assert_eq!(&name("浦发银行"), &[0xc6, 0xd6, 0xb7, 0xa2, 0xd2, 0xf8, 0xd0, 0xd0]);
        assert_eq!(&name("A浦发银行"), b"A\xc6\xd6\xb7\xa2\xd2\xf8\0");
        assert_eq!(&name("Apple Inc."), b"Apple In");
    }

    #[test]
    fn a_stock_is_on_the_market_of_its_code() {
        let market = |symbol: &str| market_of(&symbol.parse().unwrap());
        assert_eq!([market("000001"), market("600000"), market("920001"), market("AAPL")], [0, 1, 2, 1]);
    }
}
