//! The legal entities that trade: identifiers as ISO 17442 has them, with right check digits.

use rand_core::Rng;

use crate::base::{Part, Streams};

/// How many entities trade unless another number is asked for.
pub const ENTITIES: usize = 2_000;
/// The most entities that can trade.
pub const ENTITIES_MOST: usize = 1_000_000;

/// A pool of legal entity identifiers, 20 characters each.
#[derive(Debug, Clone)]
pub struct Entities(Vec<String>);

impl Entities {
    /// So many entities of a market, at least one. A larger pool begins with the entities of a smaller one.
    #[must_use]
    pub fn of(streams: Streams, count: usize) -> Self {
        let mut stream = streams.market(Part::Entities, 0);
        let one = |_| {
            // Four digits of the issuer, two zeros, twelve characters of the entity.
            let mut text = format!("{:04}00", 1000 + stream.next_u32() % 9000);
            for _ in 0..12 {
                text.push(char::from(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[stream.next_u32() as usize % 36]));
            }
            // ISO 7064, MOD 97-10: the whole number must leave 1.
            let check = 98 - remainder_97(&format!("{text}00"));
            format!("{text}{check:02}")
        };
        Self((0..count.max(1)).map(one).collect())
    }

    /// The entity of a random word.
    #[must_use]
    pub fn pick(&self, word: u32) -> &str {
        &self.0[word as usize % self.0.len()]
    }
}

/// The remainder modulo 97 of a text of digits and letters, letters being 10 to 35.
#[must_use]
pub fn remainder_97(text: &str) -> u32 {
    text.chars().filter_map(|character| character.to_digit(36)).fold(0, |rest, value| {
        let scale = if value < 10 { 10 } else { 100 };
        (rest * scale + value) % 97
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use klined_market::base::Seed;

    #[test]
    fn every_identifier_has_right_check_digits() {
        // An identifier in use, published by its issuer.
        assert_eq!(remainder_97("529900T8BM49AURSDO55"), 1);
        let entities = Entities::of(Streams(Seed(1)), ENTITIES);
        for word in 0..ENTITIES as u32 {
            let text = entities.pick(word);
            assert_eq!((text.len(), remainder_97(text)), (20, 1), "{text}");
        }
    }
}
