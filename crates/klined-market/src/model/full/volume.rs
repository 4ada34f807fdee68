//! Volume: how much trades in a minute.
//!
//! ln V = ln(turnover · w / P) + q1 + q2 + news + u + 0.29·hM + 0.30·(x1 + x2 + news) + 0.31·(xm + xf)
//!        plus 0.60·ln(A + 0.05) + 0.23·ln(B + 0.05) + 0.50·ln(a + 0.25) + 0.40·ln(0.35 + |way since yesterday|/σ)
//!        plus 0.63·η − 0.15,
//!
//! with w the minute's share of the day (less what the way since yesterday usually adds by then), P the close before, a the minute's move in usual ones, A and B its short and long
//! exponential means, q1 and q2 daily OU parts, u what η leaves behind. Volume and volatility share their causes (mixture of
//! distributions: P. K. Clark, Econometrica 41 (1973); G. E. Tauchen, M. Pitts, Econometrica 51 (1983)). Whole lots, at
//! least one.

use serde::{Deserialize, Serialize};

use super::market::BLOCK;
use super::overnight::VarianceSplit;
use super::parameters;
use super::process::{OuProcess, persistence};
use super::profile::{MINUTES, Minutes, Profile};
use crate::base::{Instrument, OrderSizes, Price, price::TICKS_PER_UNIT};
use crate::model::math::{exp, ln, ln_each};
use crate::model::volume::LOTS_MAX;

/// A minute's move in usual ones, before anything is known of it: E|N(0, 1)|.
const USUAL_MOVE: f64 = 0.8;
/// Keeps a price that stands at yesterday's close from having no volume.
const TRAVEL_FLOOR: f64 = 0.35;
/// What the volume of a model without any memory is multiplied with, so that its mean is the turnover.
const PLAIN_LEVEL: f64 = 0.0;

/// ln of each minute's share of the day, less what the way since yesterday's close usually adds at that time of day.
pub(super) fn log_shares(
    parameters: &parameters::VolumeParameters,
    profile: &Profile,
    split: VarianceSplit,
) -> Minutes {
    let weight = if parameters.enabled { parameters.travel } else { 0.0 };
    let mut variance = split.night * split.night;
    std::array::from_fn(|minute| {
        variance += split.day * split.day * profile.volatility[minute] * profile.volatility[minute];
        let usual = ln(TRAVEL_FLOOR + USUAL_MOVE * variance.sqrt()) - ln(TRAVEL_FLOOR + USUAL_MOVE);
        ln(profile.volume[minute]) - weight * usual
    })
}

/// The parameters, worked out.
#[derive(Debug, Clone, Copy)]
pub(super) struct VolumeModel {
    pub parameters: parameters::VolumeParameters,
    fast: OuProcess,
    slow: OuProcess,
    noise_persistence: f64,
    short_persistence: f64,
    long_persistence: f64,
}

/// What volume carries from minute to minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VolumeState {
    fast: f64,
    slow: f64,
    noise: f64,
    short_mean: f64,
    long_mean: f64,
}

/// One minute as volume sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct MinuteConditions {
    /// |r| in usual moves of this minute of the day.
    pub relative_move: f64,
    /// |ln(price/close before)| in daily standard deviations.
    pub travel: f64,
    pub market_log_volatility: f64,
    /// xm + xf.
    pub intraday_log_volatility: f64,
    /// What news adds.
    pub news: f64,
    /// ln of the minute's share of the day.
    pub log_share: f64,
    /// A standard normal draw.
    pub noise: f64,
}

/// A day in progress.
#[derive(Debug, Clone, Copy)]
pub(super) struct VolumeDay {
    model: VolumeModel,
    /// ln of the day's usual volume in shares, with what stays the same all day.
    level: f64,
    long_term: f64,
    until_long_term: usize,
    unit_shares: u64,
    shares_min: u64,
}

impl VolumeModel {
    pub(super) fn new(parameters: parameters::VolumeParameters) -> Self {
        Self {
            parameters,
            fast: OuProcess::new(parameters.fast_half_life_days, parameters.fast_deviation),
            slow: OuProcess::new(parameters.slow_half_life_days, parameters.slow_deviation),
            noise_persistence: persistence(parameters.noise_half_life_minutes),
            short_persistence: persistence(parameters.short_memory_minutes),
            long_persistence: persistence(parameters.long_memory_days * MINUTES as f64),
        }
    }

    /// The stationary law, from two standard normal draws.
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
        VolumeDay { model: *self, level, long_term: 0.0, until_long_term: 0, unit_shares, shares_min }
    }
}

impl VolumeDay {
    /// Shares traded in a minute; `factor` scales them where the price is locked.
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
        let units = exp(log_volume) * factor / self.unit_shares as f64;
        (((units + 0.5).min(LOTS_MAX) as u64) * self.unit_shares).max(self.shares_min)
    }
}
