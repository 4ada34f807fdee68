//! Stocks as pairs: `AAPL` is paid in USDT, and `AAPLUSDT` is another name of it.
//!
//! A client that puts a symbol together from its base and its quote asset finds it under that name; one that takes names from
//! `exchangeInfo` uses the ticker alone. Answers and events repeat the name that the client used.

use std::borrow::Cow;

use crate::query::PriceList;
use crate::store::PriceRow;
use klined_market::base::Board;

/// What stocks of the exchange's boards are paid in.
const EXCHANGE_QUOTE: &str = "CNY";
/// What all other stocks are paid in: the quote asset of most pairs at Binance.
const FREE_QUOTE: &str = "USDT";

/// A stock under the name that a client uses for it.
#[derive(Debug, Clone, Copy)]
pub struct NamedRow<'p> {
    pub row: &'p PriceRow,
    is_pair: bool,
}

impl<'p> NamedRow<'p> {
    /// A stock under its ticker.
    pub fn plain(row: &'p PriceRow) -> Self {
        Self { row, is_pair: false }
    }

    /// The stock that a client names, in any case: by its ticker, or by its pair.
    pub fn find(prices: &'p PriceList, name: &str) -> Option<Self> {
        if let Some(row) = prices.find_any_case(name) {
            return Some(Self::plain(row));
        }
        [EXCHANGE_QUOTE, FREE_QUOTE].into_iter().find_map(|quote| {
            let base = name.len().checked_sub(quote.len()).filter(|at| name.is_char_boundary(*at))?;
            let (base, asset) = name.split_at(base);
            // The asset is compared first: the search for a base that there is not looks at every stock.
            let base = asset.eq_ignore_ascii_case(quote).then_some(base)?;
            let row = prices.find_any_case(base).filter(|row| quote_asset(row) == quote)?;
            Some(Self { row, is_pair: true })
        })
    }

    /// The name that answers repeat.
    pub fn name(&self) -> Cow<'p, str> {
        let ticker = self.row.symbol.as_str();
        if self.is_pair { format!("{ticker}{}", quote_asset(self.row)).into() } else { ticker.into() }
    }
}

/// The asset that a stock is paid in.
pub fn quote_asset(row: &PriceRow) -> &'static str {
    if row.board == Board::Free.as_str() { FREE_QUOTE } else { EXCHANGE_QUOTE }
}
