//! Standard normal draws by inversion.
//!
//! Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988), routine
//! PPND16, relative accuracy about 1 part in 10¹⁶. Inversion takes exactly one uniform a draw, so a bar's place in its
//! random stream is fixed, and needs only arithmetic, one logarithm and one square root: the same bits everywhere.

#![expect(clippy::excessive_precision, reason = "the coefficients stand as they are published")]

use super::math::ln;

const SPLIT_CENTRE: f64 = 0.425;
const CENTRE_CONSTANT: f64 = 0.180625;
const SPLIT_TAIL: f64 = 5.0;
const TAIL_CONSTANT: f64 = 1.6;
/// Tails that are computed together.
const TAILS_AT_ONCE: usize = 4;

const A: [f64; 8] = [
    3.387_132_872_796_366_608_0e0,
    1.331_416_678_917_843_774_5e2,
    1.971_590_950_306_551_442_7e3,
    1.373_169_376_550_946_112_5e4,
    4.592_195_393_154_987_145_7e4,
    6.726_577_092_700_870_085_3e4,
    3.343_057_558_358_812_810_5e4,
    2.509_080_928_730_122_672_7e3,
];
const B: [f64; 8] = [
    1.0,
    4.231_333_070_160_091_125_2e1,
    6.871_870_074_920_579_083_0e2,
    5.394_196_021_424_751_107_7e3,
    2.121_379_430_158_659_586_7e4,
    3.930_789_580_009_271_061_0e4,
    2.872_908_573_572_194_267_4e4,
    5.226_495_278_852_854_561_0e3,
];
const C: [f64; 8] = [
    1.423_437_110_749_683_577_34e0,
    4.630_337_846_156_545_295_90e0,
    5.769_497_221_460_691_405_50e0,
    3.647_848_324_763_204_605_04e0,
    1.270_458_252_452_368_382_58e0,
    2.417_807_251_774_506_117_70e-1,
    2.272_384_498_926_918_458_33e-2,
    7.745_450_142_783_414_076_40e-4,
];
const D: [f64; 8] = [
    1.0,
    2.053_191_626_637_758_821_87e0,
    1.676_384_830_183_803_849_40e0,
    6.897_673_349_851_000_045_50e-1,
    1.481_039_764_274_800_745_90e-1,
    1.519_866_656_361_645_719_66e-2,
    5.475_938_084_995_344_946_00e-4,
    1.050_750_071_644_416_843_24e-9,
];
const E: [f64; 8] = [
    6.657_904_643_501_103_777_20e0,
    5.463_784_911_164_114_369_90e0,
    1.784_826_539_917_291_335_80e0,
    2.965_605_718_285_048_912_30e-1,
    2.653_218_952_657_612_309_30e-2,
    1.242_660_947_388_078_438_60e-3,
    2.711_555_568_743_487_578_15e-5,
    2.010_334_399_292_288_132_65e-7,
];
const F: [f64; 8] = [
    1.0,
    5.998_322_065_558_879_376_90e-1,
    1.369_298_809_227_358_053_10e-1,
    1.487_536_129_085_061_485_25e-2,
    7.868_691_311_456_132_591_00e-4,
    1.846_318_317_510_054_681_80e-5,
    1.421_511_758_316_445_888_70e-7,
    2.044_263_103_389_939_785_64e-15,
];

/// The value below which a standard normal variable lies with probability `p`, 0 < p < 1.
#[must_use]
pub fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= SPLIT_CENTRE { centre(q) } else { tail(p) }
}

/// [`quantile`] of each: the centre for all of them at once, then the tails, brought together, for all of those.
pub fn quantiles<const N: usize>(p: &[f64; N], found: &mut [f64; N]) {
    for (found, &p) in found.iter_mut().zip(p) {
        *found = centre(p - 0.5);
    }
    let (mut places, mut count) = ([0; N], 0);
    for (place, &p) in p.iter().enumerate() {
        places[count] = place;
        count += usize::from((p - 0.5).abs() > SPLIT_CENTRE);
    }
    for places in places[..count].chunks(TAILS_AT_ONCE) {
        // What is left over is computed and not used.
        let mut of_tails = [0.01; TAILS_AT_ONCE];
        for (of_tail, &place) in of_tails.iter_mut().zip(places) {
            *of_tail = p[place];
        }
        let (mut reaches, mut near) = ([0.0; TAILS_AT_ONCE], [0.0; TAILS_AT_ONCE]);
        for tail in 0..TAILS_AT_ONCE {
            reaches[tail] = reach(of_tails[tail]);
        }
        for tail in 0..TAILS_AT_ONCE {
            near[tail] = near_tail(reaches[tail]);
        }
        for (tail, &place) in places.iter().enumerate() {
            let magnitude = if reaches[tail] > SPLIT_TAIL { far_tail(reaches[tail]) } else { near[tail] };
            found[place] = signed(of_tails[tail], magnitude);
        }
    }
}

#[inline]
fn centre(q: f64) -> f64 {
    q * ratio(&A, &B, CENTRE_CONSTANT - q * q)
}

fn tail(p: f64) -> f64 {
    let reach = reach(p);
    signed(p, if reach <= SPLIT_TAIL { near_tail(reach) } else { far_tail(reach) })
}

/// How far out a tail's `p` is.
#[inline]
fn reach(p: f64) -> f64 {
    (-ln(if p < 0.5 { p } else { 1.0 - p })).sqrt()
}

#[inline]
fn near_tail(reach: f64) -> f64 {
    ratio(&C, &D, reach - TAIL_CONSTANT)
}

fn far_tail(reach: f64) -> f64 {
    ratio(&E, &F, reach - SPLIT_TAIL)
}

#[inline]
fn signed(p: f64, magnitude: f64) -> f64 {
    if p < 0.5 { -magnitude } else { magnitude }
}

/// Quotient of two polynomials of degree 7, coefficients in ascending order.
#[inline]
fn ratio(numerator: &[f64; 8], denominator: &[f64; 8], x: f64) -> f64 {
    // Estrin's scheme: pairs, then pairs of pairs.
    let (x2, x4) = (x * x, (x * x) * (x * x));
    let value =
        |c: &[f64; 8]| ((c[0] + c[1] * x) + (c[2] + c[3] * x) * x2) + ((c[4] + c[5] * x) + (c[6] + c[7] * x) * x2) * x4;
    value(numerator) / value(denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_published_percentage_points() {
        // The check values that AS 241 gives for PPND16, and common percentage points.
        for (p, z) in [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
            (0.975, 1.959_963_984_540_054),
            (0.5, 0.0),
        ] {
            assert!((quantile(p) - z).abs() <= 1e-14 * z.abs(), "{p}: {}", quantile(p));
        }
    }

    #[test]
    fn is_odd_and_monotone() {
        let points: Vec<f64> = (1..20_000).map(|i| f64::from(i) / 20_000.0).collect();
        assert!(points.windows(2).all(|pair| quantile(pair[0]) < quantile(pair[1])));
        assert!(points.iter().all(|&p| (quantile(p) + quantile(1.0 - p)).abs() < 1e-12));
    }
}
