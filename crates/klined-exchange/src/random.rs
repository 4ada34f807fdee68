//! Uniform numbers of a session: MT19937-64 (Nishimura and Matsumoto), made a block at a time so that vectors can do it.

use pulp::{Arch, NullaryFnOnce};

/// Half of the generator's state, and the distance of the recurrence.
const HALF: usize = 156;
const BLOCK: usize = 2 * HALF;
/// Blocks made at a time.
const BLOCKS: usize = 4;
/// One step takes at most this many numbers.
pub const DRAWS_MAX: usize = 4;
const BUFFER: usize = BLOCKS * BLOCK + DRAWS_MAX;
/// The largest double below one.
const BELOW_ONE: f64 = 1.0 - f64::EPSILON / 2.0;

#[derive(Debug, Clone)]
struct Twister {
    low: [u64; HALF],
    high: [u64; HALF],
}

#[inline(always)]
fn twist(this: u64, next: u64, other: u64) -> u64 {
    let mixed = (this & 0xffff_ffff_8000_0000) | (next & 0x7fff_ffff);
    other ^ (mixed >> 1) ^ ((mixed & 1).wrapping_neg() & 0xb502_6f5a_a966_19e9)
}

#[inline(always)]
fn tempered(word: u64) -> u64 {
    let mut x = word;
    x ^= (x >> 29) & 0x5555_5555_5555_5555;
    x ^= (x << 17) & 0x71d6_7fff_eda6_0000;
    x ^= (x << 37) & 0xfff7_eee0_0000_0000;
    x ^ (x >> 43)
}

/// The uniform number of a word: the word divided by 2^64 and rounded to nearest; what rounds to one becomes the largest double below it.
#[inline(always)]
pub(crate) fn uniform(word: u64) -> f64 {
    let number = word as f64 * (1.0 / 18_446_744_073_709_551_616.0);
    if number < 1.0 { number } else { BELOW_ONE }
}

/// The last word whose uniform number is below `border`, or nothing where the border is zero or less.
pub(crate) fn last_word_below(border: f64) -> Option<u64> {
    if uniform(0) >= border {
        return None;
    }
    // Numbers do not decrease with their words, so the first bits of the word are found one after the other.
    let with_bit = |word: u64, bit: u32| Some(word | 1 << bit).filter(|longer| uniform(*longer) < border);
    Some((0..u64::BITS).rev().fold(0, |word, bit| with_bit(word, bit).unwrap_or(word)))
}

impl Twister {
    fn new(seed: u64) -> Self {
        let mut state = [seed; BLOCK];
        for i in 1..BLOCK {
            let last = state[i - 1];
            state[i] = 6_364_136_223_846_793_005u64.wrapping_mul(last ^ (last >> 62)).wrapping_add(i as u64);
        }
        let (mut low, mut high) = ([0; HALF], [0; HALF]);
        low.copy_from_slice(&state[..HALF]);
        high.copy_from_slice(&state[HALF..]);
        Self { low, high }
    }

    #[inline(always)]
    fn block(&mut self, words: &mut [u64; BLOCK]) {
        let Self { low, high } = self;
        for i in 0..HALF - 1 {
            low[i] = twist(low[i], low[i + 1], high[i]);
        }
        low[HALF - 1] = twist(low[HALF - 1], high[0], high[HALF - 1]);
        for i in 0..HALF - 1 {
            high[i] = twist(high[i], high[i + 1], low[i]);
        }
        high[HALF - 1] = twist(high[HALF - 1], low[0], low[HALF - 1]);
        for i in 0..HALF {
            words[i] = tempered(low[i]);
            words[HALF + i] = tempered(high[i]);
        }
    }
}

/// A stream of words of 64 random bits, and of the uniform numbers in [0, 1) that they stand for.
#[derive(Debug, Clone)]
pub struct Draws {
    twister: Twister,
    words: [u64; BUFFER],
    next: usize,
    arch: Arch,
}

impl Draws {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::on(Arch::new(), seed)
    }

    /// A stream that is made with the instructions of `arch`.
    pub(crate) fn on(arch: Arch, seed: u64) -> Self {
        Self { twister: Twister::new(seed), words: [0; BUFFER], next: BUFFER, arch }
    }

    /// A stream that starts with these words.
    #[cfg(test)]
    pub(crate) fn starting_with(words: [u64; DRAWS_MAX]) -> Self {
        let mut draws = Self::new(0);
        draws.next = 0;
        draws.words[..DRAWS_MAX].copy_from_slice(&words);
        draws
    }

    /// How many of the words that it started with are taken.
    #[cfg(test)]
    pub(crate) const fn taken(&self) -> usize {
        self.next
    }

    /// The next [`DRAWS_MAX`] numbers, none of which counts as taken.
    #[inline(always)]
    pub fn ahead(&mut self) -> [f64; DRAWS_MAX] {
        self.words_ahead().map(uniform)
    }

    /// The words of [`Self::ahead`]: `uniform` gives the number of each.
    #[inline(always)]
    pub(crate) fn words_ahead(&mut self) -> [u64; DRAWS_MAX] {
        if self.next > BUFFER - DRAWS_MAX {
            self.refill();
        }
        let ahead = &self.words[self.next..self.next + DRAWS_MAX];
        [ahead[0], ahead[1], ahead[2], ahead[3]]
    }

    /// Counts `count` of the numbers that [`Self::ahead`] gave as taken; `count` is at most [`DRAWS_MAX`].
    #[inline(always)]
    pub fn take(&mut self, count: usize) {
        debug_assert!(count <= DRAWS_MAX);
        self.next += count;
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self) {
        let left = BUFFER - self.next;
        let start = DRAWS_MAX - left;
        self.words.copy_within(self.next.., start);
        let (twister, words) = (&mut self.twister, &mut self.words);
        self.arch.dispatch(Blocks { twister, words: &mut words[DRAWS_MAX..] });
        self.next = start;
    }
}

/// The work of a refill, made with the vectors that the processor has: a closure would not be inlined where they may be used.
struct Blocks<'a> {
    twister: &'a mut Twister,
    words: &'a mut [u64],
}

impl NullaryFnOnce for Blocks<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for block in self.words.as_chunks_mut::<BLOCK>().0 {
            self.twister.block(block);
        }
    }
}

/// SplitMix64's finalizer (Steele, Lea and Flood, 2014): different numbers stay different.
pub(crate) fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_mt::Mt64;

    #[test]
    fn the_stream_is_that_of_the_reference_generator_however_many_are_taken_at_a_time() {
        for seed in [0, 1, 42, 5489, u64::MAX] {
            let (mut draws, mut reference) = (Draws::new(seed), Mt64::new(seed));
            let mut expected: Vec<f64> = Vec::new();
            for nth in 0..20_000 {
                while expected.len() < DRAWS_MAX {
                    expected.push((reference.next_u64() as f64 / 2f64.powi(64)).min(BELOW_ONE));
                }
                assert_eq!(draws.ahead().as_slice(), expected.as_slice(), "seed {seed}, step {nth}");
                let count = [1, 2, 3, 4, 2, 0][nth % 6];
                draws.take(count);
                expected.drain(..count);
            }
        }
    }

    #[test]
    fn the_first_words_of_the_generators_authors_come_out() {
        // Known outputs of the 64-bit twister for seed 5489, the default of C++'s mt19937_64.
        let mut reference = Mt64::new(5489);
        assert_eq!(reference.next_u64(), 14_514_284_786_278_117_030);
        let first = Draws::new(5489).ahead();
        assert_eq!(first[0], 14_514_284_786_278_117_030u64 as f64 / 2f64.powi(64));
        assert_eq!(first[1], 4_620_546_740_167_642_908u64 as f64 / 2f64.powi(64));
    }

    #[test]
    fn a_number_is_always_below_one() {
        assert_eq!(u64::MAX as f64 / 2f64.powi(64), 1.0);
        assert!((0..4096u64).all(|low| uniform(u64::MAX - low) < 1.0));
    }

    #[test]
    fn the_last_word_below_a_border_is_below_it_and_the_next_one_is_not() {
        for border in [1e-30, 1e-10, 0.1, 0.393_469, 0.5, 2.0 / 3.0, 0.75, BELOW_ONE] {
            let last = last_word_below(border).unwrap();
            assert!(uniform(last) < border && uniform(last + 1) >= border, "{border}");
        }
        assert_eq!((last_word_below(0.0), last_word_below(1.0)), (None, Some(u64::MAX)));
    }
}
