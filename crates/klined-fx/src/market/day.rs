//! The legs from minute to minute: a day at once.
//!
//! A day is a Brownian path in a time of its own, between the day's open and the displacement that the year gives it:
//! each minute has a variance made of the hour's profile, of log-normal factors that live for hours, tens of minutes
//! and minutes, of fat tails and of the liveliness that news leaves; the sum of the minutes is brought to the day's
//! displacement in proportion to their variance.

use klined_market::model::math::exp;
use rand_core::Rng;

use super::profile::DayProfile;
use super::year::{Autoregression, YearDay};
use crate::base::normal_draws::{Cholesky, normals, uniform};
use crate::base::{DAY_MINUTES, LEGS, Part, Streams};

/// Half-lives in minutes and stationary standard deviations of the market's log volatility.
const MARKET_VOLATILITY: [(f64, f64); 3] = [(150.0, 0.25), (20.0, 0.20), (2.5, 0.38)];
/// The same of each leg's own.
const LEG_VOLATILITY: (f64, f64) = (40.0, 0.15);
/// A minute's draws are this much larger with this probability, and so much smaller else that their variance is 1.
const TAIL: (f64, f64) = (2.3, 0.03);

/// One day of the market, minute by minute.
#[derive(Debug, Clone)]
pub struct Day {
    pub of_year: YearDay,
    pub profile: DayProfile,
    /// The legs at the start of each minute and at the day's end, apart from news.
    pub nodes: Vec<[f64; LEGS]>,
    /// The variance of each leg in each minute.
    pub variance: Vec<[f64; LEGS]>,
    /// The market's log volatility at the start of each minute and at the day's end, apart from profile and news.
    pub log_volatility: Vec<f64>,
}

impl Day {
    /// The minutes of a day.
    #[must_use]
    pub fn of(streams: Streams, factor: &Cholesky<LEGS>, of_year: YearDay) -> Self {
        let profile = DayProfile::of(&of_year.day);
        let mut stream = streams.market(Part::Minutes, of_year.day.start);
        let market = MARKET_VOLATILITY.map(|(h, sd)| Autoregression::of(h, sd));
        let own = Autoregression::of(LEG_VOLATILITY.0, LEG_VOLATILITY.1);
        let spread: f64 = MARKET_VOLATILITY.iter().map(|(_, sd)| sd * sd).sum();
        let mean = spread + LEG_VOLATILITY.1 * LEG_VOLATILITY.1;
        let (large, chance) = TAIL;
        let small = ((1.0 - chance * large * large) / (1.0 - chance)).sqrt();

        let first: [f64; LEGS + 3] = normals(&mut stream);
        let mut of_leg: [f64; LEGS] = std::array::from_fn(|leg| LEG_VOLATILITY.1 * first[leg]);
        let mut of_market: [f64; 3] = std::array::from_fn(|part| MARKET_VOLATILITY[part].1 * first[LEGS + part]);
        let mut log_volatility = Vec::with_capacity(DAY_MINUTES + 1);
        let mut variance = Vec::with_capacity(DAY_MINUTES);
        let mut nodes = Vec::with_capacity(DAY_MINUTES + 1);
        let mut level = [0.0; LEGS];
        nodes.push(level);
        for minute in 0..DAY_MINUTES {
            log_volatility.push(of_market.iter().sum());
            let h: f64 = of_market.iter().sum();
            let lively: f64 = 1.0 + of_year.news.iter().map(|news| news.liveliness(minute)).sum::<f64>();
            let tail = if uniform(&mut stream) < chance { large } else { small };
            let z = factor.draw(&mut stream);
            let share = &profile.variance_share[minute];
            let of_minute: [f64; LEGS] = std::array::from_fn(|leg| {
                let daily = of_year.daily[leg];
                daily * daily * share[leg] * lively * exp(2.0 * (h + of_leg[leg] - mean))
            });
            for leg in 0..LEGS {
                level[leg] += of_minute[leg].sqrt() * tail * z[leg];
            }
            variance.push(of_minute);
            nodes.push(level);
            let shocks: [f64; LEGS + 3] = normals(&mut stream);
            for (state, &shock) in of_leg.iter_mut().zip(&shocks) {
                *state = own.step(*state, shock);
            }
            for (state, (process, &shock)) in of_market.iter_mut().zip(market.iter().zip(&shocks[LEGS..])) {
                *state = process.step(*state, shock);
            }
        }
        log_volatility.push(of_market.iter().sum());
        let end = level;
        for leg in 0..LEGS {
            let total: f64 = variance.iter().map(|of_minute| of_minute[leg]).sum();
            let pull = (of_year.diffusion[leg] - end[leg]) / total;
            let mut passed = 0.0;
            nodes[0][leg] = of_year.open[leg];
            for minute in 0..DAY_MINUTES {
                passed += variance[minute][leg];
                nodes[minute + 1][leg] += of_year.open[leg] + pull * passed;
            }
        }
        Self { of_year, profile, nodes, variance, log_volatility }
    }

    /// How far the legs have moved on news until a time, in seconds since the day's start.
    #[must_use]
    pub fn news_moves(&self, at: f64) -> [f64; LEGS] {
        let mut moves = [0.0; LEGS];
        for news in self.of_year.news.iter().filter(|news| news.at < at) {
            let progress = news.progress(at);
            for (sum, by) in moves.iter_mut().zip(news.moves(&self.of_year.daily)) {
                *sum += progress * by;
            }
        }
        moves
    }
}

/// The legs from second to second: a minute at once, between its two ends.
#[derive(Debug, Clone)]
pub struct Minute {
    /// Minutes since the day's start.
    pub index: usize,
    /// The first second, in Unix seconds.
    pub start: i64,
    /// The legs at the start of each second and at the minute's end.
    pub levels: [[f64; LEGS]; 61],
    /// Variance of each leg in a second of usual liveliness.
    pub second_variance: [f64; LEGS],
    /// The legs at the borders of the frames of each second.
    pub paths: Vec<[[f64; LEGS]; FRAMES + 1]>,
}

/// Parts of a second at whose borders the path is drawn.
pub const FRAMES: usize = 8;
/// Standard deviation of the log volatility of a second.
const SECOND_VOLATILITY: f64 = 0.35;

impl Minute {
    /// A minute of a day.
    #[must_use]
    pub fn of(streams: Streams, factor: &Cholesky<LEGS>, pegs: &Pegs, day: &Day, index: usize) -> Self {
        let start = day.of_year.day.start + 60 * index as i64;
        let mut stream = streams.market(Part::Seconds, start);
        let liveliness: [f64; 60] = normals(&mut stream).map(|z: f64| exp(SECOND_VOLATILITY * z));
        let second_variance = day.variance[index].map(|variance| variance / 60.0);
        let steps: [_; 60] = liveliness.map(|lively| (lively * lively, factor.draw(&mut stream)));
        let diffusive = bridge(&day.nodes[index], &day.nodes[index + 1], &second_variance, &steps);
        let mut levels = diffusive;
        for (second, level) in levels.iter_mut().enumerate() {
            pegs.apply(level, &day.news_moves((60 * index + second) as f64));
        }
        let mut paths = Vec::with_capacity(60);
        for (second, liveliness) in liveliness.iter().enumerate() {
            let mut stream = streams.market(Part::Path, start + second as i64);
            let variance = second_variance.map(|v| v * liveliness * liveliness / FRAMES as f64);
            let steps: [(f64, [f64; LEGS]); FRAMES] = std::array::from_fn(|_| (1.0, factor.draw(&mut stream)));
            let mut path = bridge(&diffusive[second], &diffusive[second + 1], &variance, &steps);
            for (frame, level) in path.iter_mut().enumerate() {
                let at = (60 * index + second) as f64 + frame as f64 / FRAMES as f64;
                pegs.apply(level, &day.news_moves(at));
            }
            paths.push(path);
        }
        Self { index, start, levels, second_variance, paths }
    }
}

/// A path of N steps between two ends; each step is a variance, relative to `variance`, with its draws.
fn bridge<const N: usize, const NODES: usize>(
    from: &[f64; LEGS],
    to: &[f64; LEGS],
    variance: &[f64; LEGS],
    steps: &[(f64, [f64; LEGS]); N],
) -> [[f64; LEGS]; NODES] {
    const { assert!(NODES == N + 1) };
    let mut path = [*from; NODES];
    let deviation = variance.map(f64::sqrt);
    let mut level = [0.0; LEGS];
    for (step, (relative, z)) in steps.iter().enumerate() {
        let relative = relative.sqrt();
        for leg in 0..LEGS {
            level[leg] += deviation[leg] * relative * z[leg];
            path[step + 1][leg] += level[leg];
        }
    }
    let total: f64 = steps.iter().map(|(relative, _)| relative).sum();
    let pull: [f64; LEGS] = std::array::from_fn(|leg| (to[leg] - from[leg] - level[leg]) / total);
    let mut passed = 0.0;
    for (step, (relative, _)) in steps.iter().enumerate() {
        passed += relative;
        for leg in 0..LEGS {
            path[step + 1][leg] += pull[leg] * passed;
        }
    }
    path[N] = *to;
    path
}

/// The bands of pegged legs.
#[derive(Debug, Clone)]
pub struct Pegs(Vec<(usize, f64, f64)>);

impl Default for Pegs {
    fn default() -> Self {
        let ln = klined_market::model::math::ln;
        let facts = crate::base::currency::leg_facts().iter().enumerate();
        let bands = facts.filter_map(|(leg, facts)| facts.band_per_usd.map(|(low, high)| (leg, -ln(high), -ln(low))));
        Self(bands.collect())
    }
}

impl Pegs {
    /// Adds news to the legs, and reflects a level beyond its peg's band at the band: the path stays continuous and
    /// keeps its volatility.
    fn apply(&self, level: &mut [f64; LEGS], news: &[f64; LEGS]) {
        for (level, news) in level.iter_mut().zip(news) {
            *level += news;
        }
        for &(leg, low, high) in &self.0 {
            let width = high - low;
            let place = (level[leg] - low).rem_euclid(2.0 * width);
            level[leg] = low + if place > width { 2.0 * width - place } else { place };
        }
    }
}

/// The next index below `count` of a stream.
pub(crate) fn index_below(stream: &mut rand_chacha::ChaCha8Rng, count: usize) -> usize {
    ((u64::from(stream.next_u32()) * count as u64) >> 32) as usize
}
