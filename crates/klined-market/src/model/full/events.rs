//! News: rare jumps of a single symbol, with higher volatility and volume after them and a partial reversal.
//!
//! On a day there is good news with probability p↑, bad news with p↓, of size a + Exp(b) in logs (jump diffusion: R. C. Merton,
//! Journal of Financial Economics 3 (1976), with exponential sizes as S. G. Kou, Management Science 48 (2002), has them).
//! Some of it comes overnight, half in the open and half over the first 20 minutes, the rest at some minute of the day over
//! 20 minutes. A share g of each jump enters a pool, and a part s of the pool is reversed evenly over each following day.
//!
//! Compensators, so that the mean of daily simple returns is the regime's drift: the jumps of a day cost
//! κ = ln(1 + p↑·m↑ + p↓·m↓), with m the mean of e^J − 1. The reversal, after k days s(1 − s)^k·g of a jump, costs the sum
//! over k of ln(1 + p↑(M↑(θ) − 1) + p↓(M↓(−θ) − 1)) with θ = −s(1 − s)^k·g and M(θ) = e^(θa)/(1 − θb).

use serde::{Deserialize, Serialize};

use super::process::persistence;
use super::{DailyDraws, parameters};
use crate::base::seed::open_unit;
use crate::model::math::{exp, ln};

/// Minutes that a jump within the day takes.
const JUMP_MINUTES: u16 = 20;

/// The constants of the news that follow from the parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewsModel {
    parameters: parameters::EventParameters,
    volatility_persistence: f64,
    volume_persistence: f64,
    /// The mean growth by jumps, in logs a day.
    jumps: f64,
    /// The mean growth by reversals, in logs a day.
    returned: f64,
}

/// The effects of past news on a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct NewsState {
    /// The part of past jumps that is not yet reversed, in logs.
    pool: f64,
    /// Increase of the log volatility.
    pub volatility: f64,
    /// Increase of the log volume.
    pub volume: f64,
}

/// The news of one day.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewsDay {
    /// The jump in the open with its compensation, in logs.
    pub gap: f64,
    /// The jump in each of its minutes, in logs.
    jump: f64,
    jump_from: u16,
    jump_until: u16,
    /// The reversal and the compensation in every minute, in logs.
    every_minute: f64,
    pub volatility: f64,
    pub volume: f64,
    raised_volatility: f64,
    raised_volume: f64,
}

/// The variance that news adds to a day, apart from its reversal: E J² of a size a + Exp(b) is a² + 2ab + 2b².
pub(super) fn variance(parameters: &parameters::EventParameters) -> f64 {
    let square = |least: f64, excess: f64| least * least + 2.0 * least * excess + 2.0 * excess * excess;
    if parameters.enabled {
        parameters.up_probability * square(parameters.up_least, parameters.up_excess)
            + parameters.down_probability * square(parameters.down_least, parameters.down_excess)
    } else {
        0.0
    }
}

impl NewsModel {
    pub(super) fn new(parameters: parameters::EventParameters, has_nights: bool) -> Self {
        let overnight_share = if has_nights { parameters.overnight_share } else { 0.0 };
        let parameters = parameters::EventParameters { overnight_share, ..parameters };
        let parameters::EventParameters { up_probability, down_probability, given_back, given_back_speed, .. } =
            parameters;
        let growth = |theta: f64| {
            let moment = |theta: f64, least: f64, excess: f64| exp(theta * least) / (1.0 - theta * excess) - 1.0;
            ln(1.0
                + up_probability * moment(theta, parameters.up_least, parameters.up_excess)
                + down_probability * moment(-theta, parameters.down_least, parameters.down_excess))
        };
        let returned: f64 = (0..400)
            .scan(given_back, |left, _| {
                let today = *left * given_back_speed;
                *left -= today;
                Some(growth(-today))
            })
            .sum();
        Self {
            parameters,
            volatility_persistence: persistence(parameters.volatility_half_life_days),
            volume_persistence: persistence(parameters.volume_half_life_days),
            jumps: growth(1.0),
            returned,
        }
    }

    /// The news of a day of so many minutes, from four words; the state becomes that of the next day.
    pub(super) fn today(&self, draws: &mut DailyDraws<'_>, state: &mut NewsState, minutes: u16) -> NewsDay {
        let [which, size, when, start] = draws.take();
        let Self { parameters, .. } = self;
        if !parameters.enabled {
            return NewsDay::quiet();
        }
        let which = open_unit(which);
        let excess = -ln(open_unit(size));
        let jump = if which < parameters.up_probability {
            parameters.up_least + parameters.up_excess * excess
        } else if which < parameters.up_probability + parameters.down_probability {
            -(parameters.down_least + parameters.down_excess * excess)
        } else {
            0.0
        };
        let is_overnight = open_unit(when) < parameters.overnight_share;
        // A jump within the day ends with it at the latest.
        let start = (((start >> 32) * u64::from(minutes - JUMP_MINUTES)) >> 32) as u16;
        let (gap, rest, jump_from) = if is_overnight { (0.5 * jump, 0.5 * jump, 0) } else { (0.0, jump, start) };
        let raised = if jump == 0.0 { 0.0 } else { 1.0 };
        let night = 0.5 * parameters.overnight_share;
        let given_back = state.pool * parameters.given_back_speed;
        let today = NewsDay {
            gap: gap - night * self.jumps,
            jump: rest / f64::from(JUMP_MINUTES),
            jump_from,
            jump_until: jump_from + JUMP_MINUTES,
            every_minute: (-(1.0 - night) * self.jumps - self.returned - given_back) / f64::from(minutes),
            volatility: state.volatility,
            volume: state.volume,
            raised_volatility: raised * parameters.volatility,
            raised_volume: raised * parameters.volume,
        };
        state.pool += parameters.given_back * jump - given_back;
        state.volatility = self.volatility_persistence * (state.volatility + today.raised_volatility);
        state.volume = self.volume_persistence * (state.volume + today.raised_volume);
        today
    }

    /// The expected effect of past news on the next day's return, in logs.
    pub(super) fn tomorrow(&self, state: &NewsState) -> f64 {
        if self.parameters.enabled { -state.pool * self.parameters.given_back_speed - self.returned } else { 0.0 }
    }
}

impl NewsDay {
    fn quiet() -> Self {
        Self {
            gap: 0.0,
            jump: 0.0,
            jump_from: 0,
            jump_until: 0,
            every_minute: 0.0,
            volatility: 0.0,
            volume: 0.0,
            raised_volatility: 0.0,
            raised_volume: 0.0,
        }
    }

    /// The news in a minute's return, in logs. From the jump's first minute on, volatility and volume are raised.
    #[inline]
    pub(super) fn minute(&mut self, index: u16) -> f64 {
        if index == self.jump_from {
            self.volatility += self.raised_volatility;
            self.volume += self.raised_volume;
        }
        let is_jump = index >= self.jump_from && index < self.jump_until;
        self.every_minute + if is_jump { self.jump } else { 0.0 }
    }

    /// The increase of the night's log volatility by news.
    pub(super) fn night_volatility(&self) -> f64 {
        self.volatility
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    use super::*;

    const MINUTES: u16 = 240;

    /// Mean of a day's growth by news, over so many days, and its standard error.
    fn growth(parameters: parameters::EventParameters, has_nights: bool, days: u32) -> (f64, f64) {
        let events = NewsModel::new(parameters, has_nights);
        let mut stream = ChaCha8Rng::seed_from_u64(5);
        let mut state = NewsState::default();
        let (mut sum, mut squares) = (0.0, 0.0);
        for day in 0..days + 100 {
            let mut today = events.today(&mut DailyDraws(&mut stream), &mut state, MINUTES);
            let through_the_day: f64 = if today.jump == 0.0 {
                today.every_minute * f64::from(MINUTES)
            } else {
                (0..MINUTES).map(|index| today.minute(index)).sum()
            };
            // The first 100 days fill the pool.
            if day >= 100 {
                let moved = exp(today.gap + through_the_day) - 1.0;
                sum += moved;
                squares += moved * moved;
            }
        }
        let n = f64::from(days);
        (sum / n, (squares / n - (sum / n) * (sum / n)).sqrt() / n.sqrt())
    }

    #[test]
    fn news_leaves_the_mean_of_daily_returns_as_it_is() {
        let often = parameters::EventParameters { up_probability: 0.1, down_probability: 0.05, ..Default::default() };
        let kept = parameters::EventParameters { given_back: 0.0, ..Default::default() };
        for (parameters, has_nights) in [(Default::default(), true), (often, true), (kept, true), (often, false)] {
            let (mean, error) = growth(parameters, has_nights, 2_000_000);
            assert!(mean.abs() < 3.0 * error && error < 5e-5, "{mean} ± {error}: {parameters:?} {has_nights}");
        }
    }
}
