//! Geometric Brownian motion under the regime chain.
//!
//! A minute's log return is r = μ − ½v + √v·z, with μ the regime's drift and v the variance of one minute in that regime:
//! the exact log-normal step, so E[close/open] = exp(μ) whatever the step's length. The price is carried unrounded and
//! printed on the nearest tick: rounding the carried price would freeze cheap stocks.
//!
//! A bar takes four words of its day's stream: the return, two uniforms for the extremes, the volume.

use chrono::NaiveDate;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use serde::{Deserialize, Serialize};

use super::regime::{Chain, Regime};
use super::{bridge, normal, volume};
use crate::base::seed::open_unit;
use crate::base::{Instrument, Ohlcv, Price, Seed, Stream};

/// What a symbol carries from minute to minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The unrounded price in ticks, within [`Price::MIN`] and [`Price::MAX`].
    price_ticks: f64,
    chain: Chain,
}

/// A day in progress.
#[derive(Debug, Clone)]
pub struct Day {
    state: State,
    steps: [RegimeStep; 3],
    /// Standard deviation of a minute's return at the base volatility.
    minute_sigma: f64,
    typical_lots: f64,
    bars: ChaCha8Rng,
    regimes: ChaCha8Rng,
}

/// What a regime means for one minute of this instrument.
#[derive(Debug, Clone, Copy)]
struct RegimeStep {
    /// μ − ½v.
    log_drift: f64,
    /// v.
    variance: f64,
    /// √v.
    sigma: f64,
}

impl State {
    pub(super) fn first(seed: Seed, instrument: &Instrument, first_day: NaiveDate) -> Self {
        let mut stream = seed.stream(Stream::Listing, &instrument.symbol, first_day);
        Self { price_ticks: instrument.base_price.ticks() as f64, chain: Chain::stationary(&mut stream) }
    }
}

impl Day {
    pub(super) fn open(seed: Seed, instrument: &Instrument, state: State, date: NaiveDate) -> Self {
        let base_variance = instrument.base_volatility.minute_variance();
        let step = |regime: Regime| {
            let variance = base_variance * regime.volatility_factor() * regime.volatility_factor();
            RegimeStep {
                log_drift: regime.drift().per_minute() - 0.5 * variance,
                variance,
                sigma: libm::sqrt(variance),
            }
        };
        Self {
            state,
            steps: Regime::ALL.map(step),
            minute_sigma: libm::sqrt(base_variance),
            typical_lots: volume::typical_lots(instrument),
            bars: seed.stream(Stream::Bars, &instrument.symbol, date),
            regimes: seed.stream(Stream::Regime, &instrument.symbol, date),
        }
    }

    pub(super) fn step(&mut self) -> Ohlcv {
        let regime = self.state.chain.advance(&mut self.regimes);
        let RegimeStep { log_drift, variance, sigma } = self.steps[regime as usize];
        let mut word = || self.bars.next_u64();
        let (return_bits, high_bits, low_bits, volume_bits) = (word(), word(), word(), word());

        let log_return = log_drift + sigma * normal::quantile(open_unit(return_bits));
        let for_high = open_unit(high_bits);
        let for_low = if bridge::is_coupled(low_bits) { 1.0 - for_high } else { open_unit(low_bits) };
        let extremes = bridge::extremes(log_return, variance, for_high, for_low);
        let relative_move = libm::fabs(log_return) / self.minute_sigma;
        let noise = normal::quantile(open_unit(volume_bits));

        let open = self.state.price_ticks;
        let close = hold(open * libm::exp(log_return));
        self.state.price_ticks = close;
        Ohlcv::spanning(
            Price::nearest(open),
            Price::nearest(close),
            Price::nearest(open * libm::exp(extremes.high)),
            Price::nearest(open * libm::exp(extremes.low)),
            volume::shares(self.typical_lots, relative_move, noise),
        )
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn price(&self) -> Price {
        Price::nearest(self.state.price_ticks)
    }

    pub(super) fn regime(&self) -> Regime {
        self.state.chain.regime
    }
}

/// Keeps the carried price where it can be printed: a stock that reaches one tick can recover.
fn hold(price_ticks: f64) -> f64 {
    price_ticks.clamp(Price::MIN.ticks() as f64, Price::MAX.ticks() as f64)
}
