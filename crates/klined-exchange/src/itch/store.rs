//! The messages of a session, each with its length before it, as packets carry them: any of them can be had again by its number.
//!
//! Messages are kept in a file, because a day has millions of them; in memory are the last few and where every 64th starts.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::MessageOutput;
use super::messages::MESSAGE_BYTES_MAX;

/// Every so many messages the place of one is kept.
const STRIDE: u64 = 64;
/// Bytes that wait in memory before they go to the file.
const WAITING_MAX: usize = 1 << 16;

/// The store.
#[derive(Debug)]
pub struct MessageStore<F> {
    file: F,
    /// Bytes in the file; what waits in memory follows them.
    written: u64,
    waiting: Vec<u8>,
    count: u64,
    /// Where messages 1, 65, 129 … start.
    marks: Vec<u64>,
    /// The message behind those that were read last, and where it starts: most readers go on there.
    cursor: (u64, u64),
}

impl<F: Read + Write + Seek> MessageStore<F> {
    /// A store in an empty file.
    #[must_use]
    pub const fn new(file: F) -> Self {
        Self { file, written: 0, waiting: Vec::new(), count: 0, marks: Vec::new(), cursor: (1, 0) }
    }

    /// How many messages there are. They are numbered from 1 on.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    fn push(&mut self, message: &[u8]) -> io::Result<()> {
        if self.count.is_multiple_of(STRIDE) {
            self.marks.push(self.written + self.waiting.len() as u64);
        }
        self.waiting.extend_from_slice(&(message.len() as u16).to_be_bytes());
        self.waiting.extend_from_slice(message);
        self.count += 1;
        if self.waiting.len() > WAITING_MAX {
            self.file.seek(SeekFrom::Start(self.written))?;
            self.file.write_all(&self.waiting)?;
            self.written += self.waiting.len() as u64;
            self.waiting.clear();
        }
        Ok(())
    }

    /// Appends messages from number `first` on, at most `count_max` of them and `bytes_max` bytes with their lengths. Returns how many.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&mut self, first: u64, count_max: u16, bytes_max: usize, bytes: &mut Vec<u8>) -> io::Result<u16> {
        if first == 0 || first > self.count {
            return Ok(0);
        }
        let (mut number, mut place) = if self.cursor.0 == first {
            self.cursor
        } else {
            let mark = (first - 1) / STRIDE;
            (mark * STRIDE + 1, self.marks.get(mark as usize).copied().unwrap_or(0))
        };
        let window = self.window(place, STRIDE as usize * (2 + MESSAGE_BYTES_MAX) + bytes_max)?;
        let (mut rest, mut taken, start) = (window.as_slice(), 0, bytes.len());
        while let Some((length, _)) = rest.split_first_chunk::<2>()
            && taken < count_max
        {
            let length = 2 + usize::from(u16::from_be_bytes(*length));
            let Some((message, after)) = rest.split_at_checked(length) else { break };
            if number >= first {
                if bytes.len() - start + length > bytes_max {
                    break;
                }
                bytes.extend_from_slice(message);
                taken += 1;
            }
            (number, place, rest) = (number + 1, place + length as u64, after);
        }
        self.cursor = (number, place);
        Ok(taken)
    }

    /// Bytes of the store from `place` on, at most `length`.
    fn window(&mut self, place: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut window = Vec::with_capacity(length);
        if place < self.written {
            self.file.seek(SeekFrom::Start(place))?;
            let in_file = (self.written - place).min(length as u64);
            (&mut self.file).take(in_file).read_to_end(&mut window)?;
        }
        let from = (place + window.len() as u64).saturating_sub(self.written) as usize;
        let waiting = self.waiting.get(from..).unwrap_or_default();
        window.extend_from_slice(&waiting[..waiting.len().min(length - window.len())]);
        Ok(window)
    }
}

impl<F: Read + Write + Seek> MessageOutput for MessageStore<F> {
    fn message(&mut self, _ts_ns: u64, bytes: &[u8]) -> io::Result<()> {
        self.push(bytes)
    }

    fn finish(&mut self, _close_ns: u64) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn message(number: u64) -> Vec<u8> {
        number.to_be_bytes().into_iter().cycle().take(12 + (number * 7 % 28) as usize).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn any_messages_are_read_again_by_their_numbers(
            count in 0u64..9000,
            reads in proptest::collection::vec((0u64..9100, 1u16..200, 40usize..1400), 1..40),
            sequential: bool,
        ) {
            let mut store = MessageStore::new(Cursor::new(Vec::new()));
            for number in 1..=count {
                store.push(&message(number)).unwrap();
            }
            prop_assert_eq!(store.count(), count);
            let mut next = 1;
            for (first, count_max, bytes_max) in reads {
                let first = if sequential { next } else { first };
                let mut bytes = vec![9];
                let taken = store.read(first, count_max, bytes_max, &mut bytes).unwrap();
                let mut expected = vec![9];
                let mut expected_taken = 0;
                for number in (first..=count).take(usize::from(count_max)).filter(|number| *number > 0) {
                    let message = message(number);
                    if expected.len() - 1 + 2 + message.len() > bytes_max {
                        break;
                    }
                    expected.extend_from_slice(&(message.len() as u16).to_be_bytes());
                    expected.extend(message);
                    expected_taken += 1;
                }
                if first == 0 {
                    (expected, expected_taken) = (vec![9], 0);
                }
                prop_assert_eq!((taken, bytes), (expected_taken, expected));
                next = first + u64::from(taken);
            }
        }
    }
}
