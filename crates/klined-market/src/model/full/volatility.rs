//! Stochastic volatility of a symbol's own part.
//!
//! Its log is h = x1 + x2 + news + 0.22·hM + xm + xf − Σ variances: two daily OU parts, one within the day that steps every
//! five minutes, the response to the last moves, the market's share (log-normal stochastic volatility: S. J. Taylor, "Modelling
//! Financial Time Series", 1986; several horizons: F. Corsi, Journal of Financial Econometrics 7 (2009); the response with a size
//! and a sign effect as in D. B. Nelson's exponential GARCH, Econometrica 59 (1991)). Subtracting the variances of
//! the Gaussian parts keeps E exp(2h) at about 1.

use serde::{Deserialize, Serialize};

use super::market::{BLOCK, MEAN_ABSOLUTE_NORMAL};
use super::parameters;
use super::process::{OuProcess, persistence};

/// The constants that follow from the parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct VolatilityModel {
    slow: OuProcess,
    fast: OuProcess,
    block: OuProcess,
    arch_persistence: f64,
    arch_size: f64,
    arch_sign: f64,
    pub market_share: f64,
    /// Daily standard deviation in base volatilities.
    pub scale: f64,
    /// Makes E exp(2h) about 1.
    pub level: f64,
}

/// The state of a symbol's volatility between two minutes, in logs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VolatilityState {
    slow: f64,
    fast: f64,
    block: f64,
    /// The response to the last moves; stored states call it `echo`.
    #[serde(rename = "echo")]
    arch: f64,
}

impl VolatilityModel {
    pub(super) fn new(parameters: &parameters::VolatilityParameters) -> Self {
        let on = if parameters.enabled { 1.0 } else { 0.0 };
        let slow = OuProcess::new(parameters.slow_half_life_days, on * parameters.slow_deviation);
        let fast = OuProcess::new(parameters.fast_half_life_days, on * parameters.fast_deviation);
        let block =
            OuProcess::new(parameters.intraday_half_life_minutes / BLOCK as f64, on * parameters.intraday_deviation);
        let level = [slow, fast, block].iter().map(|part| part.deviation * part.deviation).sum();
        Self {
            slow,
            fast,
            block,
            arch_persistence: persistence(parameters.arch_half_life_minutes),
            arch_size: on * parameters.arch_size,
            arch_sign: on * parameters.arch_sign,
            market_share: on * parameters.market_share,
            scale: if parameters.enabled { parameters.scale } else { 1.0 },
            level,
        }
    }

    /// A state from the stationary distribution, from three standard normal draws.
    pub(super) fn first(&self, draws: [f64; 3]) -> VolatilityState {
        VolatilityState {
            slow: self.slow.stationary(draws[0]),
            fast: self.fast.stationary(draws[1]),
            block: self.block.stationary(draws[2]),
            arch: 0.0,
        }
    }

    /// The step to a new day.
    pub(super) fn open(&self, state: &mut VolatilityState, draws: [f64; 2]) {
        state.slow = self.slow.step(state.slow, draws[0]);
        state.fast = self.fast.step(state.fast, draws[1]);
    }

    /// The step to the next five minutes.
    #[inline]
    pub(super) fn begin_block(&self, state: &mut VolatilityState, draw: f64) {
        state.block = self.block.step(state.block, draw);
    }

    /// The response of the volatility to a minute's standard normal draw.
    #[inline]
    pub(super) fn respond(&self, state: &mut VolatilityState, normal: f64) {
        state.arch = self.arch_persistence * state.arch
            + self.arch_size * (normal.abs() - MEAN_ABSOLUTE_NORMAL)
            + self.arch_sign * normal;
    }
}

impl VolatilityState {
    /// x1 + x2.
    #[inline]
    pub(super) fn daily(&self) -> f64 {
        self.slow + self.fast
    }

    /// xm + xf.
    #[inline]
    pub(super) fn intraday(&self) -> f64 {
        self.block + self.arch
    }
}
