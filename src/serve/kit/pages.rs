//! One page over many symbols.

use std::collections::BTreeMap;
use std::future::Future;

use crate::query::errors::Refusal;
use klined_market::base::Symbol;

/// Where a page ended: at an entry of a symbol, or before the first of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolCursor {
    pub symbol: Symbol,
    /// The number of the entry, not negative.
    pub after: Option<i64>,
}

impl SymbolCursor {
    /// The text that [`SymbolCursor::parse`] reads: `NUMBER.SYMBOL`.
    #[must_use]
    pub fn text(&self) -> String {
        let after = self.after.map(|after| after.to_string()).unwrap_or_default();
        format!("{after}.{}", self.symbol)
    }

    /// None where a text is no cursor.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (after, symbol) = text.split_once('.')?;
        let after = match after {
            "" => None,
            number => Some(number.parse().ok().filter(|after| *after >= 0)?),
        };
        Some(Self { symbol: symbol.parse().ok()?, after })
    }
}

/// Entries of the symbols, in their order, up to `limit` over all of them, and where the next page begins. `fetch` gives the entries of
/// one symbol after an entry, at most so many, and the last entry's number where there are more.
///
/// # Errors
/// Those of `fetch`.
pub async fn over_symbols<T, Fetched>(
    symbols: impl IntoIterator<Item = Symbol>,
    limit: u16,
    cursor: Option<SymbolCursor>,
    mut fetch: impl FnMut(Symbol, u16, Option<i64>) -> Fetched,
) -> Result<(BTreeMap<Symbol, Vec<T>>, Option<SymbolCursor>), Refusal>
where
    Fetched: Future<Output = Result<(Vec<T>, Option<i64>), Refusal>>,
{
    let (mut pages, mut left) = (BTreeMap::new(), limit);
    for symbol in symbols.into_iter().filter(|symbol| cursor.is_none_or(|cursor| *symbol >= cursor.symbol)) {
        if left == 0 {
            return Ok((pages, Some(SymbolCursor { symbol, after: None })));
        }
        let after = cursor.filter(|cursor| cursor.symbol == symbol).and_then(|cursor| cursor.after);
        let (entries, next) = fetch(symbol, left, after).await?;
        // No page is longer than its limit.
        left = left.saturating_sub(u16::try_from(entries.len()).unwrap_or(left));
        if !entries.is_empty() {
            pages.insert(symbol, entries);
        }
        if next.is_some() {
            return Ok((pages, Some(SymbolCursor { symbol, after: next })));
        }
    }
    Ok((pages, None))
}
