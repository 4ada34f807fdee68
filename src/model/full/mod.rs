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

pub use parameters::FullParameters;

use super::draws::{BarDraws, Draws};
use super::math::{exp, exp_each, ln};
use super::regime::{Chain, Regime};
use super::scenario::{Forced, Script};
use super::units::hold;
use super::{bridge, normal};
use crate::base::seed::open_unit;
use crate::base::{Instrument, Ohlcv, Price, Seed, Stream};
use crate::calendar::{Calendar, MINUTES_PER_DAY};
use bounce::{Bounce, Overshoot};
use market::{BLOCK, MarketDay, MarketDays, SectorDay};
use profile::{MINUTES, Minutes};

/// Words that a day as a whole takes besides those of its blocks.
const DAY_WORDS: usize = 9;
const BLOCKS: usize = MINUTES / BLOCK;

/// What all symbols share: the parameters, worked out, and the common path.
pub struct Full {
    parameters: FullParameters,
    split: overnight::Split,
    shape: Shape,
    volatility: volatility::Laws,
    tails: tails::Tails,
    events: events::Events,
    volume: volume::Laws,
    bounce: Bounce,
    days: MarketDays,
}

/// The day's shape as a step needs it.
struct Shape {
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
pub struct State {
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
    volatility: volatility::State,
    events: events::State,
    volume: volume::State,
}

/// A day in progress.
#[derive(Clone)]
pub struct Day {
    full: Arc<Full>,
    market: Arc<MarketDay>,
    sector: Arc<SectorDay>,
    state: State,
    steps: [RegimeStep; 3],
    /// βσM, σS and σI, each a daily standard deviation.
    market_sigma: f64,
    sector_sigma: f64,
    own_sigma: f64,
    /// One over the daily volatility.
    per_sigma: f64,
    /// Compensates the market's shocks, in every minute.
    compensation: f64,
    news: events::Today,
    span: limits::Span,
    volume: volume::Today,
    blocks: [f64; BLOCKS],
    /// ln of the latent price over the close before.
    travel: f64,
    index: u16,
    draws: Draws,
    regimes: ChaCha8Rng,
    script: Script,
}

/// What a regime means for one minute.
#[derive(Debug, Clone, Copy)]
struct RegimeStep {
    /// μ of one minute.
    drift: f64,
    /// c.
    factor: f64,
}

/// The words of a day as a whole, handed out in order.
struct Words<'a>(&'a mut ChaCha8Rng);

impl Words<'_> {
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
        let split = overnight::Split::new(&parameters.overnight);
        let profile = profile::Profile::new(&parameters.profile);
        let tails = tails::Tails::new(&parameters.tails);
        Self {
            split,
            shape: Shape {
                volatility: profile.volatility.map(|s| s * split.day),
                per_volatility: profile.volatility.map(|s| 1.0 / (s * split.day)),
                log_volume: volume::log_shares(&parameters.volume, &profile, split),
                market_charge: market::charge(&parameters.factors, &profile.volatility),
            },
            volatility: volatility::Laws::new(&parameters.volatility),
            tails,
            events: events::Events::new(parameters.events, parameters.overnight.enabled),
            volume: volume::Laws::new(parameters.volume),
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

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Day").field("index", &self.index).field("state", &self.state).finish_non_exhaustive()
    }
}

impl State {
    pub(super) fn first(full: &Full, seed: Seed, instrument: &Instrument, first_day: NaiveDate) -> Self {
        let mut stream = seed.stream(Stream::Listing, &instrument.symbol, first_day);
        let chain = Chain::stationary(&mut stream);
        let [slow, fast, block, volume_fast, volume_slow] = Words(&mut stream).normals();
        Self {
            latent_ticks: instrument.base_price.ticks() as f64,
            print_ticks: instrument.base_price.ticks(),
            has_traded: false,
            chain,
            late: 0.0,
            overshoot: [0.0; 2],
            volatility: full.volatility.first([slow, fast, block]),
            events: events::State::default(),
            volume: full.volume.first(volume_fast, volume_slow),
        }
    }

    fn print(&self) -> Price {
        Price::from_ticks(self.print_ticks).unwrap_or(Price::MIN)
    }
}

impl Day {
    pub(super) fn open(
        full: &Arc<Full>,
        seed: Seed,
        instrument: &Instrument,
        state: State,
        date: NaiveDate,
        script: Script,
    ) -> Self {
        let mut state = state;
        let market = full.days.day(date);
        let sector = market.sector(instrument.sector);
        let close_before = state.print();
        let factors = &full.parameters.factors;
        let on = if factors.enabled { 1.0 } else { 0.0 };
        let sigma = instrument.base_volatility.per_day();
        let (market_sigma, sector_sigma) = (on * instrument.beta * factors.market_sigma, on * factors.sector_sigma);
        let own_variance = sigma * sigma - market_sigma * market_sigma - sector_sigma * sector_sigma;
        let own_sigma = own_variance.max(factors.own_floor * factors.own_floor * sigma * sigma).sqrt();

        let mut stream = seed.stream(Stream::SymbolDay, &instrument.symbol, date);
        let mut words = Words(&mut stream);
        let [slow, fast, volume_fast, volume_slow, night] = words.normals::<{ DAY_WORDS - 4 }>();
        let news = full.events.today(&mut words, &mut state.events);
        let blocks = words.normals();
        full.volatility.open(&mut state.volatility, [slow, fast]);

        let shock = market::shock_compensation(factors, market_sigma);
        if state.has_traded {
            let h = state.volatility.daily() + news.night_volatility() - full.volatility.level
                + full.volatility.market_share * ln(market.night_volatility);
            let own = own_sigma * exp(h);
            let variance = market_sigma * market_sigma * market.night.1
                + sector_sigma * sector_sigma * market.night_volatility * market.night_volatility
                + own * own;
            let night_part = full.split.night
                * (market_sigma * market.night.0 + sector_sigma * sector.night + own * night)
                - 0.5 * full.split.night * full.split.night * variance;
            let shocks = market_sigma * market.shock_night + 0.5 * shock;
            state.latent_ticks = hold(state.latent_ticks * exp(night_part + news.gap + shocks));
        }
        state.latent_ticks = hold(state.latent_ticks * script.gap());
        let step = |regime: Regime| RegimeStep {
            drift: regime.drift().per_minute(),
            factor: regime.volatility_factor() / Regime::root_mean_square_factor(),
        };
        let volume = full.volume.open(
            &mut state.volume,
            instrument,
            close_before,
            [volume_fast, volume_slow],
            state.volatility.daily(),
        );
        Self {
            span: limits::Span::of(&full.parameters.limits, instrument, date, close_before),
            steps: Regime::ALL.map(step),
            market_sigma,
            sector_sigma,
            own_sigma,
            per_sigma: 1.0 / sigma,
            compensation: 0.5 * shock / MINUTES as f64,
            news,
            volume,
            blocks,
            travel: ln(state.latent_ticks / close_before.ticks() as f64),
            index: 0,
            draws: Draws::of(seed.stream(Stream::Bars, &instrument.symbol, date)),
            regimes: seed.stream(Stream::Regime, &instrument.symbol, date),
            full: full.clone(),
            market,
            sector,
            state,
            script,
        }
    }

    pub(super) fn step(&mut self) -> Ohlcv {
        let Self { full, market, sector, state, .. } = self;
        let index = self.index;
        let minute = usize::from(index).min(MINUTES - 1);
        let copied = full.parameters.factors.enabled.then_some(market.regimes[minute]);
        let drawn = state.chain.advance_beside(&mut self.regimes, copied, full.parameters.factors.copy_probability);
        let Forced { regime, log_move, volatility } = self.script.minute(index);
        let RegimeStep { drift, factor } = self.steps[regime.unwrap_or(drawn) as usize];
        let BarDraws { normal, free_bits, log_high, log_low, noise } = self.draws.next();

        if minute % BLOCK == 0 {
            full.volatility.begin_block(&mut state.volatility, self.blocks[minute / BLOCK]);
        }
        let news = self.news.minute(index);
        let market_h = market.log_volatility[minute];
        let h = state.volatility.daily() + state.volatility.intraday() + self.news.volatility - full.volatility.level
            + full.volatility.market_share * market_h;
        let shape = full.shape.volatility[minute];
        let scale = shape * factor * volatility;

        // Each part's standard deviation in this minute, given its scale.
        let own_deviation = self.own_sigma * scale * exp(h) * full.tails.scale(free_bits);
        let own = own_deviation * normal;
        let market_scale = self.market_sigma * scale;
        let sector_scale = self.sector_sigma * scale;
        let factors = &full.parameters.factors;
        state.late += factors.late_speed * (market.factor[minute] - state.late);
        let common = market_scale
            * ((1.0 - factors.late_share) * market.factor[minute] + factors.late_share * state.late)
            + sector_scale * sector.factor[minute];
        let bounced = full.bounce.step(&mut state.overshoot, own);
        full.volatility.echo(&mut state.volatility, normal);

        let market_variance = market_scale * market_scale * market.factor_variance[minute];
        let sector_variance = sector_scale * sector_scale * market.sector_variance[minute];
        let own_variance = own_deviation * own_deviation;
        let prompt = 1.0 - factors.late_share * (1.0 - factors.late_speed);
        let stretched = full.bounce.stretched;
        let variance = prompt * prompt * market_variance + sector_variance + stretched * stretched * own_variance;
        let charge = full.shape.market_charge[minute] * market_variance
            + 0.5 * sector_variance
            + full.bounce.charge[minute] * own_variance;
        let log_return = drift - charge
            + common
            + own
            + bounced
            + news
            + self.market_sigma * market.shock(minute)
            + self.compensation
            + log_move;

        let extremes = bridge::extremes(log_return, variance, log_high, log_low);
        let mut ways = [log_return, extremes.high, extremes.low];
        exp_each(&mut ways);
        let [grown, highest, lowest] = ways;

        let latent = state.latent_ticks;
        let open = self.span.print(latent);
        let (high, low) = (self.span.print(latent * highest), self.span.print(latent * lowest));
        state.latent_ticks = hold(latent * grown);
        let close = self.span.print(state.latent_ticks);
        self.travel += log_return;

        let is_sealed = high == low && self.span.is_at_limit(close);
        let seen = volume::Seen {
            relative_move: log_return.abs() * full.shape.per_volatility[minute] * self.per_sigma,
            travel: self.travel.abs() * self.per_sigma,
            market_log_volatility: market_h,
            intraday_log_volatility: state.volatility.intraday(),
            news: self.news.volume + full.volume.parameters.daily_volatility * self.news.volatility,
            log_share: full.shape.log_volume[minute],
            noise,
        };
        let sealed_volume = if is_sealed { full.parameters.limits.sealed_volume } else { 1.0 };
        let shares = self.volume.shares(&mut state.volume, &seen, sealed_volume);

        state.print_ticks = close.ticks();
        state.has_traded = true;
        self.index += 1;
        if self.index == MINUTES_PER_DAY {
            let tomorrow = full.events.tomorrow(&state.events) + full.bounce.tomorrow(&state.overshoot);
            state.latent_ticks = hold(self.span.carry(state.latent_ticks, exp(tomorrow)));
        }
        Ohlcv::spanning(open, close, high, low, shares)
    }

    pub(super) fn pass(&mut self) {
        let State { print_ticks, has_traded, .. } = self.state;
        self.step();
        self.state = State { print_ticks, has_traded, ..self.state };
    }

    pub(super) fn halted_until(&self) -> Option<u16> {
        self.script.halted_until(self.index)
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    pub(super) fn price(&self) -> Price {
        self.state.print()
    }

    pub(super) fn regime(&self) -> Regime {
        self.script.minute_before(self.index).regime.unwrap_or(self.state.chain.regime)
    }

    pub(super) fn forced_volatility(&self) -> f64 {
        self.script.minute_before(self.index).volatility
    }
}
