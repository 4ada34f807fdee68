//! What the bars of a day draw: four words each, sixteen bars at a time.
//!
//! A bar takes a word for its return, two for its extremes and one for its volume. Sixteen bars' words are turned into normal
//! draws and logarithms together, because independent arithmetic overlaps in the processor; a bar's words stay where they
//! are in the stream, and each number depends on its own word alone.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::math::ln;
use super::{bridge, normal};
use crate::base::seed::open_unit;

/// Bars whose words are drawn together; divides a day.
const BATCH: usize = 16;
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

/// The draws of a day, in order.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    stream: ChaCha8Rng,
    next: usize,
    normal: [f64; BATCH],
    free_bits: [u64; BATCH],
    log_high: [f64; BATCH],
    log_low: [f64; BATCH],
    noise: [f64; BATCH],
}

impl Draws {
    pub(super) fn of(stream: ChaCha8Rng) -> Self {
        let (numbers, bits) = ([0.0; BATCH], [0; BATCH]);
        let (normal, log_high, log_low, noise) = (numbers, numbers, numbers, numbers);
        Self { stream, next: BATCH, normal, free_bits: bits, log_high, log_low, noise }
    }

    /// The next bar's.
    #[inline]
    pub(super) fn next(&mut self) -> BarDraws {
        if self.next == BATCH {
            self.draw();
        }
        let place = self.next;
        self.next += 1;
        BarDraws {
            normal: self.normal[place],
            free_bits: self.free_bits[place],
            log_high: self.log_high[place],
            log_low: self.log_low[place],
            noise: self.noise[place],
        }
    }

    fn draw(&mut self) {
        let mut words = [[0_u64; BATCH]; WORDS];
        for bar in 0..BATCH {
            for of_bar in &mut words {
                of_bar[bar] = self.stream.next_u64();
            }
        }
        let [returns, highs, lows, volumes] = words;
        let for_high = highs.map(open_unit);
        let mut for_low = lows.map(open_unit);
        for bar in 0..BATCH {
            for_low[bar] = if bridge::is_coupled(lows[bar]) { 1.0 - for_high[bar] } else { for_low[bar] };
        }
        self.normal = normal::quantiles(&returns.map(open_unit));
        self.noise = normal::quantiles(&volumes.map(open_unit));
        self.free_bits = returns.map(|word| word & 0xfff);
        self.log_high = for_high.map(ln);
        self.log_low = for_low.map(ln);
        self.next = 0;
    }
}
