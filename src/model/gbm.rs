//! Geometric Brownian motion under the regime chain.
//!
//! A minute's log return is r = μ − ½v + √v·z, with μ the regime's drift and v the variance of one minute in that regime:
//! the exact log-normal step, so E[close/open] = exp(μ) whatever the step's length. The price is carried unrounded and
//! printed on the nearest tick: rounding the carried price would freeze cheap stocks.
//!
//! A bar takes four words of its day's stream: the return, two uniforms for the extremes, the volume.

use chrono::NaiveDate;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::draws::{BarDraws, Draws};
use super::math::exp_each;
use super::regime::{Chain, Regime};
use super::scenario::{Forced, Script};
use super::{bridge, volume};
use crate::base::{Instrument, Ohlcv, Price, Seed, Stream};

/// What a symbol carries from minute to minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The unrounded price in ticks, within [`Price::MIN`] and [`Price::MAX`].
    price_ticks: f64,
    chain: Chain,
    /// The last print in ticks, while the price has gone on without being printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    printed_ticks: Option<i64>,
}

/// A day in progress.
#[derive(Debug, Clone)]
pub struct Day {
    state: State,
    steps: [RegimeStep; 3],
    /// One over the standard deviation of a minute's return at the base volatility.
    per_minute_sigma: f64,
    typical_lots: f64,
    draws: Draws,
    regimes: ChaCha8Rng,
    script: Option<Box<Script>>,
    /// What was forced upon the last minute.
    forced: Forced,
    /// The place in the day of the next minute.
    index: u16,
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
        let chain = Chain::stationary(&mut stream);
        Self { price_ticks: instrument.base_price.ticks() as f64, chain, printed_ticks: None }
    }

    fn print(&self) -> Price {
        let printed = self.printed_ticks.and_then(|ticks| Price::from_ticks(ticks).ok());
        printed.unwrap_or_else(|| Price::nearest(self.price_ticks))
    }
}

impl Day {
    pub(super) fn open(
        seed: Seed,
        instrument: &Instrument,
        mut state: State,
        date: NaiveDate,
        script: Option<Box<Script>>,
    ) -> Self {
        if let Some(script) = script.as_ref().filter(|script| script.gap != 1.0) {
            state.printed_ticks = Some(state.print().ticks());
            state.price_ticks = hold(state.price_ticks * script.gap);
        }
        let base_variance = instrument.base_volatility.minute_variance();
        let step = |regime: Regime| {
            let variance = base_variance * regime.volatility_factor() * regime.volatility_factor();
            RegimeStep { log_drift: regime.drift().per_minute() - 0.5 * variance, variance, sigma: variance.sqrt() }
        };
        Self {
            state,
            steps: Regime::ALL.map(step),
            per_minute_sigma: 1.0 / base_variance.sqrt(),
            typical_lots: volume::typical_lots(instrument),
            draws: Draws::of(seed.stream(Stream::Bars, &instrument.symbol, date)),
            regimes: seed.stream(Stream::Regime, &instrument.symbol, date),
            script,
            forced: Forced::NONE,
            index: 0,
        }
    }

    pub(super) fn step(&mut self) -> Ohlcv {
        if let Some(script) = &self.script {
            self.forced = script.minute(self.index);
        }
        self.index += 1;
        let drawn = self.state.chain.advance(&mut self.regimes);
        let Forced { regime, log_move, volatility } = self.forced;
        let step = self.steps[regime.unwrap_or(drawn) as usize];
        let BarDraws { normal, log_high, log_low, noise, .. } = self.draws.next();
        let variance = step.variance * volatility * volatility;
        let log_return =
            step.log_drift + 0.5 * (step.variance - variance) + step.sigma * volatility * normal + log_move;
        let extremes = bridge::extremes(log_return, variance, log_high, log_low);
        let relative_move = log_return.abs() * self.per_minute_sigma;
        let [grown, highest, lowest] = exp_each([log_return, extremes.high, extremes.low]);

        let open = self.state.price_ticks;
        let close = hold(open * grown);
        self.state.price_ticks = close;
        self.state.printed_ticks = None;
        Ohlcv::spanning(
            Price::nearest(open),
            Price::nearest(close),
            Price::nearest(open * highest),
            Price::nearest(open * lowest),
            volume::shares(self.typical_lots, relative_move, noise),
        )
    }

    pub(super) fn pass(&mut self) {
        let printed = self.state.print();
        self.step();
        self.state.printed_ticks = Some(printed.ticks());
    }

    pub(super) fn halted_until(&self) -> Option<u16> {
        self.script.as_ref()?.halted_until(self.index)
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn price(&self) -> Price {
        self.state.print()
    }

    pub(super) fn regime(&self) -> Regime {
        self.forced.regime.unwrap_or(self.state.chain.regime)
    }

    pub(super) fn forced_volatility(&self) -> f64 {
        self.forced.volatility
    }
}

/// Keeps the carried price where it can be printed: a stock that reaches one tick can recover.
fn hold(price_ticks: f64) -> f64 {
    price_ticks.clamp(Price::MIN.ticks() as f64, Price::MAX.ticks() as f64)
}
