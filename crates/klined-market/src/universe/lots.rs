//! Whole numbers by lot: below a bound, in a shuffled order, shared out in proportion.

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// A uniform whole number below a bound above 0.
pub(super) fn below(stream: &mut ChaCha8Rng, bound: u32) -> u32 {
    // The high word of the product; its bias is below bound/2⁶⁴.
    ((u128::from(stream.next_u64()) * u128::from(bound)) >> 64) as u32
}

/// Fisher and Yates's shuffle.
pub(super) fn shuffle<T>(items: &mut [T], stream: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(stream, last as u32 + 1) as usize);
    }
}

/// A total shared out in proportion to weights by largest remainders; of equal remainders the earlier wins.
pub(super) fn shares(weights: &[u32], total: u32) -> Vec<u32> {
    let sum: u64 = weights.iter().copied().map(u64::from).sum();
    let exact = |weight: u32| u64::from(weight) * u64::from(total);
    let mut shares: Vec<u32> = weights.iter().map(|&weight| (exact(weight) / sum) as u32).collect();
    let mut places: Vec<usize> = (0..weights.len()).collect();
    places.sort_by_key(|&place| std::cmp::Reverse(exact(weights[place]) % sum));
    let left = total - shares.iter().sum::<u32>();
    for &place in places.iter().take(left as usize) {
        shares[place] += 1;
    }
    shares
}
