//! What the rates of the model `qr-2` are multiplied by, second by second: activity, and the direction that market orders prefer.

use klined_market::model::normal::quantile;

use crate::exact::{Logarithm, exp};
use crate::random::{Draws, mixed};

/// The day's profile: this at noon, and more toward both ends; its mean is 1.
const PROFILE_LEAST: f64 = 0.55;
/// Processes of a security's activity: seconds of memory and standard deviation.
const OWN: [(f64, f64); 3] = [(5.0, 0.45), (60.0, 0.45), (900.0, 0.4)];
/// The process of the market's activity.
const MARKET: (f64, f64) = (300.0, 0.35);
/// How much a long order tilts market orders.
const SPLIT_TILT: f64 = 0.45;
/// Stays of its sign: the shortest and the longest, in seconds, and the exponent of their Pareto law.
const SPLIT_LEAST_S: f64 = 2.0;
const SPLIT_MOST_S: f64 = 900.0;
const SPLIT_EXPONENT: f64 = 1.5;
/// The market's direction: seconds of memory, and how much it tilts market orders at one standard deviation.
const DIRECTION: (f64, f64) = (5.0, 0.15);
/// A uniform number is kept this far from 0 and 1 where a quantile or a power is taken of it.
const UNIT_BORDER: f64 = 1e-12;

/// An Ornstein-Uhlenbeck process, second by second, in its stationary law from the start.
#[derive(Debug, Clone)]
struct Wave {
    value: f64,
    keep: f64,
    shock: f64,
}

impl Wave {
    fn new((memory_s, deviation): (f64, f64), draws: &mut Draws) -> Self {
        let keep = exp(-1.0 / memory_s);
        let shock = deviation * (1.0 - keep * keep).sqrt();
        Self { value: deviation * normal(draws), keep, shock }
    }

    fn step(&mut self, draws: &mut Draws) {
        self.value = self.keep * self.value + self.shock * normal(draws);
    }
}

pub(super) fn unit(draws: &mut Draws) -> f64 {
    let [unit, ..] = draws.ahead();
    draws.take(1);
    unit
}

/// A standard normal number.
fn normal(draws: &mut Draws) -> f64 {
    quantile(unit(draws).clamp(UNIT_BORDER, 1.0 - UNIT_BORDER))
}

/// What holds for a second of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub activity: f64,
    /// Of long orders.
    pub split: f64,
    /// Of the whole market.
    pub direction: f64,
}

/// The weather of a session, second by second.
#[derive(Debug, Clone)]
pub(super) struct Climate {
    own: Draws,
    market: Draws,
    waves: [Wave; 3],
    market_wave: Wave,
    direction: Wave,
    sign: f64,
    /// When the sign of long orders changes, in seconds.
    turn_s: f64,
    /// Since the open.
    pub second: f64,
    pub session_s: f64,
    /// Half the variance of the logarithm of the activity.
    correction: f64,
}

impl Climate {
    pub fn new(seed: u64, market_seed: u64, session_s: f64) -> Self {
        // The path's own numbers come from the seed itself.
        let (mut own, mut market) = (Draws::new(mixed(seed)), Draws::new(mixed(market_seed)));
        let waves = OWN.map(|wave| Wave::new(wave, &mut own));
        let market_wave = Wave::new(MARKET, &mut market);
        let direction = Wave::new((DIRECTION.0, 1.0), &mut market);
        let variance = OWN.iter().chain([&MARKET]).map(|(_, deviation)| deviation * deviation).sum::<f64>();
        let sign = if unit(&mut own) < 0.5 { -1.0 } else { 1.0 };
        let mut climate = Self {
            own,
            market,
            waves,
            market_wave,
            direction,
            sign,
            turn_s: 0.0,
            second: 0.0,
            session_s,
            correction: variance / 2.0,
        };
        climate.turn_s = climate.stay();
        climate
    }

    /// How long a sign stays, in seconds.
    fn stay(&mut self) -> f64 {
        let share = (1.0 - unit(&mut self.own)).max(UNIT_BORDER);
        (SPLIT_LEAST_S * exp(-Logarithm::table().ln(share) / SPLIT_EXPONENT)).min(SPLIT_MOST_S)
    }

    pub fn weather(&self) -> Weather {
        let place = 2.0 * (self.second / self.session_s) - 1.0;
        let profile = PROFILE_LEAST + 3.0 * (1.0 - PROFILE_LEAST) * place * place;
        let waves = self.waves.iter().map(|wave| wave.value).sum::<f64>() + self.market_wave.value;
        Weather {
            activity: profile * exp(waves - self.correction),
            split: SPLIT_TILT * self.sign,
            direction: DIRECTION.1 * self.direction.value,
        }
    }

    /// Goes on to the next second.
    pub fn step(&mut self) {
        self.second += 1.0;
        self.waves.iter_mut().for_each(|wave| wave.step(&mut self.own));
        self.market_wave.step(&mut self.market);
        self.direction.step(&mut self.market);
        while self.turn_s <= self.second {
            self.sign = -self.sign;
            self.turn_s += self.stay();
        }
    }
}
