//! The random draws of a day's bars: four words each, sixteen bars at a time.
//!
//! A bar takes a word for its return, two for its extremes and one for its volume. Sixteen bars' words are turned into normal
//! draws and logarithms together, because independent arithmetic overlaps in the processor; a bar's words stay where they
//! are in the stream, and each number depends on its own word alone.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::math::ln_each;
use super::{bridge, normal};
use crate::base::seed::open_unit;

/// The number of bars whose words are drawn together, one in each lane of a vector.
pub(super) const LANES: usize = 16;
/// Words of a bar.
const WORDS: usize = 4;

/// The draws of one bar.
#[derive(Debug, Clone, Copy)]
pub(super) struct BarDraws {
    /// Standard normal, for the return.
    pub normal: f64,
    /// Twelve uniform bits, independent of the normal draw.
    pub free_bits: u64,
    /// Logarithms of the two uniforms that the extremes take.
    pub log_high: f64,
    pub log_low: f64,
    /// Standard normal, for the volume.
    pub noise: f64,
    /// Uniform in (0, 1), of twelve bits, independent of the noise.
    pub chance: f64,
}

/// The draws of [`LANES`] bars, in order.
#[derive(Debug, Clone)]
pub(super) struct LaneDraws {
    pub normal: [f64; LANES],
    pub free_bits: [u64; LANES],
    pub log_high: [f64; LANES],
    pub log_low: [f64; LANES],
    pub noise: [f64; LANES],
    pub chance: [f64; LANES],
}

/// The draws of a day, in order: one bar or [`LANES`] bars at a time.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    stream: ChaCha8Rng,
    next: usize,
    lanes: LaneDraws,
}

impl Draws {
    pub(super) fn of(stream: ChaCha8Rng) -> Self {
        let (numbers, free_bits) = ([0.0; LANES], [0; LANES]);
        let lanes = LaneDraws {
            normal: numbers,
            free_bits,
            log_high: numbers,
            log_low: numbers,
            noise: numbers,
            chance: numbers,
        };
        Self { stream, next: LANES, lanes }
    }

    /// The next bar's.
    #[inline]
    pub(super) fn next(&mut self) -> BarDraws {
        if self.next == LANES {
            self.draw();
            self.next = 0;
        }
        let (place, lanes) = (self.next, &self.lanes);
        self.next += 1;
        BarDraws {
            normal: lanes.normal[place],
            free_bits: lanes.free_bits[place],
            log_high: lanes.log_high[place],
            log_low: lanes.log_low[place],
            noise: lanes.noise[place],
            chance: lanes.chance[place],
        }
    }

    /// The draws of the next [`LANES`] bars.
    pub(super) fn next_lanes(&mut self) -> &LaneDraws {
        self.draw();
        &self.lanes
    }

    fn draw(&mut self) {
        let mut words = [[0_u64; LANES]; WORDS];
        for bar in 0..LANES {
            for of_bar in &mut words {
                of_bar[bar] = self.stream.next_u64();
            }
        }
        let [returns, highs, lows, volumes] = &words;
        let LaneDraws { normal, free_bits, log_high, log_low, noise, chance } = &mut self.lanes;
        let (mut for_returns, mut for_volumes) = ([0.0; LANES], [0.0; LANES]);
        // Loops over whole arrays, a kind of arithmetic each: the compiler turns them into vectors.
        for bar in 0..LANES {
            for_returns[bar] = open_unit(returns[bar]);
            for_volumes[bar] = open_unit(volumes[bar]);
            free_bits[bar] = returns[bar] & 0xfff;
            chance[bar] = ((volumes[bar] & 0xfff) as f64 + 0.5) * (1.0 / 4096.0);
        }
        for bar in 0..LANES {
            let (high, low) = (open_unit(highs[bar]), open_unit(lows[bar]));
            log_high[bar] = high;
            log_low[bar] = if bridge::is_coupled(lows[bar]) { 1.0 - high } else { low };
        }
        ln_each(log_high);
        ln_each(log_low);
        normal::quantiles(&for_returns, normal);
        normal::quantiles(&for_volumes, noise);
    }
}
