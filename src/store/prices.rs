//! Last prices with their stocks, as both databases keep them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text};

use super::data::PriceRow;
use super::rows::{Gives, Read};
use klined_market::base::UnixSeconds;

const PRICES: &str = "SELECT m.symbol, m.name, m.sector, m.board, m.is_active, \
     CAST(s.current_price AS double precision) AS price, CAST(p.change_percent AS double precision) AS change_percent, \
     p.volume, s.last_update, s.is_halted \
     FROM stock_metadata m JOIN stock_state s ON s.symbol = m.symbol \
     LEFT JOIN stock_realtime_price p ON p.symbol = m.symbol";

#[derive(QueryableByName)]
pub(super) struct ShownRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sector: String,
    #[diesel(sql_type = Text)]
    board: String,
    #[diesel(sql_type = Bool)]
    is_active: bool,
    #[diesel(sql_type = Double)]
    price: f64,
    #[diesel(sql_type = Nullable<Double>)]
    change_percent: Option<f64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    volume: Option<i64>,
    #[diesel(sql_type = BigInt)]
    last_update: i64,
    #[diesel(sql_type = Bool)]
    is_halted: bool,
}

/// Stocks whose symbol no instrument can have are left out: nobody can ask for them.
pub(super) fn prices(connection: &mut impl Gives<ShownRow>) -> Read<Vec<PriceRow>> {
    let mut rows: Vec<PriceRow> = connection
        .give(PRICES)?
        .into_iter()
        .filter_map(|row| {
            Some(PriceRow {
                symbol: row.symbol.parse().ok()?,
                name: row.name,
                sector: row.sector,
                board: row.board,
                is_active: row.is_active,
                price: row.price,
                change_percent: row.change_percent,
                volume: row.volume,
                last_update: UnixSeconds::new(row.last_update),
                is_halted: row.is_halted,
            })
        })
        .collect();
    rows.sort_by_key(|row| row.symbol);
    Ok(Ok(rows))
}
