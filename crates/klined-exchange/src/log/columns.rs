//! Decoding of the blocks that the encoder of logs makes, straight into events.
//!
//! Nearly every record there has two sequences: lower bytes of the time as literals, the rest up to the quantity from an earlier record, then the lowest
//! byte of the id and its upper ones from the record before. All matches go back by whole records, so a byte comes from the same column of
//! another event, and no record has to be put together byte by byte. Blocks of other kinds are left to the library, and so is every doubt: what is
//! decoded here is what the library would decode.

use super::lz4::{ID_START, ID_TOKEN, MATCH_LEAST, USUAL_BYTES};
use crate::event::{Event, RECORD_BYTES};

/// A length of four bits that is continued in bytes.
const CONTINUED: u8 = 15;
/// What the usual two sequences are read from, with all eight bytes of the time.
const WINDOW: usize = USUAL_BYTES + 8;
/// The lowest bytes of a number, by their count.
const LOWEST: [u64; 9] = {
    let mut lowest = [u64::MAX; 9];
    let mut count = 0;
    while count < 8 {
        lowest[count] = (1 << (8 * count)) - 1;
        count += 1;
    }
    lowest
};

/// Where in a block decoding is.
struct Place<'a> {
    block: &'a [u8],
    at: usize,
    /// Literals to come of the sequence.
    literals: usize,
    /// The lower half of the token, where the sequence's match has not begun.
    short: Option<u8>,
    /// Bytes to come of the match, and how many records back they are.
    matched: usize,
    back: usize,
    /// Whether the block has ended, as it must: behind literals.
    ended: bool,
}

/// Decodes a block into as many events as it has, in order of time. Nothing where the library must decide.
pub fn decode(block: &[u8], events: &mut [Event]) -> Option<()> {
    let mut place = Place { block, at: 0, literals: 0, short: None, matched: 0, back: 0, ended: false };
    let mut before_ns = 0;
    for nth in 0..events.len() {
        let event = match place.usual(&events[..nth]) {
            Some(event) => event,
            None => place.record(&events[..nth])?,
        };
        if event.ts_ns < before_ns {
            return None;
        }
        before_ns = event.ts_ns;
        events[nth] = event;
    }
    (place.ended && place.literals == 0).then_some(())
}

impl Place<'_> {
    /// The next event, if it has the usual two sequences.
    #[inline(always)]
    fn usual(&mut self, events: &[Event]) -> Option<Event> {
        if (self.literals | self.matched) != 0 || self.short.is_some() {
            return None;
        }
        let window: &[u8; WINDOW] = self.block.get(self.at..)?.first_chunk()?;
        let [token, t0, t1, t2, t3, t4, t5, t6, t7, ..] = *window;
        let literals = usize::from(token >> 4);
        let length = usize::from(token & 15) + MATCH_LEAST;
        let time = u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
        let lowest = *LOWEST.get(literals)?;
        let [o0, o1, id_token, id, b0, b1] = *window.get(1 + literals..)?.first_chunk()?;
        let offset = usize::from(u16::from_le_bytes([o0, o1]));
        let back = offset / RECORD_BYTES;
        let is_usual = (literals + length == ID_START)
            & (back * RECORD_BYTES == offset)
            & (id_token == ID_TOKEN)
            & (u16::from_le_bytes([b0, b1]) == RECORD_BYTES as u16);
        if !is_usual || back == 0 {
            return None;
        }
        let same = events.get(events.len().checked_sub(back)?)?;
        let before = events.last()?;
        self.at += USUAL_BYTES + literals;
        Some(Event {
            ts_ns: (same.ts_ns & !lowest) | (time & lowest),
            order_id: (before.order_id & !0xff) | u64::from(id),
            ..*same
        })
    }

    /// The next event, whatever its sequences are.
    #[cold]
    #[inline(never)]
    fn record(&mut self, events: &[Event]) -> Option<Event> {
        let mut record = [0; RECORD_BYTES];
        let mut column = 0;
        while column < RECORD_BYTES {
            if self.literals > 0 {
                let count = self.literals.min(RECORD_BYTES - column);
                record[column..column + count].copy_from_slice(self.block.get(self.at..self.at + count)?);
                self.at += count;
                self.literals -= count;
                column += count;
                self.ended = self.literals == 0 && self.at == self.block.len();
            } else if self.ended {
                return None;
            } else if let Some(short) = self.short.take() {
                let offset = usize::from(u16::from_le_bytes([self.byte()?, self.byte()?]));
                self.matched = self.length(short)? + MATCH_LEAST;
                self.back = offset / RECORD_BYTES;
                if self.back == 0 || offset != self.back * RECORD_BYTES {
                    return None;
                }
            } else if self.matched > 0 {
                let count = self.matched.min(RECORD_BYTES - column);
                let other = events.get(events.len().checked_sub(self.back)?)?.to_record();
                record[column..column + count].copy_from_slice(&other[column..column + count]);
                self.matched -= count;
                column += count;
            } else {
                let token = self.byte()?;
                self.literals = self.length(token >> 4)?;
                self.short = Some(token & 15);
            }
        }
        Event::from_record(&record).ok()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.block.get(self.at).copied();
        self.at += 1;
        byte
    }

    /// A length that is continued in bytes if its four bits are all set.
    fn length(&mut self, short: u8) -> Option<usize> {
        let mut length = usize::from(short);
        let mut goes_on = short == CONTINUED;
        while goes_on {
            let byte = self.byte()?;
            length += usize::from(byte);
            goes_on = byte == u8::MAX;
        }
        Some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lz4::Encoder;
    use super::*;
    use crate::event::EventType;
    use proptest::prelude::*;

    const BLANK: Event = Event { ts_ns: 0, event_type: EventType::AddBid, price_ticks: 0, qty: 0, order_id: 0 };

    /// Events whose times, prices and ids change by little or by much.
    fn events(seeds: &[(u8, u8, u8)]) -> Vec<Event> {
        let (mut ts_ns, mut order_id) = (34_200_000_000_000, 0);
        let event = |&(step, kind, price): &(u8, u8, u8)| {
            ts_ns += u64::from(step) << (kind % 32);
            order_id += 1 + u64::from(kind == 255) * 0x1_0203;
            let event_type = EventType::ALL[usize::from(kind % 6)];
            Event {
                ts_ns,
                event_type,
                price_ticks: 10_000 + i32::from(price % 5),
                qty: 1 + u32::from(kind > 250),
                order_id,
            }
        };
        seeds.iter().map(event).collect()
    }

    fn decoded(block: &[u8], count: usize) -> Option<Vec<Event>> {
        let mut events = vec![BLANK; count];
        decode(block, &mut events).map(|()| events)
    }

    fn by_the_library(block: &[u8], count: usize) -> Option<Vec<Event>> {
        let raw = lz4_flex::block::decompress(block, count * RECORD_BYTES).ok()?;
        let (records, rest) = raw.as_chunks::<RECORD_BYTES>();
        let events: Option<Vec<Event>> = records.iter().map(|record| Event::from_record(record).ok()).collect();
        events.filter(|events| rest.is_empty() && events.len() == count && events.is_sorted_by_key(|event| event.ts_ns))
    }

    proptest! {
        #[test]
        fn the_encoders_blocks_are_decoded_here_and_not_by_the_library(
            seeds in proptest::collection::vec(any::<(u8, u8, u8)>(), 1..600),
        ) {
            let events = events(&seeds);
            prop_assert_eq!(decoded(Encoder::default().encode(&events), events.len()), Some(events));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3_000))]
        #[test]
        fn what_is_decoded_of_a_damaged_block_is_what_the_library_decodes(
            seeds in proptest::collection::vec((0u8..8, 0u8..6, 0u8..2), 30..90),
            damage in proptest::collection::vec(any::<(u16, u8)>(), 1..3),
            cut in 0usize..8,
            more in 0usize..8,
        ) {
            let events = events(&seeds);
            let mut block = Encoder::default().encode(&events).to_vec();
            for (place, byte) in damage {
                let place = usize::from(place) % block.len();
                block[place] = byte;
            }
            // Most blocks keep their length and their number of events.
            block.truncate(block.len() - cut.saturating_sub(5));
            let count = events.len() + usize::from(more == 1) - usize::from(more == 0);
            if let Some(found) = decoded(&block, count) {
                prop_assert_eq!(Some(found), by_the_library(&block, count));
            }
        }
    }
}
