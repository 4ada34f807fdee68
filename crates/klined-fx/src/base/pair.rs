//! The thirty currency pairs: names, precision, usual spread, liquidity.
//!
//! Spreads are what retail and institutional venues show in the London afternoon; those of SGD, HKD and most crosses are
//! our own estimates between them. The shares of turnover of EURUSD and USDJPY are those of the Bank for International
//! Settlements' survey of 2025; the others are estimates from the order in its earlier surveys.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::currency::{Currency, LEGS};

/// How many pairs there are.
pub const PAIRS: usize = 30;

/// One of the thirty pairs, by its place in [`PAIRS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair(u8);

/// What is known of one pair.
#[derive(Debug, Clone, Copy)]
pub struct PairFacts {
    pub symbol: &'static str,
    /// The currency that is bought and sold.
    pub base: Currency,
    /// The currency that the price is in.
    pub quote: Currency,
    /// Decimals of a quoted price: one more than those of a pip.
    pub decimals: u32,
    /// Usual spread at the best prices, in pips.
    pub spread_pips: f64,
    /// Share of the market's turnover, not normalised.
    pub turnover: f64,
    /// Usual size at the best price, in millions of the base currency.
    pub best_size_m: f64,
}

/// A name that no pair has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not one of the 30 pairs: use names such as EURUSD or GBPJPY")]
pub struct UnknownPair(String);

use Currency::{Aud, Cad, Chf, Eur, Gbp, Hkd, Jpy, Mxn, Nok, Nzd, Sek, Sgd, Try, Usd, Zar};

const fn pair(
    symbol: &'static str,
    base: Currency,
    quote: Currency,
    spread_pips: f64,
    turnover: f64,
    best_size_m: f64,
) -> PairFacts {
    let decimals = if matches!(quote, Jpy) { 3 } else { 5 };
    PairFacts { symbol, base, quote, decimals, spread_pips, turnover, best_size_m }
}

const FACTS: [PairFacts; PAIRS] = [
    pair("EURUSD", Eur, Usd, 0.2, 21.2, 2.0),
    pair("GBPUSD", Gbp, Usd, 0.3, 8.8, 1.5),
    pair("USDJPY", Usd, Jpy, 0.2, 14.3, 2.0),
    pair("USDCHF", Usd, Chf, 0.3, 4.6, 1.2),
    pair("AUDUSD", Aud, Usd, 0.2, 5.2, 1.6),
    pair("NZDUSD", Nzd, Usd, 0.3, 1.6, 1.2),
    pair("USDCAD", Usd, Cad, 0.3, 5.4, 1.4),
    pair("EURGBP", Eur, Gbp, 0.5, 2.0, 1.2),
    pair("EURJPY", Eur, Jpy, 0.3, 1.5, 1.2),
    pair("GBPJPY", Gbp, Jpy, 1.1, 0.8, 0.9),
    pair("EURCHF", Eur, Chf, 0.8, 0.9, 1.2),
    pair("EURAUD", Eur, Aud, 0.8, 0.5, 0.9),
    pair("GBPCHF", Gbp, Chf, 1.2, 0.3, 0.8),
    pair("AUDJPY", Aud, Jpy, 0.6, 0.7, 0.9),
    pair("NZDJPY", Nzd, Jpy, 0.9, 0.3, 0.8),
    pair("USDSEK", Usd, Sek, 38.0, 1.1, 0.8),
    pair("USDNOK", Usd, Nok, 39.0, 1.0, 0.8),
    pair("USDMXN", Usd, Mxn, 41.0, 1.6, 0.8),
    pair("USDSGD", Usd, Sgd, 2.0, 2.4, 1.0),
    pair("USDHKD", Usd, Hkd, 3.0, 2.4, 1.0),
    pair("USDZAR", Usd, Zar, 78.0, 0.9, 0.7),
    pair("USDTRY", Usd, Try, 60.0, 0.5, 0.6),
    pair("EURCAD", Eur, Cad, 1.0, 0.4, 0.8),
    pair("EURNZD", Eur, Nzd, 1.6, 0.3, 0.8),
    pair("GBPAUD", Gbp, Aud, 1.5, 0.4, 0.8),
    pair("GBPNZD", Gbp, Nzd, 2.2, 0.2, 0.7),
    pair("AUDCAD", Aud, Cad, 0.9, 0.3, 0.8),
    pair("AUDNZD", Aud, Nzd, 1.4, 0.4, 0.8),
    pair("NZDCAD", Nzd, Cad, 1.3, 0.2, 0.7),
    pair("CADJPY", Cad, Jpy, 0.8, 0.4, 0.8),
];

impl Pair {
    /// All pairs, in their order.
    #[must_use]
    pub fn all() -> [Self; PAIRS] {
        std::array::from_fn(|index| Self(index as u8))
    }

    /// The pair's place among all pairs, 0 to 29.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// What is known of the pair.
    #[must_use]
    pub fn facts(self) -> &'static PairFacts {
        &FACTS[self.index()]
    }

    /// The name, such as EURUSD.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        self.facts().symbol
    }
}

impl PairFacts {
    /// How many ticks are one unit of the quote currency.
    #[must_use]
    pub fn ticks_per_unit(&self) -> f64 {
        if self.decimals == 3 { 1e3 } else { 1e5 }
    }

    /// The logarithm of the price that follows from the legs.
    #[inline]
    #[must_use]
    pub fn log_price(&self, legs: &[f64; LEGS]) -> f64 {
        let of = |currency: Currency| currency.leg().map_or(0.0, |leg| legs[leg]);
        of(self.base) - of(self.quote)
    }
}

/// Ticks of a pip, for every pair: a quote has one decimal more than a pip.
pub const TICKS_PER_PIP: f64 = 10.0;

impl FromStr for Pair {
    type Err = UnknownPair;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::all().into_iter().find(|pair| pair.symbol().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| UnknownPair(text.to_owned()))
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.symbol())
    }
}
