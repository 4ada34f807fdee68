//! The full model: geometric Brownian motion under the regime chain, and what a stock market has besides.
//!
//! A minute's log return is
//!
//! r = μ·dt − k + β·σM·s·c·(0.85·F + 0.15·Y) + σS·s·c·G + e + (T − T before) + news + shocks,
//!
//! with μ and c the regime's drift and factor, s the minute's share of the day's volatility, F and G the factors of market and
//! sector ([`market`]), e = σI·s·c·exp(h)·z the symbol's own part ([`volatility`], [`tails`]), T ← ρ·T + a·e an overshoot
//! that comes back ([`bounce`]), news and shocks with their compensators ([`events`], [`market`]). k is what the factors and e
//! are charged for their variance, so that daily simple returns have the mean μ. The regime factors are divided by √(Σ π c²), so that the base volatility is the
//! unconditional one, and the own part has what the factors leave of it, σI² = σ² − (βσM)² − σS².
//!
//! Each extension is a file of its own with a switch in [`FullParameters`]. A day takes a fixed number of words of its streams:
//! four for each bar (return, two for the extremes, volume), and from another stream those of the day as a whole. The draws
//! of what is switched off are still taken, so a switch moves no other draw.

mod bounce;
mod day;
mod events;
mod limits;
mod market;
mod overnight;
pub(super) mod parameters;
mod process;
mod profile;
mod tails;
mod volatility;
mod volume;

use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use serde::{Deserialize, Serialize};

pub use day::FullDay;
pub use parameters::FullParameters;

use super::normal;
use super::regime::Chain;
use crate::base::seed::open_unit;
use crate::base::{Instrument, Price, Seed, Stream};
use crate::calendar::Calendar;
use bounce::{Bounce, Overshoot};
use market::MarketDays;
use profile::Minutes;

/// What all symbols share: the parameters, worked out, and the common path.
pub struct Full {
    parameters: FullParameters,
    split: overnight::VarianceSplit,
    shape: DayShape,
    volatility: volatility::VolatilityModel,
    tails: tails::Tails,
    events: events::NewsModel,
    volume: volume::VolumeModel,
    bounce: Bounce,
    days: MarketDays,
}

/// The day's shape as a step needs it.
struct DayShape {
    /// Standard deviation of a minute as a share of the whole day's.
    volatility: Minutes,
    /// One over it.
    per_volatility: Minutes,
    log_volume: Minutes,
    /// What each minute of the market's factor is charged, in its variances.
    market_charge: Minutes,
}

/// What a symbol carries from minute to minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FullState {
    /// Unrounded and without limits, in ticks.
    latent_ticks: f64,
    /// The last print, in ticks; it is what tomorrow's limits are counted from.
    print_ticks: i64,
    /// False before the first bar of all, which opens at the base price.
    has_traded: bool,
    chain: Chain,
    /// Y: what of the market's moves is still to arrive.
    late: f64,
    /// T, in its quick and its slow part.
    overshoot: Overshoot,
    volatility: volatility::VolatilityState,
    events: events::NewsState,
    volume: volume::VolumeState,
}

/// The words of a day as a whole, handed out in order.
struct DailyDraws<'a>(&'a mut ChaCha8Rng);

impl DailyDraws<'_> {
    fn take<const N: usize>(&mut self) -> [u64; N] {
        std::array::from_fn(|_| self.0.next_u64())
    }

    fn normals<const N: usize>(&mut self) -> [f64; N] {
        self.take().map(|word| normal::quantile(open_unit(word)))
    }
}

impl Full {
    /// The model of a seed with its parameters.
    #[must_use]
    pub fn new(seed: Seed, parameters: FullParameters, calendar: Arc<Calendar>) -> Self {
        let split = overnight::VarianceSplit::new(&parameters.overnight);
        let profile = profile::Profile::new(&parameters.profile);
        let tails = tails::Tails::new(&parameters.tails);
        Self {
            split,
            shape: DayShape {
                volatility: profile.volatility.map(|s| s * split.day),
                per_volatility: profile.volatility.map(|s| 1.0 / (s * split.day)),
                log_volume: volume::log_shares(&parameters.volume, &profile, split),
                market_charge: market::charge(&parameters.factors, &profile.volatility),
            },
            volatility: volatility::VolatilityModel::new(&parameters.volatility),
            tails,
            events: events::NewsModel::new(parameters.events, parameters.overnight.enabled),
            volume: volume::VolumeModel::new(parameters.volume),
            bounce: Bounce::new(&parameters.bounce),
            days: MarketDays::new(seed, calendar, parameters.factors, parameters.volatility.enabled, tails),
            parameters,
        }
    }

    /// The parameters that it was made with.
    #[must_use]
    pub fn parameters(&self) -> &FullParameters {
        &self.parameters
    }
}

impl fmt::Debug for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Full").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

impl FullState {
    pub(super) fn first(full: &Full, seed: Seed, instrument: &Instrument, first_day: NaiveDate) -> Self {
        let mut stream = seed.stream(Stream::Listing, &instrument.symbol, first_day);
        let chain = Chain::stationary(&mut stream);
        let [slow, fast, block, volume_fast, volume_slow] = DailyDraws(&mut stream).normals();
        Self {
            latent_ticks: instrument.base_price.ticks() as f64,
            print_ticks: instrument.base_price.ticks(),
            has_traded: false,
            chain,
            late: 0.0,
            overshoot: [0.0; 2],
            volatility: full.volatility.first([slow, fast, block]),
            events: events::NewsState::default(),
            volume: full.volume.first(volume_fast, volume_slow),
        }
    }

    fn print(&self) -> Price {
        Price::from_ticks(self.print_ticks).unwrap_or(Price::MIN)
    }
}
