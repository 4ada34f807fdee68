//! Choices among weights by one uniform number: the first index whose running sum over the total is above it.
//!
//! The division is what defines the choice, but it is slow. `sum / total > u` and `sum > u * total` can differ only where the two
//! are within a few roundings of each other; there, and only there, the division decides.

/// Two products or quotients that differ by less than this part of the total count as equal at first.
pub const DOUBT: f64 = 1.0 / (1u64 << 50) as f64;

/// The first of `sums` whose quotient with `total` is above `unit`, or their number.
#[cold]
#[inline(never)]
pub fn by_division(sums: &[f64], total: f64, unit: f64) -> usize {
    sums.iter().position(|sum| sum / total > unit).unwrap_or(sums.len())
}

/// The same as [`by_division`], for sums that do not decrease.
#[inline(always)]
pub fn choose<const COUNT: usize>(sums: &[f64; COUNT], total: f64, unit: f64) -> usize {
    let (aim, doubt) = (unit * total, total * DOUBT);
    let (mut chosen, mut doubtful) = (0, false);
    for sum in sums {
        chosen += usize::from(*sum <= aim);
        doubtful |= (sum - aim).abs() <= doubt;
    }
    if doubtful { by_division(sums, total, unit) } else { chosen }
}

/// The level whose unit is chosen among `depths`, each unit with the same weight; `sum` is the sum of the depths and not 0. Behind the
/// last level depths are zero; where rounding leaves no level, it is the last of `levels`.
#[inline(always)]
pub fn choose_unit<const WIDTH: usize>(depths: &[u32; WIDTH], levels: usize, sum: u32, unit: f64) -> usize {
    let total = f64::from(sum);
    let aim = unit * total;
    let whole = aim as u32;
    let part = aim - f64::from(whole);
    if part.min(1.0 - part) <= total * DOUBT {
        return choose_unit_by_division(&depths[..levels], total, unit);
    }
    let (mut running, mut chosen) = (0u32, 0);
    for depth in depths {
        running += depth;
        chosen += usize::from(running <= whole);
    }
    chosen.min(levels - 1)
}

#[cold]
#[inline(never)]
fn choose_unit_by_division(depths: &[u32], total: f64, unit: f64) -> usize {
    let mut running = 0.0;
    let above = |depth: &u32| {
        running += f64::from(*depth);
        running / total > unit
    };
    depths.iter().position(above).unwrap_or(depths.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers near the borders of a choice, and on them.
    fn units_near(borders: impl Iterator<Item = f64>) -> Vec<f64> {
        let near = borders.flat_map(|border| {
            [-3i64, -2, -1, 0, 1, 2, 3].map(|ulps| f64::from_bits(border.to_bits().wrapping_add_signed(ulps)))
        });
        near.filter(|unit| (0.0..1.0).contains(unit)).chain([0.0, 0.5, 1.0 - f64::EPSILON / 2.0]).collect()
    }

    proptest! {
        #[test]
        fn the_fast_choice_is_that_of_the_division_even_on_the_borders(weights: [f64; 5], last in 1e-9f64..1e3) {
            let mut running = 0.0;
            let sums = weights.map(|weight| {
                running += (weight.abs() % 100.0).max(1e-9);
                running
            });
            prop_assume!(running.is_finite());
            let total = running + last;
            for unit in units_near(sums.iter().map(|sum| sum / total)) {
                prop_assert_eq!(choose(&sums, total, unit), by_division(&sums, total, unit));
            }
        }

        #[test]
        fn the_fast_unit_is_that_of_the_division_even_on_the_borders(depths in proptest::collection::vec(0u32..60, 1..=8)) {
            let sum: u32 = depths.iter().sum();
            prop_assume!(sum > 0);
            let mut wide = [0; 8];
            wide[..depths.len()].copy_from_slice(&depths);
            for unit in units_near((0..=sum).map(|n| f64::from(n) / f64::from(sum))) {
                let expected = choose_unit_by_division(&depths, f64::from(sum), unit);
                prop_assert_eq!(choose_unit(&wide, depths.len(), sum, unit), expected);
            }
        }
    }
}
