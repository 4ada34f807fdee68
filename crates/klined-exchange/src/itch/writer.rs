//! A feed of orders as ITCH: messages that go to a file, a capture, or a store for receivers on the network.

use std::io::{self, Write};

use super::stocks::Stocks;
use super::{Capture, Message, Packet, Packets};
use crate::export::{ExportError, FeedInfo, OrderSink};
use crate::orders::{OrderBook, OrderMessage};
use crate::units::NANOS_PER_SECOND;

/// Where messages go.
pub trait MessageOutput {
    /// Before the first message.
    ///
    /// # Errors
    /// Writing fails.
    fn start(&mut self, _open_ns: u64) -> io::Result<()> {
        Ok(())
    }

    /// A message with its time, in nanoseconds since midnight.
    ///
    /// # Errors
    /// Writing fails.
    fn message(&mut self, ts_ns: u64, bytes: &[u8]) -> io::Result<()>;

    /// After the last message.
    ///
    /// # Errors
    /// Writing fails.
    fn finish(&mut self, close_ns: u64) -> io::Result<()>;
}

/// Makes messages of orders.
#[derive(Debug)]
pub struct ItchWriter<O> {
    output: O,
    stocks: Stocks,
}

impl<O: MessageOutput> ItchWriter<O> {
    pub fn new(output: O) -> Self {
        Self { output, stocks: Stocks::default() }
    }

    /// Where the messages went.
    pub const fn output(&mut self) -> &mut O {
        &mut self.output
    }

    pub(super) const fn stocks(&self) -> &Stocks {
        &self.stocks
    }

    fn write(&mut self, ts_ns: u64, message: &Message) -> io::Result<()> {
        message.encode(|bytes| self.output.message(ts_ns, bytes))
    }
}

impl<O: MessageOutput> OrderSink for ItchWriter<O> {
    fn start(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        self.stocks = Stocks::of(feed.sources)?;
        self.output.start(feed.open_ns)?;
        for message in self.stocks.opening(feed.open_ns) {
            self.write(feed.open_ns, &message)?;
        }
        Ok(())
    }

    fn event(&mut self, nth: usize, _book: &OrderBook, changes: &[OrderMessage]) -> Result<(), ExportError> {
        for change in changes {
            let message = self.stocks.message(nth, change)?;
            self.write(change.ts_ns, &message)?;
        }
        Ok(())
    }

    fn finish(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        for message in Stocks::closing(feed.close_ns) {
            self.write(feed.close_ns, &message)?;
        }
        Ok(self.output.finish(feed.close_ns)?)
    }
}

/// A file: each message with its length in two bytes before it.
#[derive(Debug)]
pub struct MessageFile<W>(pub W);

impl<W: Write> MessageOutput for MessageFile<W> {
    fn message(&mut self, _ts_ns: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(&(bytes.len() as u16).to_be_bytes())?;
        self.0.write_all(bytes)
    }

    fn finish(&mut self, _close_ns: u64) -> io::Result<()> {
        self.0.flush()
    }
}

/// A capture of the MoldUDP64 packets that carry the feed.
#[derive(Debug)]
pub struct PacketCapture<W> {
    capture: Capture<W>,
    packets: Packets,
    midnight_ns: u64,
    /// When the first message of the packet in the making happened, and the last packet was sent; since midnight.
    waiting_ns: u64,
    sent_ns: u64,
}

/// Between two packets that have room still, in a capture: what waits longer is sent.
const FLUSH_NS: u64 = 1_000_000;
/// A heartbeat is sent when nothing was for so long.
const HEARTBEAT_NS: u64 = NANOS_PER_SECOND;

impl<W: Write> PacketCapture<W> {
    /// `midnight_ns`: the date's midnight in nanoseconds since 1970-01-01; the session's name is the date.
    pub fn new(capture: Capture<W>, session: &str, midnight_ns: u64) -> Self {
        let packets = Packets::new(session);
        Self { capture, packets, midnight_ns, waiting_ns: 0, sent_ns: 0 }
    }

    fn flush(&mut self, ts_ns: u64) -> io::Result<()> {
        let (capture, at) = (&mut self.capture, self.midnight_ns + ts_ns);
        let mut sent = false;
        self.packets.flush(|Packet(bytes)| {
            sent = true;
            capture.packet(at, bytes)
        })?;
        if sent {
            self.sent_ns = ts_ns;
        }
        Ok(())
    }
}

impl<W: Write> MessageOutput for PacketCapture<W> {
    fn start(&mut self, open_ns: u64) -> io::Result<()> {
        (self.waiting_ns, self.sent_ns) = (open_ns, open_ns);
        Ok(())
    }

    fn message(&mut self, ts_ns: u64, bytes: &[u8]) -> io::Result<()> {
        if self.packets.is_empty() {
            self.waiting_ns = ts_ns;
        } else if self.waiting_ns + FLUSH_NS < ts_ns {
            self.flush(self.waiting_ns + FLUSH_NS)?;
            self.waiting_ns = ts_ns;
        }
        while self.sent_ns + HEARTBEAT_NS < ts_ns {
            self.sent_ns += HEARTBEAT_NS;
            self.capture.packet(self.midnight_ns + self.sent_ns, &self.packets.heartbeat())?;
        }
        let (capture, at) = (&mut self.capture, self.midnight_ns + ts_ns);
        let mut sent = false;
        self.packets.push(bytes, |Packet(bytes)| {
            sent = true;
            capture.packet(at, bytes)
        })?;
        if sent {
            (self.sent_ns, self.waiting_ns) = (ts_ns, ts_ns);
        }
        Ok(())
    }

    fn finish(&mut self, close_ns: u64) -> io::Result<()> {
        self.flush(close_ns)?;
        let end = self.packets.end_of_session();
        self.capture.packet(self.midnight_ns + close_ns, &end)?;
        self.capture.flush()
    }
}
