//! What one pair keeps for a day: the noise of its spread, its dry spells, the shape of its ladder.

use klined_market::model::math::exp;

use super::day::Day;
use super::levels::{Reason, SPARE_LEVELS};
use super::news::DrySpell;
use crate::base::currency::Region;
use crate::base::normal_draws::{normals, uniform};
use crate::base::{Currency, FxDay, Pair, Part, Streams};

/// What a pair keeps for a day.
#[derive(Debug, Clone)]
pub struct PairDay {
    pub pair: Pair,
    pub day_start: i64,
    dry_spells: Vec<DrySpell>,
    /// Noise of the spread's logarithm at ten-minute knots.
    spread_noise: [f64; 146],
    /// How far each level is behind the best, in gaps, bid then ask.
    pub(super) distance: [Vec<f64>; 2],
    /// Usual size of a level in size units, apart from the pair's own and the moment's.
    pub(super) size: Vec<f64>,
}

impl PairDay {
    /// A pair's day with so many levels on a side, at most [`LEVELS_MAX`](super::levels::LEVELS_MAX).
    #[must_use]
    pub fn of(streams: Streams, pair: Pair, day: &FxDay, levels: usize) -> Self {
        let mut stream = streams.pair(Part::Spread, pair, day.start);
        let spread_noise = normals(&mut stream).map(|z: f64| 0.15 * z);
        let lanes = lanes(levels);
        // Gaps widen with depth, so the ladder thins out; their places vary a little from day to day.
        let mut distance = [vec![0.0; lanes], vec![0.0; lanes]];
        for level in 1..lanes {
            for side in &mut distance {
                let gap = (1.0 + 0.4 * (level - 1) as f64) * (1.0 + 0.4 * uniform(&mut stream));
                side[level] = side[level - 1] + gap;
            }
        }
        let size = (0..lanes).map(|level| {
            let rise = 1.0 + 0.35 * level.min(2) as f64;
            rise * exp(-0.03 * level.saturating_sub(4) as f64) * 10.0 * pair.facts().best_size_m
        });
        Self {
            pair,
            day_start: day.start,
            dry_spells: DrySpell::of_day(streams, pair, day),
            spread_noise,
            distance,
            size: size.collect(),
        }
    }

    /// Why prices are unusual at a time in seconds since the day's start.
    #[must_use]
    pub fn reason(&self, day: &Day, at: f64) -> Reason {
        if day.of_year.news.iter().any(|news| news.concerns(self.pair) && news.is_reason(at)) {
            Reason::News
        } else if self.dry_spells.iter().any(|spell| spell.is_reason(at)) {
            Reason::Liquidity
        } else {
            Reason::Normal
        }
    }

    /// The logarithm of how much wider than usual the spread is, without and with what is rare.
    pub(super) fn log_strain(&self, day: &Day, at: f64) -> f64 {
        let facts = self.pair.facts();
        let is_asian = |currency: Currency| currency.facts().is_some_and(|facts| facts.region == Region::Asia);
        let kind = usize::from(is_asian(facts.base) || is_asian(facts.quote));
        let between = |nodes: &[f64], place: f64| {
            let node = place as usize;
            nodes[node] + (nodes[node + 1] - nodes[node]) * (place - node as f64)
        };
        let minute = (at / 60.0).min(1_439.999_999);
        let usual = between(&day.profile.log_spread[kind], minute)
            + 0.3 * between(&day.log_volatility, minute)
            + between(&self.spread_noise, minute / 10.0);
        let news = day.of_year.news.iter().filter(|news| news.concerns(self.pair)).map(|news| news.log_strain(at));
        let dry = self.dry_spells.iter().map(|spell| spell.log_strain_at(at));
        usual + news.chain(dry).fold(0.0, f64::max)
    }
}

/// Levels that are kept for a book of so many, a multiple of four.
pub(super) fn lanes(levels: usize) -> usize {
    (levels + SPARE_LEVELS).next_multiple_of(4)
}
