//! The fourteen currencies that are traded against the US dollar, and how they move together.
//!
//! The model moves *legs*: the logarithm of what one unit of a currency costs in US dollars. Every pair follows from two
//! legs, or from one against the dollar, so the pairs agree with one another at every instant.
//!
//! Volatilities are annual, measured on the European Central Bank's daily reference rates from November 2015 to
//! October 2026. The correlations are those of the daily changes of the dollar values in 2016–2026.

use super::normal_draws::Cholesky;

/// How many currencies have a leg.
pub const LEGS: usize = 14;

/// Trading days of a year: the weekdays without 25 December and 1 January, on average.
pub const DAYS_PER_YEAR: f64 = 259.0;

/// A currency of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Currency {
    Eur,
    Gbp,
    Jpy,
    Chf,
    Aud,
    Nzd,
    Cad,
    Sek,
    Nok,
    Mxn,
    Sgd,
    Hkd,
    Zar,
    Try,
    /// The dollar has no leg: it is what the others are measured in.
    Usd,
}

/// The hours in which a currency is traded most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    Asia,
    Europe,
    America,
}

/// What is known of one currency.
#[derive(Debug, Clone, Copy)]
pub struct CurrencyFacts {
    pub code: &'static str,
    /// Price of one unit in US dollars that the market wanders around.
    pub base_usd: f64,
    /// Standard deviation of the logarithmic change in a year, as a fraction.
    pub annual_volatility: f64,
    pub region: Region,
    /// Mean number of scheduled news a day.
    pub news_per_day: f64,
    /// How strongly the currency answers to news of the dollar, as a share of its own volatility.
    pub dollar_news_share: f64,
    /// The currency's peg: lowest and highest price of one dollar.
    pub band_per_usd: Option<(f64, f64)>,
}

const fn facts(code: &'static str, base_usd: f64, annual_volatility: f64, region: Region, news: f64) -> CurrencyFacts {
    let dollar_news_share = 0.8;
    CurrencyFacts {
        code,
        base_usd,
        annual_volatility,
        region,
        news_per_day: news,
        dollar_news_share,
        band_per_usd: None,
    }
}

/// In the order of [`Currency`], without the dollar.
const FACTS: [CurrencyFacts; LEGS] = [
    facts("EUR", 1.075, 0.074, Region::Europe, 0.40),
    facts("GBP", 1.275, 0.092, Region::Europe, 0.40),
    facts("JPY", 1.0 / 152.5, 0.092, Region::Asia, 0.25),
    facts("CHF", 1.0 / 0.925, 0.075, Region::Europe, 0.12),
    facts("AUD", 0.675, 0.100, Region::Asia, 0.25),
    facts("NZD", 0.625, 0.102, Region::Asia, 0.18),
    facts("CAD", 1.0 / 1.375, 0.070, Region::America, 0.25),
    facts("SEK", 1.0 / 10.5, 0.102, Region::Europe, 0.12),
    facts("NOK", 1.0 / 10.5, 0.116, Region::Europe, 0.12),
    facts("MXN", 1.0 / 17.5, 0.126, Region::America, 0.12),
    facts("SGD", 1.0 / 1.375, 0.046, Region::Asia, 0.08),
    CurrencyFacts {
        dollar_news_share: 0.1,
        band_per_usd: Some((7.75, 7.85)),
        ..facts("HKD", 1.0 / 7.8, 0.007, Region::Asia, 0.0)
    },
    facts("ZAR", 1.0 / 18.5, 0.149, Region::Europe, 0.12),
    CurrencyFacts { dollar_news_share: 0.3, ..facts("TRY", 1.0 / 27.5, 0.176, Region::Europe, 0.12) },
];

/// Mean number of scheduled news of the dollar a day.
pub const DOLLAR_NEWS_PER_DAY: f64 = 0.55;

/// Correlations in hundredths, the upper triangle row by row.
#[rustfmt::skip]
const CORRELATIONS: [&[u8]; LEGS - 1] = [
    &[66, 46, 78, 60, 62, 53, 82, 69, 33, 77, 13, 47, 16],
    &[27, 54, 60, 61, 54, 64, 62, 37, 66, 12, 44, 13],
    &[57, 28, 37, 18, 36, 25, 1, 49, 9, 18, 2],
    &[49, 55, 44, 65, 52, 19, 66, 12, 36, 9],
    &[84, 70, 67, 72, 50, 76, 15, 59, 18],
    &[64, 66, 68, 42, 76, 15, 54, 17],
    &[57, 66, 46, 64, 15, 50, 16],
    &[77, 38, 72, 15, 50, 15],
    &[49, 70, 13, 55, 17],
    &[45, 8, 57, 19],
    &[21, 60, 19],
    &[10, 3],
    &[23],
];

impl Currency {
    /// The currencies with a leg, in the order of their legs.
    pub const LEGS: [Self; LEGS] = [
        Self::Eur,
        Self::Gbp,
        Self::Jpy,
        Self::Chf,
        Self::Aud,
        Self::Nzd,
        Self::Cad,
        Self::Sek,
        Self::Nok,
        Self::Mxn,
        Self::Sgd,
        Self::Hkd,
        Self::Zar,
        Self::Try,
    ];

    /// The place of the currency's leg; none of the dollar.
    #[must_use]
    pub fn leg(self) -> Option<usize> {
        Some(self as usize).filter(|&leg| leg < LEGS)
    }

    /// What is known of the currency; none of the dollar.
    #[must_use]
    pub fn facts(self) -> Option<&'static CurrencyFacts> {
        self.leg().map(|leg| &FACTS[leg])
    }

    /// The ISO 4217 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.facts().map_or("USD", |facts| facts.code)
    }
}

/// The facts of all legs, in their order.
#[must_use]
pub fn leg_facts() -> &'static [CurrencyFacts; LEGS] {
    &FACTS
}

/// The correlation of two legs' daily changes.
#[must_use]
pub fn correlation(a: usize, b: usize) -> f64 {
    match a.cmp(&b) {
        std::cmp::Ordering::Equal => 1.0,
        std::cmp::Ordering::Less => f64::from(CORRELATIONS[a][b - a - 1]) / 100.0,
        std::cmp::Ordering::Greater => correlation(b, a),
    }
}

/// The factor of the correlations that turns independent normal draws into the legs' draws.
#[must_use]
pub fn leg_factor() -> Cholesky<LEGS> {
    Cholesky::of(correlation)
}

/// Annual volatility of the pair of two legs; `None` stands for the dollar.
#[must_use]
pub fn pair_volatility(base: Option<usize>, quote: Option<usize>) -> f64 {
    let volatility = |leg: Option<usize>| leg.map_or(0.0, |leg| FACTS[leg].annual_volatility);
    let (b, q) = (volatility(base), volatility(quote));
    let together = base.zip(quote).map_or(0.0, |(base, quote)| correlation(base, quote));
    (b * b + q * q - 2.0 * together * b * q).sqrt()
}
