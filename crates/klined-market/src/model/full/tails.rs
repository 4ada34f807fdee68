//! Fat tails: a minute's draw is normal with one of two standard deviations.
//!
//! With probability p the draw is w·N(0, 1), else n·N(0, 1) with n = √((1 − p w²)/(1 − p)), so that the variance is 1: a scale
//! mixture of normals (the contaminated normal of J. W. Tukey, "A survey of sampling from contaminated distributions",
//! 1960). Given the scale the draw is normal, so compensator and bridge stay exact.

use super::parameters;
use crate::base::seed::open_unit;
use crate::model::normal;

/// The bits of a word that a uniform of 52 bits leaves unused.
const FREE_BITS: u64 = 1 << 12;

/// The two scales and how often the wide one comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tails {
    wide_below: u64,
    scales: [f64; 2],
}

/// A draw and what made it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TailDraw {
    /// The standard normal draw before it was scaled.
    pub normal: f64,
    /// Its scale; the draw is the product of both.
    pub scale: f64,
}

impl Tails {
    pub(super) fn new(parameters: &parameters::TailParameters) -> Self {
        if !parameters.enabled {
            return Self { wide_below: 0, scales: [1.0; 2] };
        }
        // The probability is a whole number of 4096ths; the narrow scale follows from that number.
        let wide_below = (parameters.probability * FREE_BITS as f64 + 0.5) as u64;
        let p = wide_below as f64 / FREE_BITS as f64;
        let narrow = ((1.0 - p * parameters.width * parameters.width) / (1.0 - p)).max(0.01).sqrt();
        Self { wide_below, scales: [narrow, parameters.width] }
    }

    /// The draw of one random word.
    #[inline]
    pub(super) fn draw(&self, word: u64) -> TailDraw {
        TailDraw { normal: normal::quantile(open_unit(word)), scale: self.scale(word & (FREE_BITS - 1)) }
    }

    /// The scale that twelve uniform bits choose.
    #[inline]
    pub(super) fn scale(&self, free_bits: u64) -> f64 {
        self.scales[usize::from(free_bits < self.wide_below)]
    }
}
