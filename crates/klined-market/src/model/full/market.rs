//! The common part of all symbols: the market's factor, its volatility and regimes, and the sectors' factors.
//!
//! A symbol's minute has β·σM·(0.85·F + 0.15·Y) + σS·G (the index model of W. F. Sharpe, Management Science 9 (1963), with
//! a sector's factor beside the market's). F is the market's draw under its own volatility exp(hM): two daily OU parts, one
//! within the day, the response to its last moves, and crashes. Y, Y ← 0.97·Y + 0.03·F, makes a part of each move arrive late:
//! correlation grows with the interval (T. W. Epps, Journal of the American Statistical Association 74 (1979)). G is a
//! sector's draw under the market's volatility.
//!
//! The market is a pure function of seed, parameters and date and has no checkpoint. What changes from day to day is
//! advanced from the exchange's first day with a few draws a day; what changes within a day begins each day anew, in its
//! stationary distribution or at zero. Computed days are kept for all symbols; the numbers do not depend on which are kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use rand_core::Rng;

use super::parameters;
use super::process::{OuProcess, persistence};
use super::tails::Tails;
use crate::base::seed::open_unit;
use crate::base::{SectorKey, Seed, Stream};
use crate::calendar::{Calendar, Hours};
use crate::model::math::{exp, ln};
use crate::model::normal;
use crate::model::regime::{Chain, Regime};

/// Minutes between two steps of the volatility within a day.
pub(super) const BLOCK: usize = 5;
/// Minutes over which the part of a shock that does not come overnight is spread.
const SHOCK_MINUTES: usize = 120;
/// Number of days kept, each in the slot of its index modulo this: any 1,024 days in a row are kept together.
const DAYS_KEPT: usize = 1024;
/// E|N(0, 1)|.
pub(super) const MEAN_ABSOLUTE_NORMAL: f64 = 0.797_884_560_802_865_4;

/// The common path of one trading day.
#[derive(Debug)]
pub(super) struct MarketDay {
    pub minutes: Vec<MarketMinute>,
    /// The kind of day, as a place in the kinds of the market's hours.
    pub kind: usize,
    /// Whether the market pauses before it.
    pub opens_after_pause: bool,
    /// The factor's draw overnight and its variance, in standard deviations of the night.
    pub night: (f64, f64),
    /// exp(hM) of the night.
    pub night_volatility: f64,
    /// The move of a crash or a surge in daily standard deviations of the factor: overnight, and in each minute.
    pub shock_night: f64,
    shock_minute: f64,
    seed: Seed,
    date: NaiveDate,
    sectors: Mutex<BTreeMap<SectorKey, Arc<SectorDay>>>,
}

/// The common path in one minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct MarketMinute {
    /// F: the factor's draw, in standard deviations of a minute.
    pub factor: f64,
    /// The variance that it was drawn with, in variances of a minute.
    pub factor_variance: f64,
    /// hM: the market's log volatility.
    pub log_volatility: f64,
    /// exp(2 hM) of the sectors' draws.
    pub sector_variance: f64,
    pub regime: Regime,
}

/// A sector's path of one trading day.
#[derive(Debug)]
pub(super) struct SectorDay {
    /// G in each minute, in standard deviations of a minute.
    pub factor: Vec<f64>,
    /// G overnight, in standard deviations of the night.
    pub night: f64,
}

/// The state of the market between two days.
#[derive(Debug, Clone, Copy)]
struct MarketState {
    slow: f64,
    fast: f64,
    chain: Chain,
}

/// The market, day by day.
pub(super) struct MarketDays {
    seed: Seed,
    calendar: Arc<Calendar>,
    model: MarketModel,
    /// The state at each day's open, from the exchange's first day to the latest day that was needed.
    carried: Mutex<Vec<MarketState>>,
    kept: Vec<Mutex<Option<Arc<MarketDay>>>>,
}

/// The constants that follow from the parameters.
#[derive(Debug, Clone, Copy)]
struct MarketModel {
    parameters: parameters::FactorParameters,
    days_per_year: f64,
    /// The share of a shock that comes overnight.
    shock_at_night: f64,
    tails: Tails,
    slow: OuProcess,
    fast: OuProcess,
    block: OuProcess,
    arch_persistence: f64,
    /// Makes E exp(2 hM) about 1.
    level: f64,
}

impl MarketDays {
    pub(super) fn new(
        seed: Seed,
        calendar: Arc<Calendar>,
        parameters: parameters::FactorParameters,
        has_volatility: bool,
        tails: Tails,
    ) -> Self {
        let scale = if has_volatility { 1.0 } else { 0.0 };
        let parameters = parameters::FactorParameters {
            slow_deviation: scale * parameters.slow_deviation,
            fast_deviation: scale * parameters.fast_deviation,
            intraday_deviation: scale * parameters.intraday_deviation,
            arch_size: scale * parameters.arch_size,
            arch_sign: scale * parameters.arch_sign,
            ..parameters
        };
        let slow = OuProcess::new(parameters.slow_half_life_days, parameters.slow_deviation);
        let fast = OuProcess::new(parameters.fast_half_life_days, parameters.fast_deviation);
        let block = OuProcess::new(parameters.intraday_half_life_minutes / BLOCK as f64, parameters.intraday_deviation);
        let square = |x: f64| x * x;
        let level = square(slow.deviation) + square(fast.deviation) + square(block.deviation);
        let arch_persistence = persistence(parameters.arch_half_life_minutes);
        let kept = (0..DAYS_KEPT).map(|_| Mutex::new(None)).collect();
        let days_per_year = calendar.hours().days_per_year();
        let shock_at_night = shock_at_night(calendar.hours());
        let model = MarketModel {
            parameters,
            days_per_year,
            shock_at_night,
            tails,
            slow,
            fast,
            block,
            arch_persistence,
            level,
        };
        Self { seed, calendar, model, carried: Mutex::new(Vec::new()), kept }
    }

    /// The calendar whose days these are.
    pub(super) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The common path of a trading day. A date without trading has the path of the trading day that follows.
    pub(super) fn day(&self, date: NaiveDate) -> Arc<MarketDay> {
        let before = self.calendar.days(self.calendar.first_day(), date).len();
        let place = before.saturating_sub(usize::from(self.calendar.is_trading_day(date)));
        let mut kept = self.kept[place % DAYS_KEPT].lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref().filter(|day| day.date == date) {
            Some(day) => day.clone(),
            None => {
                let day = Arc::new(self.model.day(self.seed, date, &self.calendar, self.state_at(place)));
                *kept = Some(day.clone());
                day
            }
        }
    }

    /// The state at the open of the day with an index in the calendar.
    fn state_at(&self, place: usize) -> MarketState {
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        let days = self.calendar.days(self.calendar.first_day(), self.calendar.last_day());
        while carried.len() <= place {
            let next = match carried.last() {
                Some(&last) => {
                    let day = days[carried.len() - 1];
                    self.model.carry(self.seed, day, self.calendar.minutes_on(day), last)
                }
                None => self.model.first(self.seed, self.calendar.first_day()),
            };
            carried.push(next);
        }
        carried[place]
    }
}

impl MarketModel {
    /// The state before the exchange's first open, from the stationary distributions.
    fn first(&self, seed: Seed, date: NaiveDate) -> MarketState {
        let mut stream = seed.market_stream(Stream::Listing, date);
        let mut normal = || normal::quantile(open_unit(stream.next_u64()));
        let (slow, fast) = (self.slow.stationary(normal()), self.fast.stationary(normal()));
        MarketState { slow, fast, chain: Chain::stationary(&mut stream) }
    }

    /// The state at the next open, from that at the open of a day of so many minutes.
    fn carry(&self, seed: Seed, date: NaiveDate, minutes: u16, from: MarketState) -> MarketState {
        let mut stream = seed.market_stream(Stream::MarketDay, date);
        let mut normal = || normal::quantile(open_unit(stream.next_u64()));
        let (slow, fast) = (self.slow.step(from.slow, normal()), self.fast.step(from.fast, normal()));
        let mut chain = from.chain;
        chain.pass(minutes, &mut seed.market_stream(Stream::MarketRegime, date));
        MarketState { slow, fast, chain }
    }

    fn day(&self, seed: Seed, date: NaiveDate, calendar: &Calendar, carried: MarketState) -> MarketDay {
        let Self { parameters, tails, .. } = self;
        let mut stream = seed.market_stream(Stream::MarketDay, date);
        // The first two words make the next day's slow parts.
        let [_, _, night, which, size] = std::array::from_fn(|_| stream.next_u64());
        let daily = carried.slow + carried.fast - self.level;
        let night = tails.draw(night);
        let night_volatility = exp(daily);
        let night_scale = night_volatility * night.scale;
        let shock = self.shock(open_unit(which), open_unit(size));

        let mut bars = seed.market_stream(Stream::MarketBars, date);
        let mut word = || bars.next_u64();
        let mut block = self.block.stationary(normal::quantile(open_unit(word())));
        let mut arch = 0.0;
        let mut chain = carried.chain;
        let mut redraws = seed.market_stream(Stream::MarketRegime, date);
        let of_minute = |minute: usize| {
            if minute.is_multiple_of(BLOCK) {
                block = self.block.step(block, normal::quantile(open_unit(word())));
            }
            let draw = tails.draw(word());
            let h = daily + block + arch;
            let volatility = exp(h);
            let scale = volatility * draw.scale;
            arch = self.arch_persistence * arch
                + parameters.arch_size * (draw.normal.abs() - MEAN_ABSOLUTE_NORMAL)
                + parameters.arch_sign * draw.normal;
            MarketMinute {
                factor: scale * draw.normal,
                factor_variance: scale * scale,
                log_volatility: h,
                sector_variance: volatility * volatility,
                regime: chain.advance(&mut redraws),
            }
        };
        MarketDay {
            minutes: (0..usize::from(calendar.minutes_on(date))).map(of_minute).collect(),
            kind: calendar.kind_of(date),
            opens_after_pause: calendar.hours().has_nights() || calendar.opens_after_pause(date),
            night: (night_scale * night.normal, night_scale * night_scale),
            night_volatility,
            shock_night: self.shock_at_night * shock,
            shock_minute: (1.0 - self.shock_at_night) * shock / SHOCK_MINUTES as f64,
            seed,
            date,
            sectors: Mutex::new(BTreeMap::new()),
        }
    }

    /// A crash or a surge in daily standard deviations; 0 on most days.
    fn shock(&self, which: f64, size: f64) -> f64 {
        let (crash, surge) = shock_probabilities(&self.parameters, self.days_per_year);
        let sign = if which < crash {
            -1.0
        } else if which < crash + surge {
            1.0
        } else {
            return 0.0;
        };
        sign * (self.parameters.shock_least - self.parameters.shock_excess * ln(size))
    }
}

impl MarketDay {
    /// The move of a shock in a minute, in daily standard deviations of the factor.
    #[inline]
    pub(super) fn shock(&self, minute: usize) -> f64 {
        if minute < SHOCK_MINUTES { self.shock_minute } else { 0.0 }
    }

    /// A sector's path of this day.
    pub(super) fn sector(&self, key: SectorKey) -> Arc<SectorDay> {
        let mut sectors = self.sectors.lock().unwrap_or_else(PoisonError::into_inner);
        sectors.entry(key).or_insert_with(|| Arc::new(self.make_sector(key))).clone()
    }

    fn make_sector(&self, key: SectorKey) -> SectorDay {
        let mut stream = self.seed.sector_stream(Stream::SectorBars, key, self.date);
        let mut normal = || normal::quantile(open_unit(stream.next_u64()));
        let night = self.night_volatility * normal();
        let factor = self.minutes.iter().map(|minute| minute.sector_variance.sqrt() * normal()).collect();
        SectorDay { factor, night }
    }
}

/// The share of a shock that comes overnight: half of it where the market pauses before every day.
pub(super) fn shock_at_night(hours: Hours) -> f64 {
    if hours.has_nights() { 0.5 } else { 0.0 }
}

/// Probabilities of a crash and of a surge on one day.
fn shock_probabilities(parameters: &parameters::FactorParameters, days_per_year: f64) -> (f64, f64) {
    let crash = parameters.crashes_per_year / days_per_year;
    (crash, crash * parameters.surges_per_crash)
}

/// The variance that crashes and surges add to a day, in variances of the factor: E S² of a size a + Exp(b) is a² + 2ab + 2b².
pub(super) fn shock_variance(parameters: &parameters::FactorParameters, days_per_year: f64) -> f64 {
    let (crash, surge) = shock_probabilities(parameters, days_per_year);
    let (least, excess) = (parameters.shock_least, parameters.shock_excess);
    (crash + surge) * (least * least + 2.0 * least * excess + 2.0 * excess * excess)
}

/// The compensation of the shocks for a symbol of exposure βσM, in logs a day: −ln E exp(exposure · shock).
pub(super) fn shock_compensation(parameters: &parameters::FactorParameters, days_per_year: f64, exposure: f64) -> f64 {
    let (crash, surge) = shock_probabilities(parameters, days_per_year);
    let moment =
        |theta: f64| exp(theta * parameters.shock_least) / (1.0 - (theta * parameters.shock_excess).min(0.9)) - 1.0;
    -ln(1.0 + crash * moment(-exposure) + surge * moment(exposure))
}

/// The compensation of each minute of the factor, in variances of its minute, so that the means of daily simple returns are 0.
/// `shape` is the day's volatility profile. A draw of minute m moves its day by A = (1 − l) + l·Σⱼ w(1 − w)ʲ·s(m + j)/s(m) and the k-th day
/// after it by Bₖ, the same sum over that day's minutes; the compensation is ½(A² + Σ Bₖ²).
pub(super) fn charge(parameters: &parameters::FactorParameters, shape: &[f64]) -> Vec<f64> {
    let (share, speed) = (parameters.late_share, parameters.late_speed);
    // The move of a day by a late part of 1 from before it, and the rest after the day.
    let (mut arriving, mut left) = (0.0, 1.0);
    for s in shape {
        left *= 1.0 - speed;
        arriving += left * s;
    }
    let mut charge = vec![0.0; shape.len()];
    // The same from a minute to the close, from the last minute back.
    let (mut until_close, mut at_close) = (0.0, 1.0);
    for (charge, &s) in charge.iter_mut().zip(shape).rev() {
        until_close = s + (1.0 - speed) * until_close;
        let that_day = (1.0 - share) + share * speed * until_close / s;
        let next_day = share * speed * at_close * arriving / s;
        *charge = 0.5 * (that_day * that_day + next_day * next_day / (1.0 - left * left));
        at_close *= 1.0 - speed;
    }
    charge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charge_is_half_the_squares_of_what_a_draw_does_to_each_day() {
        const MINUTES: usize = 240;
        let shape: [f64; MINUTES] = std::array::from_fn(|minute| if minute < 60 { 2.0 } else { 0.7 });
        for late_speed in [0.03, 0.001] {
            let parameters = parameters::FactorParameters { late_speed, ..Default::default() };
            let found = charge(&parameters, &shape);
            for minute in [0, 59, 60, MINUTES - 1] {
                // One draw, and what it moves on its day and on each of the days that follow.
                let (mut late, mut squares) = (0.0, 0.0);
                for day in 0..60 {
                    let mut moved = 0.0;
                    for (at, s) in shape.iter().enumerate().skip(if day == 0 { minute } else { 0 }) {
                        let factor = if day == 0 && at == minute { 1.0 } else { 0.0 };
                        late += late_speed * (factor - late);
                        moved += s * ((1.0 - parameters.late_share) * factor + parameters.late_share * late);
                    }
                    squares += (moved / shape[minute]).powi(2);
                }
                assert!((found[minute] - 0.5 * squares).abs() < 1e-9, "{minute}: {}", found[minute]);
            }
        }
    }
}
