//! An encoder of LZ4 blocks that knows the record.
//!
//! It does not search: in a record, the id's upper seven bytes are those of the record before; type, side, price and quantity are those of the
//! last record with the same ones, and so are the upper bytes of the time. What is left are literals: the lower bytes of the time and the lowest one of
//! the id. The block is valid LZ4, which any decoder reads.
//!
//! The block format: sequences of a token (literals' length in the upper four bits, the match's length less four in the lower ones; 15 means
//! that bytes to be added follow), literals, and a match's offset in two bytes. The last five bytes are literals, and the last match starts
//! twelve bytes before the end or earlier.

use crate::event::{Event, RECORD_BYTES};

/// Matches reach back at most this many bytes.
const REACH: usize = 65_535;
const TABLE_BITS: u32 = 12;
/// Bytes of type, side, price and quantity, which follow the time.
const KEY_START: usize = 8;
pub(super) const ID_START: usize = 18;
/// Bytes that a match has at least.
pub(super) const MATCH_LEAST: usize = 4;
/// The second sequence of nearly every record: one literal, then seven bytes from the record before.
pub(super) const ID_TOKEN: u8 = 0x13;
/// The bytes of the usual two sequences without literals of the time.
pub(super) const USUAL_BYTES: usize = 7;

/// The encoder with its buffers, for chunk after chunk.
#[derive(Debug, Default)]
pub struct Encoder {
    raw: Vec<u8>,
    block: Vec<u8>,
    by_key: Vec<u32>,
}

#[inline(always)]
fn hash(key: u64) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - TABLE_BITS)) as usize
}

/// A block in the making, in a buffer that is long enough for any.
struct Block<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl Block<'_> {
    #[inline(always)]
    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    /// Puts the first `count` bytes of `raw` from `start` on.
    #[inline(always)]
    fn literals(&mut self, raw: &[u8], start: usize, count: usize) {
        const WIDE: usize = 16;
        let (from, to) = (raw.get(start..start + WIDE), self.bytes.get_mut(self.length..self.length + WIDE));
        match (from, to) {
            // A copy of constant length is two moves; what is too much is overwritten by what comes next.
            (Some(from), Some(to)) if count <= WIDE => to.copy_from_slice(from),
            _ => self.bytes[self.length..self.length + count].copy_from_slice(&raw[start..start + count]),
        }
        self.length += count;
    }

    /// Puts one sequence: the bytes of `raw` from `start` to `end`, then a match.
    #[inline(always)]
    fn sequence(&mut self, raw: &[u8], start: usize, end: usize, offset: usize, length: usize) {
        let (count, short) = (end - start, length - 4);
        self.push(((count.min(15) << 4) | short.min(15)) as u8);
        if count >= 15 {
            self.extra(count - 15);
        }
        self.literals(raw, start, count);
        let [low, high] = (offset as u16).to_le_bytes();
        self.push(low);
        self.push(high);
        if short >= 15 {
            self.extra(short - 15);
        }
    }

    /// Puts the two sequences of a record that has the same key as the one `back` before it, but for the lowest bytes of its time and of its id.
    #[inline(always)]
    fn usual(&mut self, event: &Event, time_bytes: usize, back: usize) {
        let token = (time_bytes << 4 | (ID_START - time_bytes - MATCH_LEAST)) as u8;
        let [low, high] = ((back * RECORD_BYTES) as u16).to_le_bytes();
        let tail = [low, high, ID_TOKEN, event.order_id as u8, RECORD_BYTES as u8, 0, 0, 0];
        // Moves of constant length: what is too much is overwritten by what comes next.
        let bytes = &mut self.bytes[self.length..self.length + 17];
        bytes[0] = token;
        bytes[1..9].copy_from_slice(&event.ts_ns.to_le_bytes());
        bytes[1 + time_bytes..9 + time_bytes].copy_from_slice(&tail);
        self.length += USUAL_BYTES + time_bytes;
    }

    fn extra(&mut self, mut length: usize) {
        while length >= 255 {
            self.push(255);
            length -= 255;
        }
        self.push(length as u8);
    }
}

/// Where the highest byte in which two numbers differ ends: 0 where they are equal, 8 where it is the topmost.
#[inline(always)]
fn differing(a: u64, b: u64) -> usize {
    (64 - (a ^ b).leading_zeros() as usize).div_ceil(8)
}

impl Encoder {
    /// The records of `events`, and their block.
    pub fn encode(&mut self, events: &[Event]) -> &[u8] {
        let Self { raw, block: buffer, by_key } = self;
        raw.resize(events.len() * RECORD_BYTES, 0);
        // A record gives at most three sequences, of six bytes each beside their literals.
        let longest = events.len() * (RECORD_BYTES + 18) + 64;
        if buffer.len() < longest {
            buffer.resize(longest, 0);
        }
        let mut block = Block { bytes: buffer, length: 0 };
        // Positions are kept plus one, so that zero is none.
        by_key.clear();
        by_key.resize(1 << TABLE_BITS, 0);
        for (record, event) in raw.as_chunks_mut::<RECORD_BYTES>().0.iter_mut().zip(events) {
            *record = event.to_record();
        }
        let mut anchor = 0;
        let last = events.len().saturating_sub(1);
        for nth in 0..events.len() {
            let (event, start) = (&events[nth], nth * RECORD_BYTES);
            let key =
                (u64::from(event.price_ticks as u32) << 3) ^ event.event_type as u64 ^ (u64::from(event.qty) << 32);
            let slot = &mut by_key[hash(key)];
            let near = candidate(events, *slot, nth);
            *slot = nth as u32 + 1;

            if let Some(back) = near
                && anchor == start
                && nth < last
                && differing(event.order_id, events[nth - 1].order_id) == 1
            {
                block.usual(event, differing(event.ts_ns, events[nth - back].ts_ns), back);
                anchor = start + RECORD_BYTES;
                continue;
            }
            if let Some(back) = near {
                let from = start + differing(event.ts_ns, events[nth - back].ts_ns);
                block.sequence(raw, anchor, from, back * RECORD_BYTES, start + ID_START - from);
                anchor = start + ID_START;
            } else if nth > 0 {
                let before = &events[nth - 1];
                let from = differing(event.ts_ns, before.ts_ns);
                if KEY_START - from >= 4 {
                    block.sequence(raw, anchor, start + from, RECORD_BYTES, KEY_START - from);
                    anchor = start + KEY_START;
                }
                let price = differing(u64::from(event.price_ticks as u32), u64::from(before.price_ticks as u32));
                if event.qty == before.qty {
                    let from = start + KEY_START + 2 + price;
                    block.sequence(raw, anchor, from, RECORD_BYTES, start + ID_START - from);
                    anchor = start + ID_START;
                }
            }
            if nth > 0 && nth < last {
                let from = differing(event.order_id, events[nth - 1].order_id);
                if 8 - from >= 4 {
                    block.sequence(raw, anchor, start + ID_START + from, RECORD_BYTES, 8 - from);
                    anchor = start + RECORD_BYTES;
                }
            }
        }
        let count = raw.len() - anchor;
        block.push((count.min(15) << 4) as u8);
        if count >= 15 {
            block.extra(count - 15);
        }
        block.literals(raw, anchor, count);
        let length = block.length;
        &buffer[..length]
    }
}

/// How many records back the one at `position` is, if it has the same type, price and quantity and a match reaches it.
#[inline(always)]
fn candidate(events: &[Event], position: u32, nth: usize) -> Option<usize> {
    let other = (position as usize).checked_sub(1)?;
    let (event, found) = (&events[nth], &events[other]);
    let same = found.event_type == event.event_type && found.price_ticks == event.price_ticks && found.qty == event.qty;
    (same && (nth - other) * RECORD_BYTES <= REACH).then_some(nth - other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventType;
    use crate::model::{Model, Parameters};
    use crate::session::{Session, SessionSpec};
    use proptest::prelude::*;

    fn decoded(block: &[u8], count: usize) -> Vec<Event> {
        let raw = lz4_flex::block::decompress(block, count * RECORD_BYTES).unwrap();
        let (records, rest) = raw.as_chunks::<RECORD_BYTES>();
        assert!(rest.is_empty());
        records.iter().map(|record| Event::from_record(record).unwrap()).collect()
    }

    #[test]
    fn a_day_is_smaller_than_by_a_general_encoder_and_read_back_by_a_general_decoder() {
        let spec = SessionSpec {
            seed: 42,
            p0_ticks: 10_000,
            tick_size: 100,
            session_seconds: 600,
            levels: 5,
            spread_ticks: 2,
            depth: 5,
            market_open_ns: 34_200_000_000_000,
        };
        let mut session = Session::open(&spec, &Model::simple(Parameters::default())).unwrap();
        let (mut events, mut encoder, mut ours, mut general, mut count) = (Vec::new(), Encoder::default(), 0, 0, 0);
        while session.next_events(&mut events, 4096) > 0 {
            let block = encoder.encode(&events).to_vec();
            assert_eq!(decoded(&block, events.len()), events);
            ours += block.len();
            general += lz4_flex::block::compress(&encoder.raw).len();
            count += events.len();
            events.clear();
        }
        assert!(ours < general, "{ours} bytes, by a general encoder {general}");
        assert!(ours as f64 / count as f64 <= 11.6, "{} bytes an event", ours as f64 / count as f64);
    }

    proptest! {
        #[test]
        fn events_of_any_values_are_read_back(seeds in proptest::collection::vec(any::<(u8, u8, u8, u8, u8, u8)>(), 0..600)) {
            let mut ts_ns = 0u64;
            let events: Vec<Event> = seeds.iter().map(|&(step, shift, kind, price, qty, id)| {
                ts_ns = ts_ns.wrapping_add(u64::from(step) << (shift % 64));
                Event {
                    ts_ns,
                    event_type: EventType::ALL[usize::from(kind % 6)],
                    price_ticks: i32::from(price) << (shift % 32),
                    qty: if qty < 200 { 1 } else { u32::from(qty) << (kind % 25) },
                    order_id: u64::from(id) << (shift % 64),
                }
            }).collect();
            let mut encoder = Encoder::default();
            prop_assert_eq!(decoded(encoder.encode(&events), events.len()), events);
        }
    }
}
