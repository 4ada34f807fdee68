//! Stocks as pairs: `AAPL` is paid in USDT, or in another asset of the server's choice, and `AAPLUSDT` is another name of it.
//!
//! A client that puts a symbol together from its base and its quote asset finds it under that name; one that takes names from
//! `exchangeInfo` uses the ticker alone. Answers and events repeat the name that the client used.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use crate::query::PriceList;
use crate::query::errors::Refusal;
use crate::serve::server::Server;
use crate::store::PriceRow;
use klined_market::base::Board;

/// What stocks of the exchange's boards are paid in.
const EXCHANGE_QUOTE: &str = "CNY";

/// The stocks, and what those on no board of the exchange are paid in.
pub struct Pairs {
    prices: Arc<PriceList>,
    free_quote: Arc<str>,
}

impl Pairs {
    /// Those of a server's market.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn of(server: &Server) -> Result<Self, Refusal> {
        Ok(Self { prices: server.reader.price_list().await?, free_quote: server.options.quote_asset.clone() })
    }

    /// A stock under its ticker.
    pub fn plain<'p>(&'p self, row: &'p PriceRow) -> NamedRow<'p> {
        NamedRow { row, quote_asset: self.quote_asset(row), is_pair: false }
    }

    /// The stock that a client names, in any case: by its ticker, or by its pair.
    pub fn find_named(&self, name: &str) -> Option<NamedRow<'_>> {
        if let Some(row) = self.find_any_case(name) {
            return Some(self.plain(row));
        }
        [EXCHANGE_QUOTE, &self.free_quote].into_iter().find_map(|quote| {
            let base = name.len().checked_sub(quote.len()).filter(|at| name.is_char_boundary(*at))?;
            let (base, asset) = name.split_at(base);
            // The asset is compared first: the search for a base that there is not looks at every stock.
            let base = asset.eq_ignore_ascii_case(quote).then_some(base)?;
            let row = self.find_any_case(base).filter(|row| self.quote_asset(row) == quote)?;
            Some(NamedRow { is_pair: true, ..self.plain(row) })
        })
    }

    /// The asset that a stock is paid in.
    fn quote_asset(&self, row: &PriceRow) -> &str {
        if row.board == Board::Free.as_str() { &self.free_quote } else { EXCHANGE_QUOTE }
    }
}

impl Deref for Pairs {
    type Target = PriceList;

    fn deref(&self) -> &PriceList {
        &self.prices
    }
}

#[cfg(test)]
impl Default for Pairs {
    fn default() -> Self {
        Self { prices: Arc::default(), free_quote: "USDT".into() }
    }
}

/// A stock under the name that a client uses for it.
#[derive(Debug, Clone, Copy)]
pub struct NamedRow<'p> {
    pub row: &'p PriceRow,
    /// The asset that it is paid in.
    pub quote_asset: &'p str,
    is_pair: bool,
}

impl<'p> NamedRow<'p> {
    /// The name that answers repeat.
    pub fn name(&self) -> Cow<'p, str> {
        let ticker = self.row.symbol.as_str();
        if self.is_pair { format!("{ticker}{}", self.quote_asset).into() } else { ticker.into() }
    }
}
