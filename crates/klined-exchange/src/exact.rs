//! Logarithm and exponential, correctly rounded with operations that IEEE 754 defines, so that every platform gives the same
//! bits.
//!
//! [`Logarithm`] is a table of 128 intervals with a polynomial whose error is known: where the result's rounding is not certain
//! (about one argument in some thousands), sums of two doubles ("double-double", some 100 bits) decide. The tests compare both with
//! CORE-MATH, which is proven to round correctly.

use std::sync::OnceLock;

/// An unevaluated sum of two doubles, the second at most half a unit in the last place of the first.
#[derive(Debug, Clone, Copy)]
struct Twofold {
    high: f64,
    low: f64,
}

/// ln 2 as a sum of two doubles.
const LN_2: Twofold = Twofold { high: std::f64::consts::LN_2, low: 2.319_046_813_846_299_6e-17 };
/// Table values and ln 2 are cut after this many binary places, so that their sums are exact.
const PLACES: f64 = (1u64 << 42) as f64;
const INTERVALS: usize = 128;
const INTERVAL_BITS: u32 = 7;
/// The bits of the least mantissa that counts as below one: mantissas lie in [0.6875, 1.375).
const LEAST_MANTISSA_BITS: u64 = 0x3fe6_0000_0000_0000;
const EXPONENT_BITS: u64 = 0xfff << 52;
/// The double 2^52, whose low bits count ones, and what is added to exponents in it to make them positive.
const COUNTING_BITS: u64 = 0x4330_0000_0000_0000;
const EXPONENT_BIAS: u64 = 0x800;
/// Terms of [`Twofold::log_of_one_plus`].
const TERMS: usize = 36;
/// Logarithms reckoned together.
const LANES: usize = 64;
/// Clears the low 27 bits of a mantissa: what remains times a number of 11 bits is exact.
const HIGH_HALF: u64 = !0x7ff_ffff;

impl Twofold {
    /// `a + b` without error, whichever is larger (Knuth).
    #[inline(always)]
    fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let part = high - a;
        Self { high, low: (a - (high - part)) + (b - part) }
    }

    /// `a * b` without error (Dekker).
    fn product(a: f64, b: f64) -> Self {
        let split = |x: f64| {
            let big = 134_217_729.0 * x;
            let high = big - (big - x);
            (high, x - high)
        };
        let high = a * b;
        let ((ah, al), (bh, bl)) = (split(a), split(b));
        Self { high, low: ((ah * bh - high) + ah * bl + al * bh) + al * bl }
    }

    fn plus(self, other: Self) -> Self {
        let high = Self::sum(self.high, other.high);
        let low = Self::sum(self.low, other.low);
        let sum = Self::sum(high.high, high.low + low.high);
        Self::sum(sum.high, sum.low + low.low)
    }

    fn times(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        Self::sum(product.high, product.low + (self.high * other.low + self.low * other.high))
    }

    fn over(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self.plus(other.times(Self::from(-first)));
        let second = rest.high / other.high;
        let rest = rest.plus(other.times(Self::from(-second)));
        Self::sum(first, second).plus(Self::from(rest.high / other.high))
    }

    /// One over each odd number.
    fn odd_inverses() -> [Self; TERMS] {
        std::array::from_fn(|n| Self::from(1.0).over(Self::from((2 * n + 1) as f64)))
    }

    /// ln(1 + r) for |r| < 0.5, by 2 artanh(r / (2 + r)).
    fn log_of_one_plus(self, odd_inverses: &[Self; TERMS]) -> Self {
        let ratio = self.over(self.plus(Self::from(2.0)));
        let square = ratio.times(ratio);
        let mut sum = Self::from(0.0);
        for inverse in odd_inverses.iter().rev() {
            sum = sum.times(square).plus(*inverse);
        }
        let half = sum.times(ratio);
        half.plus(half)
    }
}

impl From<f64> for Twofold {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

/// e^x, correctly rounded; zero and infinity beyond what a double holds. Slow: for tables of rates.
#[must_use]
pub fn exp(x: f64) -> f64 {
    if !(-700.0..=709.0).contains(&x) {
        return if x.is_nan() {
            x
        } else if x > 0.0 {
            f64::INFINITY
        } else {
            0.0
        };
    }
    let halvings = (x / LN_2.high).round();
    let rest = Twofold::from(x).plus(LN_2.times(Twofold::from(-halvings)));
    let mut sum = Twofold::from(1.0);
    for n in (1..28).rev() {
        sum = Twofold::from(1.0).plus(sum.times(rest).over(Twofold::from(f64::from(n))));
    }
    (sum.high + sum.low) * 2f64.powi(halvings as i32)
}

/// The natural logarithm of positive normal numbers below 2.
#[derive(Debug)]
pub struct Logarithm {
    rows: [Row; INTERVALS],
    /// ln 2 cut after 42 binary places, and what is left of it.
    ln_2_cut: f64,
    ln_2_rest: Twofold,
    odd_inverses: [Twofold; TERMS],
}

/// A number as 2^exponent * mantissa, with the interval that the mantissa lies in.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    interval: usize,
    exponent: f64,
    mantissa: f64,
}

/// One interval of mantissas.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// About one over the interval's middle, in 9 bits.
    inverse: f64,
    /// -ln(inverse), cut after 42 binary places.
    log_cut: f64,
    /// What is left of it.
    log_rest: Twofold,
}

fn cut(value: Twofold) -> (f64, Twofold) {
    let cut = (value.high * PLACES).trunc() / PLACES;
    (cut, Twofold::sum(value.high - cut, value.low))
}

impl Logarithm {
    /// The one table, made at the first call.
    pub fn table() -> &'static Self {
        static TABLE: OnceLock<Logarithm> = OnceLock::new();
        TABLE.get_or_init(Self::new)
    }

    fn new() -> Self {
        let (ln_2_cut, ln_2_rest) = cut(LN_2);
        let odd_inverses = Twofold::odd_inverses();
        let rows = std::array::from_fn(|nth| {
            let start = f64::from_bits(LEAST_MANTISSA_BITS + ((nth as u64) << (52 - INTERVAL_BITS)));
            let end = f64::from_bits(LEAST_MANTISSA_BITS + ((nth as u64 + 1) << (52 - INTERVAL_BITS)));
            // One must be the inverse beside one, where the logarithm is small and must not be a difference of large numbers.
            let beside_one = start == 1.0 || end == 1.0;
            let inverse = if beside_one { 1.0 } else { (512.0 / ((start + end) / 2.0)).round() / 512.0 };
            let log = Twofold::from(inverse - 1.0).log_of_one_plus(&odd_inverses);
            let (log_cut, log_rest) = cut(Twofold { high: -log.high, low: -log.low });
            Row { inverse, log_cut, log_rest }
        });
        Self { rows, ln_2_cut, ln_2_rest, odd_inverses }
    }

    /// ln(x) for a normal `x` in (0, 2).
    #[inline(always)]
    #[must_use]
    pub fn ln(&self, x: f64) -> f64 {
        let parts = Parts::of(x);
        let (most, least) = self.bounds(parts, &self.rows[parts.interval]);
        if most == least { most } else { self.ln_slow(x) }
    }

    /// Replaces each number by its logarithm: the same as [`Self::ln`], in passes that vectors can do.
    #[inline(always)]
    pub fn ln_of_all(&self, numbers: &mut [f64]) {
        let (mut parts, mut rows) = ([Parts::default(); LANES], [self.rows[0]; LANES]);
        for lanes in numbers.chunks_mut(LANES) {
            for (part, x) in parts.iter_mut().zip(&*lanes) {
                *part = Parts::of(*x);
            }
            for (row, part) in rows.iter_mut().zip(&parts) {
                *row = self.rows[part.interval];
            }
            let mut is_certain = true;
            let mut logs = [0.0; LANES];
            for ((log, part), row) in logs.iter_mut().zip(&parts).zip(&rows) {
                let (most, least) = self.bounds(*part, row);
                is_certain &= most == least;
                *log = most;
            }
            for (x, log) in lanes.iter_mut().zip(logs) {
                *x = if is_certain { log } else { self.ln(*x) };
            }
        }
    }

    /// The logarithm plus and less the error that it may have; where both are one number, it is rounded correctly.
    #[inline(always)]
    fn bounds(&self, Parts { exponent, mantissa, .. }: Parts, row: &Row) -> (f64, f64) {
        // mantissa * inverse - 1 = r + r_rest, exactly.
        let high = f64::from_bits(mantissa.to_bits() & HIGH_HALF);
        let low = mantissa - high;
        let r_high = high * row.inverse - 1.0;
        let r_low = low * row.inverse;
        let r = r_high + r_low;
        let r_rest = r_low - (r - r_high);

        let whole = exponent * self.ln_2_cut + row.log_cut;
        let sum = whole + r;
        let sum_rest = (whole - sum) + r;
        let r2 = r * r;
        let odd = 1.0 / 3.0 + r2 * (1.0 / 5.0 + r2 * (1.0 / 7.0));
        let even = 0.25 + r2 * (1.0 / 6.0 + r2 * 0.125);
        let curved = r2 * (r * odd - r2 * even - 0.5);
        let rest = sum_rest + (exponent * self.ln_2_rest.high + row.log_rest.high + r_rest + curved);
        let doubt = curved.abs() * (1.0 / (1u64 << 50) as f64) + sum.abs() * (1.0 / (1u64 << 62) as f64 / 8.0);
        (sum + (rest + doubt), sum + (rest - doubt))
    }

    #[cold]
    #[inline(never)]
    fn ln_slow(&self, x: f64) -> f64 {
        let Parts { interval, exponent, mantissa } = Parts::of(x);
        let row = &self.rows[interval];
        let r = Twofold::product(mantissa, row.inverse).plus(Twofold::from(-1.0));
        let whole = Twofold::from(exponent * self.ln_2_cut + row.log_cut);
        let rests = self.ln_2_rest.times(Twofold::from(exponent)).plus(row.log_rest);
        let sum = whole.plus(rests.plus(r.log_of_one_plus(&self.odd_inverses)));
        sum.high + sum.low
    }
}

impl Parts {
    #[inline(always)]
    fn of(x: f64) -> Self {
        let bits = x.to_bits();
        let above = bits.wrapping_sub(LEAST_MANTISSA_BITS);
        // In these steps because processors convert no 64-bit integers in vectors.
        let counted = COUNTING_BITS | ((above >> 52) ^ EXPONENT_BIAS);
        Self {
            interval: (above >> (52 - INTERVAL_BITS)) as usize % INTERVALS,
            exponent: f64::from_bits(counted) - f64::from_bits(COUNTING_BITS | EXPONENT_BIAS),
            mantissa: f64::from_bits(bits.wrapping_sub(above & EXPONENT_BITS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_mt::Mt64;

    #[test]
    fn logarithms_equal_those_of_a_library_proven_to_round_correctly() {
        let (table, mut random) = (Logarithm::table(), Mt64::new(7));
        let mut arguments = vec![1e-10, 1.0 - f64::EPSILON / 2.0, 1.0, 0.5, 0.75, 1.0 - 2f64.powi(-30), 1.375, 1.9];
        for _ in 0..3_000_000 {
            let uniform = random.next_u64() as f64 / 2f64.powi(64);
            arguments.push(uniform.max(1e-10));
        }
        arguments.extend((1..200_000).map(|n| 1.0 - f64::from(n) * 2f64.powi(-28)));
        arguments.extend((1..200_000).map(|n| 2f64.powi(-20) * (1.0 + f64::from(n) * 2f64.powi(-19))));
        let mut together = arguments.clone();
        table.ln_of_all(&mut together);
        for (x, log) in arguments.into_iter().zip(together) {
            let expected = core_math::log(x).to_bits();
            assert_eq!((table.ln(x).to_bits(), log.to_bits()), (expected, expected), "ln({x:e})");
        }
    }

    #[test]
    fn the_slow_logarithm_alone_is_correct_too() {
        let (table, mut random) = (Logarithm::table(), Mt64::new(8));
        for _ in 0..20_000 {
            let x = ((random.next_u64() >> 11) as f64 / 2f64.powi(53)).max(1e-10);
            let slow = table.ln_slow(x);
            assert_eq!(slow.to_bits(), core_math::log(x).to_bits(), "ln({x:e})");
        }
    }

    #[test]
    fn exponentials_equal_those_of_a_library_proven_to_round_correctly() {
        let mut random = Mt64::new(9);
        let drawn = (0..30_000).map(|_| (random.next_u64() as f64 / 2f64.powi(64) - 0.5) * 100.0);
        for x in drawn.chain((-64..64).map(|n| f64::from(n) * 0.4)).chain((0..64).map(|n| f64::from(n) * -0.5)) {
            assert_eq!(exp(x).to_bits(), core_math::exp(x).to_bits(), "exp({x:e})");
        }
        assert_eq!((exp(1e9), exp(-1e9), exp(0.0)), (f64::INFINITY, 0.0, 1.0));
    }
}
