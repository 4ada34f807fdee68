//! A symbol's day under the full model: the draws at its open, and the step of a minute, which adds up the model's parts.

use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use rand_chacha::ChaCha8Rng;

use super::market::{self, BLOCK, MarketDay, SectorDay};
use super::{DailyDraws, Full, FullState, events, limits, volume};
use crate::base::{Board, Instrument, Ohlcv, Price, PriceBounds, Seed, Stream};
use crate::model::bridge;
use crate::model::draws::{BarDraws, Draws};
use crate::model::math::{exp, exp_each, ln};
use crate::model::regime::Regime;
use crate::model::scenario::{DaySchedule, MinuteEffects};

/// The words that a day takes as a whole, besides those of its blocks.
const DAILY_DRAWS: usize = 9;

/// A day in progress.
#[derive(Clone)]
pub struct FullDay {
    full: Arc<Full>,
    board: Board,
    market: Arc<MarketDay>,
    sector: Arc<SectorDay>,
    state: FullState,
    steps: [FullRegimeStep; 3],
    /// βσM, σS and σI: daily standard deviations of the market's, the sector's and the own part.
    market_sigma: f64,
    sector_sigma: f64,
    own_sigma: f64,
    /// One over the daily volatility.
    per_sigma: f64,
    /// Compensation of the market's shocks in each minute, in logs.
    compensation: f64,
    news: events::NewsDay,
    band: limits::PriceBand,
    bounds: PriceBounds,
    volume: volume::VolumeDay,
    blocks: Vec<f64>,
    /// The kind of day, as a place in the shapes of a board's rules.
    kind: usize,
    /// Index of the day's last minute. As a `u16` beside `index` the two were loaded together, and the processor cannot forward the
    /// store of one half to the load of both: that cost 14 % of a step.
    last: usize,
    /// ln of the latent price over the previous close.
    travel: f64,
    index: u16,
    draws: Draws,
    regimes: ChaCha8Rng,
    schedule: DaySchedule,
}

/// The step of one minute in a regime.
#[derive(Debug, Clone, Copy)]
struct FullRegimeStep {
    /// μ of one minute.
    drift: f64,
    /// c.
    factor: f64,
}

impl fmt::Debug for FullDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FullDay").field("index", &self.index).field("state", &self.state).finish_non_exhaustive()
    }
}

impl FullDay {
    pub(in crate::model) fn open(
        full: &Arc<Full>,
        seed: Seed,
        instrument: &Instrument,
        state: FullState,
        date: NaiveDate,
        schedule: DaySchedule,
    ) -> Self {
        let (mut state, bounds) = (state, instrument.bounds);
        let rules = full.rules(instrument.board);
        let hours = full.days.calendar().hours();
        let market = full.days.day(date);
        let minutes = market.minutes.len() as u16;
        let sector = market.sector(instrument.sector);
        let close_before = state.print();
        let factors = &rules.parameters.factors;
        let on = if factors.enabled { 1.0 } else { 0.0 };
        let sigma = instrument.base_volatility.per_day() * rules.volatility.scale;
        let (market_sigma, sector_sigma) = (on * instrument.beta * factors.market_sigma, on * factors.sector_sigma);
        let own_variance = sigma * sigma
            - market_sigma * market_sigma * (1.0 + rules.shock_variance)
            - sector_sigma * sector_sigma
            - rules.news_variance;
        let own_sigma = own_variance.max(factors.own_floor * factors.own_floor * sigma * sigma).sqrt();

        let mut stream = seed.stream(Stream::SymbolDay, &instrument.symbol, date);
        let mut draws_of_day = DailyDraws(&mut stream);
        let [slow, fast, volume_fast, volume_slow, night] = draws_of_day.normals::<{ DAILY_DRAWS - 4 }>();
        let news = rules.events.today(&mut draws_of_day, &mut state.events, minutes);
        let blocks = draws_of_day.many_normals(usize::from(minutes).div_ceil(BLOCK));
        rules.volatility.open(&mut state.volatility, [slow, fast]);

        let shock = market::shock_compensation(factors, hours.days_per_year(), market_sigma);
        let at_night = market::shock_at_night(hours);
        if state.has_traded {
            let h = state.volatility.daily() + news.night_volatility() - rules.volatility.level
                + rules.volatility.market_share * ln(market.night_volatility);
            let own = own_sigma * exp(h);
            let variance = market_sigma * market_sigma * market.night.1
                + sector_sigma * sector_sigma * market.night_volatility * market.night_volatility
                + own * own;
            let pause = if market.opens_after_pause { rules.split.pause } else { 0.0 };
            let night_part = pause * (market_sigma * market.night.0 + sector_sigma * sector.night + own * night)
                - 0.5 * pause * pause * variance;
            let shocks = market_sigma * market.shock_night + at_night * shock;
            state.latent_ticks *= exp(night_part + news.gap + shocks);
            state.latent_ticks = bounds.hold_ticks(state.latent_ticks);
        }
        state.latent_ticks = bounds.hold_ticks(state.latent_ticks * schedule.gap());
        let step = |regime: Regime| FullRegimeStep {
            drift: instrument.drift.besides(regime.drift()).per_minute(hours),
            factor: regime.volatility_factor() / Regime::root_mean_square_factor(),
        };
        let volume = rules.volume.open(
            &mut state.volume,
            instrument,
            close_before,
            [volume_fast, volume_slow],
            state.volatility.daily(),
        );
        Self {
            band: limits::PriceBand::of(&rules.parameters.limits, instrument, date, close_before),
            bounds,
            steps: Regime::ALL.map(step),
            market_sigma,
            sector_sigma,
            own_sigma,
            per_sigma: 1.0 / sigma,
            compensation: (1.0 - at_night) * shock / f64::from(minutes),
            news,
            volume,
            blocks,
            kind: market.kind,
            last: usize::from(minutes - 1),
            travel: ln(state.latent_ticks / close_before.ticks() as f64),
            index: 0,
            draws: Draws::of(seed.stream(Stream::Bars, &instrument.symbol, date)),
            regimes: seed.stream(Stream::Regime, &instrument.symbol, date),
            full: full.clone(),
            board: instrument.board,
            market,
            sector,
            state,
            schedule,
        }
    }

    pub(in crate::model) fn step(&mut self) -> Ohlcv {
        let Self { full, board, market, sector, state, .. } = self;
        let rules = full.rules(*board);
        let index = self.index;
        let minute = usize::from(index).min(self.last);
        let market_minute = &market.minutes[minute];
        let day_shape = &rules.shapes[self.kind];
        let shape = &day_shape.minutes[minute];
        let copied = rules.parameters.factors.enabled.then_some(market_minute.regime);
        let drawn = state.chain.advance_beside(&mut self.regimes, copied, rules.parameters.factors.copy_probability);
        let MinuteEffects { regime, log_move, volatility } = self.schedule.minute(index);
        let FullRegimeStep { drift, factor } = self.steps[regime.unwrap_or(drawn) as usize];
        let BarDraws { normal, free_bits, log_high, log_low, noise, chance } = self.draws.next();

        if minute % BLOCK == 0 {
            rules.volatility.begin_block(&mut state.volatility, self.blocks[minute / BLOCK]);
        }
        let news = self.news.minute(index);
        let market_h = market_minute.log_volatility;
        let h = state.volatility.daily() + state.volatility.intraday() + self.news.volatility - rules.volatility.level
            + rules.volatility.market_share * market_h;
        let scale = shape.volatility * factor * volatility;

        // Each part's standard deviation in this minute, given its scale.
        let own_deviation = self.own_sigma * scale * exp(h) * rules.tails.scale(free_bits);
        let own = own_deviation * normal;
        let market_scale = self.market_sigma * scale;
        let sector_scale = self.sector_sigma * scale;
        let factors = &rules.parameters.factors;
        state.late += factors.late_speed * (market_minute.factor - state.late);
        let common = market_scale
            * ((1.0 - factors.late_share) * market_minute.factor + factors.late_share * state.late)
            + sector_scale * sector.factor[minute];
        let bounce = rules.bounce.step(&mut state.overshoot, own);
        rules.volatility.respond(&mut state.volatility, normal);

        let market_variance = market_scale * market_scale * market_minute.factor_variance;
        let sector_variance = sector_scale * sector_scale * market_minute.sector_variance;
        let own_variance = own_deviation * own_deviation;
        let prompt = 1.0 - factors.late_share * (1.0 - factors.late_speed);
        let stretched = rules.bounce.stretched;
        let variance = prompt * prompt * market_variance + sector_variance + stretched * stretched * own_variance;
        let charge = shape.market_charge * market_variance + 0.5 * sector_variance + shape.own_charge * own_variance;
        let log_return = drift - charge
            + common
            + own
            + bounce
            + news
            + self.market_sigma * market.shock(minute)
            + self.compensation
            + log_move;

        let extremes = bridge::extremes(log_return, variance, log_high, log_low);
        let mut ways = [log_return, extremes.high, extremes.low];
        exp_each(&mut ways);
        let [grown, highest, lowest] = ways;

        let latent = state.latent_ticks;
        let open = self.band.print(latent);
        let (high, low) = (self.band.print(latent * highest), self.band.print(latent * lowest));
        state.latent_ticks = self.bounds.hold_ticks(latent * grown);
        let close = self.band.print(state.latent_ticks);
        self.travel += log_return;

        let is_sealed = high == low && self.band.is_at_limit(close);
        let conditions = volume::MinuteConditions {
            relative_move: log_return.abs() * shape.per_volatility * self.per_sigma,
            travel: self.travel.abs() * self.per_sigma,
            market_log_volatility: market_h,
            intraday_log_volatility: state.volatility.intraday(),
            news: self.news.volume + rules.volume.parameters.daily_volatility * self.news.volatility,
            log_share: shape.log_volume,
            noise,
            chance,
        };
        let sealed_volume = if is_sealed { rules.parameters.limits.sealed_volume } else { 1.0 };
        let shares = self.volume.shares(&mut state.volume, &conditions, sealed_volume);

        // A call gathers orders without trade until the last minute, in which they trade at one price.
        let is_call = minute >= day_shape.call_from;
        let bar = if shares == 0 || (is_call && minute < self.last) {
            let before = state.print();
            Ohlcv::spanning(before, before, before, before, 0)
        } else if is_call {
            Ohlcv::spanning(close, close, close, close, shares)
        } else {
            Ohlcv::spanning(open, close, high, low, shares)
        };
        state.print_ticks = bar.close().ticks();
        state.has_traded = true;
        self.index += 1;
        if usize::from(index) == self.last {
            let tomorrow = rules.events.tomorrow(&state.events) + rules.bounce.tomorrow(&state.overshoot);
            state.latent_ticks = self.bounds.hold_ticks(self.band.carry(state.latent_ticks, exp(tomorrow)));
        }
        bar
    }

    pub(in crate::model) fn pass(&mut self) {
        let FullState { print_ticks, has_traded, .. } = self.state;
        self.step();
        self.state = FullState { print_ticks, has_traded, ..self.state };
    }

    pub(in crate::model) fn halted_until(&self) -> Option<u16> {
        self.schedule.halted_until(self.index)
    }

    pub(in crate::model) fn model(&self) -> &Arc<Full> {
        &self.full
    }

    pub(in crate::model) fn state(&self) -> FullState {
        self.state
    }

    pub(in crate::model) fn price(&self) -> Price {
        self.state.print()
    }

    pub(in crate::model) fn regime(&self) -> Regime {
        self.schedule.minute_before(self.index).regime.unwrap_or(self.state.chain.regime)
    }

    pub(in crate::model) fn forced_volatility(&self) -> f64 {
        self.schedule.minute_before(self.index).volatility
    }
}
