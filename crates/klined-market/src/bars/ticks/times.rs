//! When trades come: in clusters.
//!
//! A Bartlett–Lewis process (P. A. W. Lewis, "A branching Poisson process model for the analysis of computer failure
//! patterns", J. Royal Statistical Society B 26 (1964)): clusters begin at uniform times, and each of their trades is
//! followed by another one with probability 0.7 after an exponential delay. It is the self-exciting process of A. G.
//! Hawkes (Biometrika 58 (1971)) with at most one offspring a trade, costs one draw a trade, and needs no simulation from the past.
//! Here it is taken with a given number of trades, and on a circle of one minute, so no part of the minute is busier
//! than another. Delays are 0.15 of the minute's mean gap: clusters are as marked in busy minutes as in quiet ones.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use super::NANOS_PER_MINUTE;
use crate::base::seed::open_unit;
use crate::model::math::ln;

/// The probability, in 4096ths, that a trade is followed by another one of its cluster.
const OFFSPRING_OF_4096: u64 = 2867;
/// The mean delay within a cluster, in mean gaps.
const DELAY_IN_GAPS: f64 = 0.15;
/// The least time between two trades, in nanoseconds: a quote's time fits in between.
const GAP_MIN: u64 = 2;

/// The times of `count` trades in nanoseconds from the minute's start: strictly increasing, at least [`GAP_MIN`] apart,
/// above 0 and inside the minute. `count` must be far below the nanoseconds of a minute.
pub(super) fn draw(stream: &mut ChaCha8Rng, count: usize) -> Vec<u64> {
    let minute = NANOS_PER_MINUTE as f64;
    let delay = minute * DELAY_IN_GAPS / count as f64;
    let words: Vec<u64> = (0..count).map(|_| stream.next_u64()).collect();
    // The logarithms of all words in one plain loop, which the compiler turns into vectors; those of cluster heads are not used.
    let delays: Vec<f64> = words.iter().map(|&word| -delay * ln(open_unit(word))).collect();
    let mut before = 0;
    let mut times: Vec<u64> = Vec::with_capacity(count);
    for (place, (&word, &delay)) in words.iter().zip(&delays).enumerate() {
        let is_offspring = place > 0 && word & 0xfff < OFFSPRING_OF_4096;
        let time = if is_offspring { before + delay as u64 } else { (open_unit(word) * minute) as u64 };
        before = if time >= NANOS_PER_MINUTE { time % NANOS_PER_MINUTE } else { time };
        times.push(before);
    }
    times.sort_unstable();
    part(&mut times);
    times
}

/// Moves sorted times apart, by as little as it takes.
fn part(times: &mut [u64]) {
    let mut earliest = 1;
    for time in &mut *times {
        *time = (*time).max(earliest);
        earliest = *time + GAP_MIN;
    }
    let mut latest = NANOS_PER_MINUTE - 1;
    for time in times.iter_mut().rev() {
        if *time <= latest {
            break;
        }
        *time = latest;
        latest -= GAP_MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_coincide_are_parted_and_stay_inside_the_minute() {
        let last = NANOS_PER_MINUTE - 1;
        for mut times in [vec![0; 5], vec![last; 5], vec![0, 0, 7, 8, last - 1, last, last], vec![last]] {
            part(&mut times);
            assert!(times.windows(2).all(|pair| pair[0] + GAP_MIN <= pair[1]), "{times:?}");
            assert!(times[0] > 0 && times[times.len() - 1] <= last, "{times:?}");
        }
    }
}
