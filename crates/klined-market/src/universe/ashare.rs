//! An invented A-share market: codes, boards, sectors, special treatment and the stocks' parameters have the proportions and
//! distributions of the real one.
//!
//! Counts are shared out by largest remainders, so they are exact for every size. Prices, volatilities and turnovers are
//! log-normal and β is normal, with the medians and deviations measured on A-shares in 2025–26. What a stock draws for
//! itself depends on its code and the seed alone; name, sector and special treatment are drawn for the whole universe.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use rand_core::Rng;
use thiserror::Error;

use super::sampling::{apportion, shuffle};
use super::sectors::{SECTORS, Sector};
use super::{UniverseRow, codes, names};
use crate::base::seed::open_unit;
use crate::base::{Board, Price, Seed, Stream, Symbol};
use crate::model::math::exp;
use crate::model::normal::quantile;

/// The number of stocks of an A-share universe: 1 to 5,429, the number of real ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StockCount(u16);

/// A text or number that is not a valid number of stocks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a number of A-shares: use 1 to {max}", max = StockCount::MAX.0)]
pub struct InvalidStockCount(pub String);

impl StockCount {
    /// The number of shares that the exchanges list.
    pub const MAX: Self = Self(codes::LISTED);

    /// A number of stocks.
    ///
    /// # Errors
    /// The count is 0 or above [`StockCount::MAX`].
    pub fn new(count: u16) -> Result<Self, InvalidStockCount> {
        if (1..=Self::MAX.0).contains(&count) { Ok(Self(count)) } else { Err(InvalidStockCount(count.to_string())) }
    }
}

impl fmt::Display for StockCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for StockCount {
    type Err = InvalidStockCount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let count = text.parse().ok().filter(|_| is_plain).ok_or_else(|| InvalidStockCount(text.to_owned()))?;
        Self::new(count)
    }
}

/// The day in the streams' keys: a universe belongs to no day.
const NO_DAY: NaiveDate = NaiveDate::from_ymd_opt(1990, 12, 19).unwrap();

/// Stocks under special treatment, in thousandths.
const ST_PER_MILLE: u32 = 32;

/// Standard deviations of the logarithms.
const PRICE_LOG_SD: f64 = 0.76;
const VOLATILITY_LOG_SD: f64 = 0.30;
const TURNOVER_LOG_SD: f64 = 1.10;
/// Median daily turnover in yuan.
const TURNOVER_MEDIAN: f64 = 149.0e6;
const BETA_MEAN: f64 = 1.04;
const BETA_SD: f64 = 0.24;
const BETA_RANGE: (f64, f64) = (0.3, 1.8);
const VOLATILITY_RANGE: (f64, f64) = (0.008, 0.06);
/// One yuan: cheaper shares are delisted.
const PRICE_MIN_TICKS: f64 = 100.0;

/// Median price in ticks and median daily volatility of a board. Days of news and shocks come on top of it: the 3.2 to 3.6 % that
/// stocks of the wider boards move by are 2.7 to 3.05 % without them, as 2.6 % are 2.2 %; a little less keeps the market's share
/// in the returns of a mixed market where it is on A-shares.
fn medians(board: Board) -> (f64, f64) {
    match board {
        Board::Free | Board::Main => (805.0, 0.022),
        Board::ChiNext => (2000.0, 0.026),
        Board::Star => (3500.0, 0.027),
        Board::Beijing => (1800.0, 0.029),
    }
}

/// `count` A-share-like stocks in order of symbol; the same for the same count and seed on every platform.
///
/// A smaller universe is in general no part of a larger one, but a code that is in both has the same price, volatility, β and
/// turnover in both.
#[must_use]
pub fn ashare(count: StockCount, seed: Seed) -> Vec<UniverseRow> {
    let mut shared = seed.market_stream(Stream::Universe, NO_DAY);
    let codes = codes::draw(count.0, &mut shared);
    let stocks = codes.len() as u32;
    let mut sectors = Vec::with_capacity(codes.len());
    for (sector, share) in SECTORS.iter().zip(apportion(&SECTORS.each_ref().map(|sector| sector.weight), stocks)) {
        sectors.extend((0..share).map(|_| sector));
    }
    shuffle(&mut sectors, &mut shared);
    let mut treatments = vec![""; codes.len()];
    let treated = (stocks * ST_PER_MILLE + 500) / 1000;
    for (treatment, place) in treatments.iter_mut().zip(0..treated) {
        *treatment = if place % 2 == 0 { "ST " } else { "*ST " };
    }
    shuffle(&mut treatments, &mut shared);
    let mut words = names::CoinedNames::new();
    let mut rows = Vec::with_capacity(codes.len());
    for (((code, board), sector), treatment) in codes.into_iter().zip(sectors).zip(treatments) {
        let word = words.draw(&mut shared);
        let name = format!("{treatment}{}", names::company(&word, sector.trades, &mut shared));
        rows.push(stock(seed, code, board, name, sector, !treatment.is_empty()));
    }
    rows
}

fn stock(seed: Seed, code: String, board: Board, name: String, sector: &Sector, is_st: bool) -> UniverseRow {
    // Six digits are a symbol always.
    let mut stream = code.parse::<Symbol>().map_or_else(
        |_| seed.market_stream(Stream::Universe, NO_DAY),
        |symbol| seed.stream(Stream::Universe, &symbol, NO_DAY),
    );
    let mut normal = || quantile(open_unit(stream.next_u64()));
    let (median_ticks, median_volatility) = medians(board);
    let volatility = median_volatility * exp(VOLATILITY_LOG_SD * normal());
    let price_ticks = median_ticks * exp(PRICE_LOG_SD * normal());
    let beta = BETA_MEAN + BETA_SD * normal();
    let turnover = TURNOVER_MEDIAN * exp(TURNOVER_LOG_SD * normal());
    UniverseRow {
        symbol: code,
        name,
        sector: sector.name.to_owned(),
        base_price: Price::nearest(price_ticks.max(PRICE_MIN_TICKS)).units(),
        base_volatility: decimals(volatility.clamp(VOLATILITY_RANGE.0, VOLATILITY_RANGE.1), 1e4),
        board: board.to_string(),
        is_st,
        beta: decimals(beta.clamp(BETA_RANGE.0, BETA_RANGE.1), 1e2),
        daily_turnover: decimals(turnover, 1.0),
        is_active: true,
        drift: 0.0,
        min_price: None,
        max_price: None,
    }
}

/// The nearest number with so many decimals, given as their scale.
fn decimals(value: f64, scale: f64) -> f64 {
    libm::round(value * scale) / scale
}
