//! What a receiver of MoldUDP64 does: it puts the messages of a session in order, and knows which ones to ask for.

use std::collections::BTreeMap;

use thiserror::Error;

use super::moldudp::{END, HEADER_BYTES, REQUEST_BYTES, packet_header};

/// Messages that are kept behind a gap. Those of packets beyond are asked for later.
const WAITING_MAX: usize = 100_000;
/// Messages of a request.
const REQUEST_MAX: u64 = 10_000;

/// Bytes that are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadPacket {
    #[error("{0} bytes are no packet of MoldUDP64: its head alone has 20")]
    Short(usize),
    #[error("a packet has {found} of {count} messages")]
    Messages { found: u16, count: u16 },
}

/// The head of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHead {
    pub session: [u8; 10],
    /// The number of the first message, or of the next one where there is none.
    pub first: u64,
    count: u16,
}

impl PacketHead {
    /// Reads the head, and returns what follows it.
    ///
    /// # Errors
    /// [`BadPacket::Short`].
    pub fn of(packet: &[u8]) -> Result<(Self, &[u8]), BadPacket> {
        let short = BadPacket::Short(packet.len());
        let (head, rest) = packet.split_first_chunk::<HEADER_BYTES>().ok_or(short)?;
        let (session, numbers) = head.split_first_chunk::<10>().ok_or(short)?;
        let (first, count) = numbers.split_first_chunk::<8>().ok_or(short)?;
        let count = u16::from_be_bytes(count.try_into().map_err(|_| short)?);
        Ok((Self { session: *session, first: u64::from_be_bytes(*first), count }, rest))
    }
}

/// The messages of one session.
#[derive(Debug)]
pub struct Receiver {
    session: [u8; 10],
    /// The number of the message that is given out next.
    next: u64,
    /// The number behind the last message that is known to exist.
    known: u64,
    is_ended: bool,
    waiting: BTreeMap<u64, Vec<u8>>,
}

impl Receiver {
    /// A receiver that has the messages before number `next` already: 1 where it has none.
    #[must_use]
    pub const fn new(session: [u8; 10], next: u64) -> Self {
        Self { session, next, known: next, is_ended: false, waiting: BTreeMap::new() }
    }

    /// The session's name.
    #[must_use]
    pub const fn session(&self) -> [u8; 10] {
        self.session
    }

    /// The number of the message that is given out next.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Takes a packet of this session, and gives all messages to `each` that are next in order, each once. Packets of other sessions are passed over.
    ///
    /// # Errors
    /// [`BadPacket`], or the error of `each`.
    pub fn take<E: From<BadPacket>>(
        &mut self,
        packet: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (head, mut rest) = PacketHead::of(packet)?;
        if head.session != self.session || head.first == 0 {
            return Ok(());
        }
        let count = if head.count == END { 0 } else { head.count };
        for nth in 0..count {
            let bad = BadPacket::Messages { found: nth, count };
            let (length, after) = rest.split_first_chunk::<2>().ok_or(bad)?;
            let (message, after) = after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(bad)?;
            rest = after;
            let number = head.first.saturating_add(nth.into());
            if number == self.next {
                each(message)?;
                self.next += 1;
            } else if number > self.next && self.waiting.len() < WAITING_MAX {
                self.waiting.insert(number, message.to_vec());
            }
        }
        self.known = self.known.max(head.first.saturating_add(count.into()));
        self.is_ended |= head.count == END;
        while let Some(message) = self.waiting.remove(&self.next) {
            each(&message)?;
            self.next += 1;
        }
        self.waiting = self.waiting.split_off(&self.next);
        Ok(())
    }

    /// How many messages are missing that are known to exist.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.known.saturating_sub(self.next).saturating_sub(self.waiting.len() as u64)
    }

    /// Whether the session has ended, and every message was given out.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.is_ended && self.next >= self.known
    }

    /// A request for the first messages that are missing, if any are.
    #[must_use]
    pub fn request(&self) -> Option<[u8; REQUEST_BYTES]> {
        let until = self.waiting.keys().next().copied().unwrap_or(self.known);
        let count = until.saturating_sub(self.next).min(REQUEST_MAX) as u16;
        (count > 0).then(|| packet_header(self.session, self.next, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::itch::{MessageOutput, MessageStore, PACKET_BYTES_MAX, Request};
    use proptest::prelude::*;
    use std::io::Cursor;

    const NAME: [u8; 10] = *b"ABCDEF0001";

    fn packet(store: &mut MessageStore<Cursor<Vec<u8>>>, first: u64, count: u16) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        let count = store.read(first, count, PACKET_BYTES_MAX - HEADER_BYTES, &mut bytes).unwrap();
        bytes[..HEADER_BYTES].copy_from_slice(&packet_header(NAME, first, count));
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn whatever_is_lost_doubled_or_late_every_message_comes_once_and_in_order(
            count in 1u64..500,
            sent in proptest::collection::vec((1u64..500, 1u16..40), 0..60),
        ) {
            let mut store = MessageStore::new(Cursor::new(Vec::new()));
            for number in 1..=count {
                store.message(0, &number.to_be_bytes()).unwrap();
            }
            let (mut receiver, mut found) = (Receiver::new(NAME, 1), Vec::new());
            let mut take = |receiver: &mut Receiver, bytes: &[u8]| {
                receiver.take(bytes, |message| {
                    found.push(u64::from_be_bytes(message.try_into().unwrap()));
                    Ok::<(), BadPacket>(())
                }).unwrap();
            };
            for (first, most) in sent {
                let first = first.min(count);
                take(&mut receiver, &packet(&mut store, first, most));
            }
            take(&mut receiver, &packet_header(NAME, count + 1, END));
            while !receiver.is_complete() {
                let request = Request::from_bytes(&receiver.request().unwrap()).unwrap();
                take(&mut receiver, &packet(&mut store, request.first, request.count));
            }
            prop_assert_eq!((receiver.missing(), receiver.request()), (0, None));
            prop_assert_eq!(found, (1..=count).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), ours: bool) {
            let mut bytes = bytes;
            if ours && bytes.len() >= 18 {
                bytes[..10].copy_from_slice(&NAME);
                bytes[10..17].fill(0);
            }
            let mut receiver = Receiver::new(NAME, 1);
            let _ = receiver.take(&bytes, |_| Ok::<(), BadPacket>(()));
            prop_assert!(receiver.waiting.len() < 200);
        }
    }
}
