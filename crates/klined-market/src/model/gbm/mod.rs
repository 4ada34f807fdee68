//! Geometric Brownian motion under the regime chain.
//!
//! A minute's log return is r = μ − ½v + √v·z, with μ the regime's drift and v the variance of one minute in that regime:
//! the exact log-normal step, so E[close/open] = exp(μ) whatever the step's length. The stock's own drift is added to that of
//! the regime, whose mean over all regimes is 0. The price is carried unrounded and printed on the nearest tick: rounding the
//! carried price would freeze cheap stocks. It is held inside the stock's bounds, minute by minute.
//!
//! A bar takes four words of its day's stream: the return, two uniforms for the extremes, the volume. Only the price ties a
//! minute to the one before, so everything else is computed for sixteen minutes at a time.

mod version;

use chrono::NaiveDate;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::draws::{Draws, LANES, LaneDraws};
use super::math::exp_each;
use super::regime::{Chain, Regime};
use super::scenario::{DaySchedule, MinuteEffects};
use super::{bridge, volume};
use crate::base::{Instrument, Ohlcv, Price, PriceBounds, Seed, Stream};
use crate::calendar::Hours;

pub use version::GbmVersion;

/// The state of a symbol between two minutes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GbmState {
    /// The unrounded price in ticks, within the stock's bounds.
    price_ticks: f64,
    chain: Chain,
    /// The last printed price in ticks, while a halt or a gap has moved the price without a print.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    printed_ticks: Option<i64>,
}

/// A day in progress.
#[derive(Debug, Clone)]
pub struct GbmDay {
    state: GbmState,
    steps: [GbmRegimeStep; 3],
    bounds: PriceBounds,
    version: GbmVersion,
    /// One over the standard deviation of a minute's return in the bull regime.
    per_minute_sigma: f64,
    typical_lots: f64,
    draws: Draws,
    regimes: ChaCha8Rng,
    /// The chain after the minutes in `ahead`.
    chain_ahead: Chain,
    ahead: MinutesAhead,
    schedule: DaySchedule,
    /// The place in the day of the next minute.
    index: u16,
}

/// The next minutes of the day, [`LANES`] at a time, relative to the price at which they begin.
#[derive(Debug, Clone)]
struct MinutesAhead {
    chain: [Chain; LANES],
    /// Close, high and low over the open.
    grown: [f64; LANES],
    highest: [f64; LANES],
    lowest: [f64; LANES],
    shares: [u64; LANES],
}

/// The step of one minute of this instrument in a regime.
#[derive(Debug, Clone, Copy)]
struct GbmRegimeStep {
    /// μ − ½v.
    log_drift: f64,
    /// v.
    variance: f64,
    /// √v.
    sigma: f64,
}

impl GbmState {
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

impl GbmDay {
    pub(super) fn open(
        version: GbmVersion,
        seed: Seed,
        instrument: &Instrument,
        mut state: GbmState,
        date: NaiveDate,
        hours: Hours,
        schedule: DaySchedule,
    ) -> Self {
        let bounds = instrument.bounds;
        // New bounds may exclude the price that the stock has.
        let opens_at = bounds.hold_ticks(state.price_ticks * schedule.gap());
        if schedule.gap() != 1.0 || opens_at != state.price_ticks {
            state.printed_ticks = Some(state.print().ticks());
            state.price_ticks = opens_at;
        }
        let volatility_scale = version.volatility_scale();
        let base_variance = instrument.base_volatility.minute_variance(hours) * volatility_scale * volatility_scale;
        let step = |regime: Regime| {
            let variance = base_variance * regime.volatility_factor() * regime.volatility_factor();
            GbmRegimeStep {
                log_drift: instrument.drift.besides(regime.drift()).per_minute(hours) - 0.5 * variance,
                variance,
                sigma: variance.sqrt(),
            }
        };
        Self {
            state,
            steps: Regime::ALL.map(step),
            bounds,
            version,
            per_minute_sigma: 1.0 / base_variance.sqrt(),
            typical_lots: volume::typical_lots(instrument.base_price, version.daily_turnover(instrument), hours),
            draws: Draws::of(seed.stream(Stream::Bars, &instrument.symbol, date)),
            regimes: seed.stream(Stream::Regime, &instrument.symbol, date),
            chain_ahead: state.chain,
            ahead: MinutesAhead {
                chain: [state.chain; LANES],
                grown: [1.0; LANES],
                highest: [1.0; LANES],
                lowest: [1.0; LANES],
                shares: [0; LANES],
            },
            schedule,
            index: 0,
        }
    }

    pub(super) fn step(&mut self) -> Ohlcv {
        let place = usize::from(self.index) % LANES;
        if place == 0 {
            self.compute_ahead();
        }
        self.index += 1;
        let ahead = &self.ahead;
        let open = self.state.price_ticks;
        let bounds = self.bounds;
        let close = bounds.hold_ticks(open * ahead.grown[place]);
        self.state = GbmState { price_ticks: close, chain: ahead.chain[place], printed_ticks: None };
        Ohlcv::spanning(
            bounds.print(open),
            bounds.print(close),
            bounds.print(open * ahead.highest[place]),
            bounds.print(open * ahead.lowest[place]),
            ahead.shares[place],
        )
    }

    pub(super) fn pass(&mut self) {
        let printed = self.state.print();
        self.step();
        self.state.printed_ticks = Some(printed.ticks());
    }

    pub(super) fn halted_until(&self) -> Option<u16> {
        self.schedule.halted_until(self.index)
    }

    /// Computes the next minutes, in loops over whole arrays that the compiler turns into vector instructions.
    fn compute_ahead(&mut self) {
        let MinutesAhead { chain, grown, highest, lowest, shares } = &mut self.ahead;
        let LaneDraws { normal, log_high, log_low, noise, .. } = self.draws.next_lanes();
        let mut variances = [0.0; LANES];
        for place in 0..LANES {
            let drawn = self.chain_ahead.advance(&mut self.regimes);
            chain[place] = self.chain_ahead;
            let minute = self.index + place as u16;
            let MinuteEffects { regime, log_move, volatility } = self.schedule.minute(minute);
            let step = self.steps[regime.unwrap_or(drawn) as usize];
            let variance = step.variance * volatility * volatility;
            let log_drift = step.log_drift + 0.5 * (step.variance - variance);
            grown[place] = log_drift + step.sigma * volatility * normal[place] + log_move;
            variances[place] = variance;
        }
        for place in 0..LANES {
            let extremes = bridge::extremes(grown[place], variances[place], log_high[place], log_low[place]);
            (highest[place], lowest[place]) = (extremes.high, extremes.low);
        }
        for place in 0..LANES {
            let relative_move = grown[place].abs() * self.per_minute_sigma;
            shares[place] = volume::shares(self.typical_lots, relative_move, noise[place]);
        }
        exp_each(grown);
        exp_each(highest);
        exp_each(lowest);
    }

    pub(super) fn version(&self) -> GbmVersion {
        self.version
    }

    pub(super) fn state(&self) -> GbmState {
        self.state
    }

    pub(super) fn price(&self) -> Price {
        self.state.print()
    }

    pub(super) fn regime(&self) -> Regime {
        self.schedule.minute_before(self.index).regime.unwrap_or(self.state.chain.regime)
    }

    /// The factor of the base volatility besides that of the regime.
    pub(super) fn volatility_scale(&self) -> f64 {
        self.version.volatility_scale() * self.schedule.minute_before(self.index).volatility
    }
}
