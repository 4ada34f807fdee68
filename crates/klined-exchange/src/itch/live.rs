//! A session of MoldUDP64 that grows with the logs of a day.
//!
//! Its messages are those of the day's ITCH file, so they are always the same: a sender that starts again numbers them as before.

use std::io::{self, Read, Seek, Write};

use super::moldudp::{END, HEADER_BYTES, session_name};
use super::{ItchWriter, Message, MessageStore, PACKET_BYTES_MAX, Request, packet_header};
use crate::event::{Event, Side};
use crate::export::{ExportError, OrderFeed, Source};

/// A session.
pub struct LiveSession<F: Read + Write + Seek> {
    name: [u8; 10],
    feed: OrderFeed,
    writer: ItchWriter<MessageStore<F>>,
    /// The time of the last message, in nanoseconds since midnight.
    ts_ns: u64,
    is_over: bool,
}

impl<F: Read + Write + Seek> LiveSession<F> {
    /// A session with its first messages, those of the opening. `file` is empty and keeps the messages.
    ///
    /// # Errors
    /// [`ExportError`] where ITCH has no room for a symbol or a price, or the file cannot be written.
    pub fn open(name: &str, sources: Vec<Source>, file: F) -> Result<Self, ExportError> {
        let mut writer = ItchWriter::new(MessageStore::new(file));
        let feed = OrderFeed::start(sources, &mut writer)?;
        let ts_ns = feed.open_ns();
        Ok(Self { name: session_name(name), feed, writer, ts_ns, is_over: false })
    }

    /// The name in its packets.
    #[must_use]
    pub const fn name(&self) -> [u8; 10] {
        self.name
    }

    /// When the session opens, in nanoseconds since midnight.
    #[must_use]
    pub const fn open_ns(&self) -> u64 {
        self.feed.open_ns()
    }

    /// The number of the message that comes next.
    pub const fn next(&mut self) -> u64 {
        self.writer.output().count() + 1
    }

    /// Adds the messages of an event of security `nth`.
    ///
    /// # Errors
    /// As [`Self::open`], and where the event does not follow from those before it.
    pub fn event(&mut self, nth: usize, event: &Event) -> Result<(), ExportError> {
        self.ts_ns = event.ts_ns;
        self.feed.event(nth, event, &mut self.writer)
    }

    /// Adds the last messages, those of the close.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn close(&mut self) -> Result<(), ExportError> {
        self.ts_ns = self.feed.close_ns();
        self.is_over = true;
        self.feed.finish(&mut self.writer)
    }

    /// Makes the packet of the messages from number `first` on, as many as fit and `count_max` at most, in place of `bytes`. Returns their number;
    /// 0 where there are none, and then no packet.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn packet(&mut self, first: u64, count_max: u16, bytes: &mut Vec<u8>) -> io::Result<u16> {
        bytes.clear();
        bytes.resize(HEADER_BYTES, 0);
        let room = PACKET_BYTES_MAX - HEADER_BYTES;
        let count = self.writer.output().read(first, count_max.min(END - 1), room, bytes)?;
        bytes[..HEADER_BYTES].copy_from_slice(&packet_header(self.name, first, count));
        Ok(count)
    }

    /// Answers a request in place of `bytes`. False where it asks for another session, or for messages that are not there.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn answer(&mut self, request: &Request, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let is_here = request.session == self.name;
        Ok(is_here && self.packet(request.first, request.count, bytes)? > 0)
    }

    /// What is sent when no message is: a heartbeat, which says what the next number is, or the end of the session.
    pub fn idle_packet(&mut self) -> [u8; HEADER_BYTES] {
        packet_header(self.name, self.next(), if self.is_over { END } else { 0 })
    }

    /// The state of all books as messages: stocks, their orders in order of time at each price, and last a message `G` with the number of the next
    /// message of the session, in 20 characters. Who knows these goes on with that number.
    pub fn snapshot(&mut self) -> Vec<Vec<u8>> {
        let (ts_ns, next) = (self.ts_ns, self.next());
        let mut messages = Vec::new();
        let mut put = |message: Message| messages.push(message.encode(<[u8]>::to_vec));
        let stocks = self.writer.stocks().all();
        stocks.iter().for_each(|&stock| put(Message::StockDirectory { ts_ns, stock }));
        stocks.iter().for_each(|&stock| put(Message::TradingAction { ts_ns, stock }));
        for (&stock, book) in stocks.iter().zip(self.feed.books()) {
            for side in [Side::Bid, Side::Ask] {
                for level in book.levels(side) {
                    // A price that ITCH cannot hold has ended the session before.
                    let Ok(price) = stock.price(level.price_ticks) else { continue };
                    for reference in book.queue(side, level.price_ticks) {
                        put(Message::AddOrder { ts_ns, stock, reference, side, shares: 1, price });
                    }
                }
            }
        }
        messages.push(format!("G{next:>20}").into_bytes());
        messages
    }
}
