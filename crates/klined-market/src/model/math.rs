//! Exponential and logarithm from additions, multiplications and one division: the same bits on every platform, and fast
//! because they are inlined and have no rare branches.
//!
//! exp: x = k ln 2 + r with |r| ≤ ½ ln 2, the ln 2 in two parts (Cody & Waite, "Software Manual for the Elementary
//! Functions", 1980), the Taylor polynomial of degree 12, and k added to the exponent. ln: x = 2^k m with √½ ≤ m < √2,
//! ln m = 2 artanh((m−1)/(m+1)) by its series to the 19th power. Both are within 5·10⁻¹⁶ of the true value, relative to
//! it or, for logarithms near 0, absolutely; the tests compare with `libm` over the whole range.

#![expect(clippy::excessive_precision, reason = "the two parts of ln 2 stand as they are published")]

const LOG2_E: f64 = std::f64::consts::LOG2_E;
const LN_2_HIGH: f64 = 6.931_471_803_691_238_164_90e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_700_02e-10;
/// 1.5 · 2⁵²: adding it leaves the nearest whole number in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// Arguments beyond ±700 give the value at ±700.
const REACH: f64 = 700.0;

/// e to the power of `x`, for |x| ≤ 700.
#[inline]
#[must_use]
pub fn exp(x: f64) -> f64 {
    let x = x.clamp(-REACH, REACH);
    let shifted = x * LOG2_E + ROUNDER;
    let k = shifted - ROUNDER;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // Estrin's scheme: short chains that the processor can overlap.
    let r2 = r * r;
    let r4 = r2 * r2;
    let low = (1.0 + r) + r2 * (0.5 + r * (1.0 / 6.0));
    let middle = (1.0 / 24.0 + r * (1.0 / 120.0)) + r2 * (1.0 / 720.0 + r * (1.0 / 5040.0));
    let high = (1.0 / 40_320.0 + r * (1.0 / 362_880.0))
        + r2 * (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0))
        + r4 * (1.0 / 479_001_600.0);
    let power = low + r4 * (middle + r4 * high);
    let exponent = (shifted.to_bits() << 52).wrapping_add(1023 << 52);
    power * f64::from_bits(exponent)
}

/// Turns each into e to the power of it; the compiler takes several at once.
#[inline]
pub(super) fn exp_each<const N: usize>(x: &mut [f64; N]) {
    for x in x {
        *x = exp(*x);
    }
}

/// Turns each into its natural logarithm.
#[inline]
pub(super) fn ln_each<const N: usize>(x: &mut [f64; N]) {
    for x in x {
        *x = ln(*x);
    }
}

/// The natural logarithm of a positive normal number.
#[inline]
#[must_use]
pub fn ln(x: f64) -> f64 {
    // The bits of √½: subtracting them turns the exponent field over at √½ instead of 1.
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const EXPONENT: u64 = 0xfff0_0000_0000_0000;
    // 2⁵² with a whole number in its low bits is that number more: a conversion that every processor does on vectors.
    const TWO_52: u64 = 0x4330_0000_0000_0000;
    const TWO_52_AND_BIAS: f64 = 4_503_599_627_370_496.0 + 1023.0;
    let bits = x.to_bits();
    let offset = bits.wrapping_sub(SQRT_HALF);
    let k = f64::from_bits(TWO_52 | (offset.wrapping_add(1023 << 52) >> 52)) - TWO_52_AND_BIAS;
    let m = f64::from_bits(bits.wrapping_sub(offset & EXPONENT));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let z2 = z * z;
    let z4 = z2 * z2;
    let low = (1.0 / 3.0 + z * (1.0 / 5.0)) + z2 * (1.0 / 7.0 + z * (1.0 / 9.0));
    let high = (1.0 / 11.0 + z * (1.0 / 13.0)) + z2 * (1.0 / 15.0 + z * (1.0 / 17.0)) + z4 * (1.0 / 19.0);
    let series = z * (low + z4 * high);
    (k * LN_2_LOW + 2.0 * s * series) + 2.0 * s + k * LN_2_HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_that_of_libm() {
        for step in -700_000..=700_000 {
            let x = f64::from(step) * 1e-3 + 1e-7;
            let (found, expected) = (exp(x.clamp(-700.0, 700.0)), libm::exp(x.clamp(-700.0, 700.0)));
            assert!((found / expected - 1.0).abs() <= 5e-16, "{x}: {found} {expected}");
        }
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn ln_is_that_of_libm() {
        for step in 1..1_000_000 {
            for x in
                [f64::from(step) * 1e-6, f64::from(step) * 1.7e3, 1.0 / f64::from(step), exp(f64::from(step) * 6e-4)]
            {
                let (found, expected) = (ln(x), libm::log(x));
                assert!((found - expected).abs() <= 5e-16 * expected.abs().max(1.0), "{x}: {found} {expected}");
            }
        }
        assert_eq!(ln(1.0), 0.0);
    }
}
