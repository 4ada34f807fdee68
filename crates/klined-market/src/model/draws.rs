//! What the bars of a day draw: four words each, sixteen bars at a time.
//!
//! A bar takes a word for its return, two for its extremes and one for its volume. Sixteen bars' words are turned into normal
//! draws and logarithms together, because independent arithmetic overlaps in the processor; a bar's words stay where they
//! are in the stream, and each number depends on its own word alone.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::math::ln_each;
use super::{bridge, normal};
use crate::base::seed::open_unit;

/// Bars whose words are drawn together; divides a day.
pub(super) const BATCH: usize = 16;
/// Words of a bar.
const WORDS: usize = 4;

/// What one bar draws.
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
}

/// What a batch of bars draws, in order.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub normal: [f64; BATCH],
    pub free_bits: [u64; BATCH],
    pub log_high: [f64; BATCH],
    pub log_low: [f64; BATCH],
    pub noise: [f64; BATCH],
}

/// The draws of a day, in order: bar by bar or batch by batch.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    stream: ChaCha8Rng,
    next: usize,
    batch: Batch,
}

impl Draws {
    pub(super) fn of(stream: ChaCha8Rng) -> Self {
        let (numbers, free_bits) = ([0.0; BATCH], [0; BATCH]);
        let batch = Batch { normal: numbers, free_bits, log_high: numbers, log_low: numbers, noise: numbers };
        Self { stream, next: BATCH, batch }
    }

    /// The next bar's.
    #[inline]
    pub(super) fn next(&mut self) -> BarDraws {
        if self.next == BATCH {
            self.draw();
            self.next = 0;
        }
        let (place, batch) = (self.next, &self.batch);
        self.next += 1;
        BarDraws {
            normal: batch.normal[place],
            free_bits: batch.free_bits[place],
            log_high: batch.log_high[place],
            log_low: batch.log_low[place],
            noise: batch.noise[place],
        }
    }

    /// The next whole batch.
    pub(super) fn batch(&mut self) -> &Batch {
        self.draw();
        &self.batch
    }

    fn draw(&mut self) {
        let mut words = [[0_u64; BATCH]; WORDS];
        for bar in 0..BATCH {
            for of_bar in &mut words {
                of_bar[bar] = self.stream.next_u64();
            }
        }
        let [returns, highs, lows, volumes] = &words;
        let Batch { normal, free_bits, log_high, log_low, noise } = &mut self.batch;
        let (mut for_returns, mut for_volumes) = ([0.0; BATCH], [0.0; BATCH]);
        // Loops over whole arrays, a kind of arithmetic each: the compiler turns them into vectors.
        for bar in 0..BATCH {
            for_returns[bar] = open_unit(returns[bar]);
            for_volumes[bar] = open_unit(volumes[bar]);
            free_bits[bar] = returns[bar] & 0xfff;
        }
        for bar in 0..BATCH {
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
