//! Volume: the number of shares traded in a minute.
//!
//! ln V = ln(turnover · w / P) + q1 + q2 + news + u + 0.29·hM + 0.30·(x1 + x2 + news) + 0.31·(xm + xf)
//!        plus 0.60·ln(A + 0.05) + 0.23·ln(B + 0.05) + 0.50·ln(a + 0.25) + 0.40·ln(0.35 + |travel|/σ)
//!        plus 0.63·η − 0.15,
//!
//! with w the minute's share of the day (less the usual effect of the travel by then), travel = ln(price/P), P the previous
//! close, a the minute's move in usual ones, A and B its short and long exponential means, q1 and q2 daily OU parts, u the
//! memory of η. Volume and volatility share their causes (mixture of
//! distributions: P. K. Clark, Econometrica 41 (1973); G. E. Tauchen, M. Pitts, Econometrica 51 (1983)). Whole lots, at
//! least one.
//!
//! Since `full-3` a minute may pass without trade. V shares are on average λ = V/s trades of a usual size s. Their number is taken
//! as Poisson, so with probability e^−λ there is none, and otherwise the volume is V/(1 − e^−λ): the mean is V still.

use serde::{Deserialize, Serialize};

use super::market::BLOCK;
use super::overnight::VarianceSplit;
use super::parameters;
use super::process::{OuProcess, persistence};
use super::profile::Profile;
use super::version::FullVersion;
use crate::base::{Instrument, OrderSizes, Price, price::TICKS_PER_UNIT};
use crate::model::math::{exp, ln, ln_each};
use crate::model::volume::LOTS_MAX;

/// The mean of a minute's move in usual ones: about E|N(0, 1)|.
const USUAL_MOVE: f64 = 0.8;
/// Keeps the volume above 0 when the price is at the previous close.
const TRAVEL_FLOOR: f64 = 0.35;
/// The level, in logs, of a volume without memory: its mean is the turnover.
const PLAIN_LEVEL: f64 = 0.0;
/// With more trades than this on average a minute always has one: e^−9 is less than a draw of 12 bits can show.
const TRADES_SURE: f64 = 9.0;

/// ln of each minute's share of the day, less the usual effect of the distance from the previous close at that time.
pub(super) fn log_shares(
    parameters: &parameters::VolumeParameters,
    profile: &Profile,
    split: VarianceSplit,
) -> Vec<f64> {
    let weight = if parameters.enabled { parameters.travel } else { 0.0 };
    let mut variance = split.night * split.night;
    let of_minute = |(volatility, volume): (&f64, &f64)| {
        variance += split.day * split.day * volatility * volatility;
        let usual = ln(TRAVEL_FLOOR + USUAL_MOVE * variance.sqrt()) - ln(TRAVEL_FLOOR + USUAL_MOVE);
        ln(*volume) - weight * usual
    };
    profile.volatility.iter().zip(&profile.volume).map(of_minute).collect()
}

/// The constants that follow from the parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct VolumeModel {
    pub parameters: parameters::VolumeParameters,
    /// The value of a usual trade in currency units; 0 if every minute has a trade.
    trade_value: f64,
    fast: OuProcess,
    slow: OuProcess,
    noise_persistence: f64,
    short_persistence: f64,
    long_persistence: f64,
}

/// The state of a symbol's volume between two minutes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VolumeState {
    fast: f64,
    slow: f64,
    noise: f64,
    short_mean: f64,
    long_mean: f64,
}

/// The properties of a minute on which its volume depends.
#[derive(Debug, Clone, Copy)]
pub(super) struct MinuteConditions {
    /// |r| in usual moves of this minute of the day.
    pub relative_move: f64,
    /// |ln(price/close before)| in daily standard deviations.
    pub travel: f64,
    pub market_log_volatility: f64,
    /// xm + xf.
    pub intraday_log_volatility: f64,
    /// Increase of the log volume by news.
    pub news: f64,
    /// ln of the minute's share of the day.
    pub log_share: f64,
    /// A standard normal draw.
    pub noise: f64,
    /// A uniform draw from (0, 1).
    pub chance: f64,
}

/// A day in progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct VolumeDay {
    model: VolumeModel,
    /// The terms of the log volume that stay the same all day, in shares.
    level: f64,
    long_term: f64,
    until_long_term: usize,
    unit_shares: u64,
    shares_min: u64,
    /// One over the shares of a usual trade; infinite if every minute has a trade.
    trades_per_share: f64,
}

impl VolumeModel {
    pub(super) fn new(parameters: parameters::VolumeParameters, version: FullVersion, minutes_per_day: u16) -> Self {
        let has_pauses = parameters.enabled && version.has_minutes_without_trade();
        Self {
            parameters,
            trade_value: if has_pauses { parameters.trade_value } else { 0.0 },
            fast: OuProcess::new(parameters.fast_half_life_days, parameters.fast_deviation),
            slow: OuProcess::new(parameters.slow_half_life_days, parameters.slow_deviation),
            noise_persistence: persistence(parameters.noise_half_life_minutes),
            short_persistence: persistence(parameters.short_memory_minutes),
            long_persistence: persistence(parameters.long_memory_days * f64::from(minutes_per_day)),
        }
    }

    /// A state from the stationary distribution, from two standard normal draws.
    pub(super) fn first(&self, fast: f64, slow: f64) -> VolumeState {
        VolumeState {
            fast: self.fast.stationary(fast),
            slow: self.slow.stationary(slow),
            noise: 0.0,
            short_mean: USUAL_MOVE,
            long_mean: USUAL_MOVE,
        }
    }

    /// A day from its open, with two standard normal draws and the symbol's daily log volatility.
    pub(super) fn open(
        &self,
        state: &mut VolumeState,
        instrument: &Instrument,
        close_before: Price,
        draws: [f64; 2],
        daily_log_volatility: f64,
    ) -> VolumeDay {
        state.fast = self.fast.step(state.fast, draws[0]);
        state.slow = self.slow.step(state.slow, draws[1]);
        let price_units = close_before.ticks() as f64 / TICKS_PER_UNIT as f64;
        let usual = ln(instrument.daily_turnover / price_units);
        let parameters = &self.parameters;
        let level = if parameters.enabled {
            usual + state.fast + state.slow + parameters.daily_volatility * daily_log_volatility + parameters.level
        } else {
            usual + PLAIN_LEVEL
        };
        let OrderSizes { least: shares_min, step: unit_shares } = instrument.board.order_sizes();
        let trade_shares = (self.trade_value / price_units).max(shares_min as f64);
        let trades_per_share = if self.trade_value > 0.0 { 1.0 / trade_shares } else { f64::INFINITY };
        VolumeDay { model: *self, level, long_term: 0.0, until_long_term: 0, unit_shares, shares_min, trades_per_share }
    }
}

impl VolumeDay {
    /// Shares traded in a minute, 0 without trade; `factor` scales them where the price is locked.
    #[inline]
    pub(super) fn shares(&mut self, state: &mut VolumeState, conditions: &MinuteConditions, factor: f64) -> u64 {
        let VolumeModel { parameters, noise_persistence, short_persistence, long_persistence, .. } = &self.model;
        let log_volume = if parameters.enabled {
            let a = conditions.relative_move;
            state.short_mean = short_persistence * state.short_mean + (1.0 - short_persistence) * a;
            state.long_mean = long_persistence * state.long_mean + (1.0 - long_persistence) * a;
            state.noise = noise_persistence * state.noise + parameters.noise_share * conditions.noise;
            if self.until_long_term == 0 {
                self.until_long_term = BLOCK;
                self.long_term = parameters.long_memory * ln(state.long_mean + 0.05);
            }
            self.until_long_term -= 1;
            let mut logs = [state.short_mean + 0.05, a + 0.25, TRAVEL_FLOOR + conditions.travel];
            ln_each(&mut logs);
            let [short, now, travel] = logs;
            self.level
                + conditions.log_share
                + conditions.news
                + state.noise
                + parameters.market_volatility * conditions.market_log_volatility
                + parameters.intraday_volatility * conditions.intraday_log_volatility
                + parameters.short_memory * short
                + self.long_term
                + parameters.move_weight * now
                + parameters.travel * travel
                + parameters.noise * conditions.noise
        } else {
            self.level + conditions.log_share
        };
        let mut units = exp(log_volume) * factor / self.unit_shares as f64;
        let trades = units * self.unit_shares as f64 * self.trades_per_share;
        if trades < TRADES_SURE {
            let none = exp(-trades);
            if conditions.chance < none {
                return 0;
            }
            units /= 1.0 - none;
        }
        (((units + 0.5).min(LOTS_MAX) as u64) * self.unit_shares).max(self.shares_min)
    }
}
