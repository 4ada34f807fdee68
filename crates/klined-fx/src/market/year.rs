//! The level of the legs from day to day: a year at once.
//!
//! The legs' levels at the borders of years are drawn independently around the base, and the days of a year are
//! a random path between two of them: over months the market wanders like one without an anchor, over decades it
//! stays near the pairs' usual prices, and any year is made without the one before. A day's volatility is the
//! exponential of autoregressive processes whose shocks belong to the days; a year takes them up a year earlier, so
//! that its first days go on from the last ones of the year before.

use klined_market::model::math::{exp, ln};

use super::news::{self, News};
use crate::base::currency::{DAYS_PER_YEAR, correlation, leg_factor, leg_facts};
use crate::base::normal_draws::{Cholesky, normals};
use crate::base::{FxDay, Hours, LEGS, Part, Streams};

/// Standard deviation of a year's first level, in annual volatilities.
const BORDER_SPREAD: f64 = 0.5;
/// The gap after a weekend, in standard deviations of a day.
const GAP: f64 = 0.3;
/// Share of days that open after a break.
const GAP_DAYS: f64 = 0.2;
/// Half-lives in days and stationary standard deviations of the market's log volatility.
const MARKET_VOLATILITY: [(f64, f64); 2] = [(25.0, 0.16), (5.0, 0.15)];
/// The same of each leg's own.
const LEG_VOLATILITY: (f64, f64) = (20.0, 0.08);

/// One day of a year: where the legs begin and how far they go.
#[derive(Debug, Clone)]
pub struct YearDay {
    pub day: FxDay,
    /// Natural logarithms of the legs at the day's first instant.
    pub open: [f64; LEGS],
    /// How far they go through the day apart from news.
    pub diffusion: [f64; LEGS],
    /// Standard deviations of a day, as they are on this one.
    pub daily: [f64; LEGS],
    pub news: Vec<News>,
}

/// The days of one year.
#[derive(Debug, Clone)]
pub struct Year {
    pub year: i32,
    pub days: Vec<YearDay>,
}

/// An autoregressive process of order 1 with its stationary law.
#[derive(Debug, Clone, Copy)]
pub(super) struct Autoregression {
    keep: f64,
    shock: f64,
}

impl Autoregression {
    pub(super) fn of(half_life: f64, deviation: f64) -> Self {
        let keep = exp(-std::f64::consts::LN_2 / half_life);
        Self { keep, shock: deviation * (1.0 - keep * keep).sqrt() }
    }

    pub(super) fn step(self, state: f64, normal: f64) -> f64 {
        self.keep * state + self.shock * normal
    }
}

/// The factors of the correlations: of all of a day, and of what neither news nor gaps bring.
#[derive(Debug, Clone)]
pub struct Factors {
    pub all: Cholesky<LEGS>,
    diffusion: Cholesky<LEGS>,
}

impl Default for Factors {
    fn default() -> Self {
        let rest = |a: usize, b: usize| correlation(a, b) * (1.0 - GAP_DAYS * GAP * GAP) - news::covariance(a, b);
        Self { all: leg_factor(), diffusion: Cholesky::of(rest) }
    }
}

fn border(streams: Streams, factor: &Cholesky<LEGS>, year: i32) -> [f64; LEGS] {
    let z = factor.draw(&mut streams.market(Part::Year, i64::from(year)));
    std::array::from_fn(|leg| {
        let facts = &leg_facts()[leg];
        ln(facts.base_usd) + BORDER_SPREAD * facts.annual_volatility * z[leg]
    })
}

impl Year {
    /// The days of a year.
    #[must_use]
    pub fn of(streams: Streams, factors: &Factors, hours: Hours, year: i32) -> Self {
        let (market, own) = (MARKET_VOLATILITY.map(|(h, sd)| Autoregression::of(h, sd)), {
            let (half_life, deviation) = LEG_VOLATILITY;
            Autoregression::of(half_life, deviation)
        });
        let variance =
            MARKET_VOLATILITY.iter().map(|(_, sd)| sd * sd).sum::<f64>() + LEG_VOLATILITY.1 * LEG_VOLATILITY.1;
        let (mut of_market, mut of_leg) = ([0.0; 2], [0.0; LEGS]);
        let mut days = Vec::new();
        let mut steps: Vec<([f64; LEGS], [f64; LEGS])> = Vec::new();
        for day in hours.days_of_year(year - 1).into_iter().chain(hours.days_of_year(year)) {
            let mut stream = streams.market(Part::Day, day.start);
            let shocks: [f64; LEGS + 2] = normals(&mut stream);
            for (state, (process, &shock)) in of_market.iter_mut().zip(market.iter().zip(&shocks[LEGS..])) {
                *state = process.step(*state, shock);
            }
            for (state, &shock) in of_leg.iter_mut().zip(&shocks) {
                *state = own.step(*state, shock);
            }
            if chrono::Datelike::year(&day.date) != year {
                continue;
            }
            let (z, z_gap) = (factors.diffusion.draw(&mut stream), factors.all.draw(&mut stream));
            // The last term makes the mean of the variance's factor 1.
            let daily = std::array::from_fn(|leg| {
                let h = of_market[0] + of_market[1] + of_leg[leg] - variance;
                leg_facts()[leg].annual_volatility / DAYS_PER_YEAR.sqrt() * exp(h)
            });
            let gap = if day.opens_after_a_break { GAP } else { 0.0 };
            let diffusion = std::array::from_fn(|leg| daily[leg] * z[leg]);
            let gaps: [f64; LEGS] = std::array::from_fn(|leg| daily[leg] * gap * z_gap[leg]);
            let news = News::of_day(streams, &day);
            let mut jumps = [0.0; LEGS];
            for of_day in &news {
                for (jump, by) in jumps.iter_mut().zip(of_day.moves(&daily)) {
                    *jump += by;
                }
            }
            steps.push((gaps, jumps));
            days.push(YearDay { day, open: [0.0; LEGS], diffusion, daily, news });
        }
        let (first, last) = (border(streams, &factors.all, year), border(streams, &factors.all, year + 1));
        for leg in 0..LEGS {
            let variance: f64 = days.iter().map(|day| day.daily[leg] * day.daily[leg]).sum();
            let free: f64 = days.iter().zip(&steps).map(|(day, (g, j))| day.diffusion[leg] + g[leg] + j[leg]).sum();
            let correction = (last[leg] - first[leg] - free) / variance;
            let mut level = first[leg];
            for (day, (gap, jump)) in days.iter_mut().zip(&steps) {
                day.diffusion[leg] += correction * day.daily[leg] * day.daily[leg];
                day.open[leg] = level + gap[leg];
                level = day.open[leg] + day.diffusion[leg] + jump[leg];
            }
        }
        Self { year, days }
    }

    /// The day that ends on a date.
    #[must_use]
    pub fn day(&self, date: chrono::NaiveDate) -> Option<&YearDay> {
        self.days.iter().find(|day| day.day.date == date)
    }
}
