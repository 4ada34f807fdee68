//! A feed of orders as ITCH: in files, each message with its length in two bytes before it, or in captures of MoldUDP64 packets.

use std::io::Write;

use super::{Capture, Message, Packet, Packets, Stock};
use crate::export::{ExportError, FeedInfo, OrderSink, Source};
use crate::orders::{OrderAction, OrderBook, OrderMessage};
use crate::units::NANOS_PER_SECOND;

/// Makes the messages of a feed: the day's frame and one for each change of an order.
#[derive(Debug, Default)]
struct Stocks {
    stocks: Vec<Stock>,
    /// Executions so far: their numbers are those of matches.
    matches: u64,
}

/// Between two packets that have room still, in a capture: what waits longer is sent.
const FLUSH_NS: u64 = 1_000_000;

impl Stocks {
    fn of(sources: &[Source]) -> Result<Self, ExportError> {
        let stock = |(nth, source): (usize, &Source)| {
            let locate = u16::try_from(nth + 1).ok();
            let stock = locate.and_then(|locate| Stock::new(locate, &source.symbol, source.session.tick_size));
            stock.ok_or_else(|| ExportError::Symbol { symbol: source.symbol.clone(), format: "ITCH", most: 8 })
        };
        Ok(Self { stocks: sources.iter().enumerate().map(stock).collect::<Result<_, _>>()?, matches: 0 })
    }

    /// What comes before the first order.
    fn opening(&self, open_ns: u64) -> Vec<Message> {
        let ts_ns = open_ns;
        let directory = self.stocks.iter().map(|&stock| Message::StockDirectory { ts_ns, stock });
        let trading = self.stocks.iter().map(|&stock| Message::TradingAction { ts_ns, stock });
        let event = |code| Message::SystemEvent { ts_ns, code };
        [event(b'O')].into_iter().chain(directory).chain(trading).chain([event(b'S'), event(b'Q')]).collect()
    }

    fn closing(close_ns: u64) -> [Message; 3] {
        [b'M', b'E', b'C'].map(|code| Message::SystemEvent { ts_ns: close_ns, code })
    }

    fn message(&mut self, nth: usize, change: &OrderMessage) -> Result<Message, ExportError> {
        let OrderMessage { ts_ns, reference, side, price_ticks, qty, .. } = *change;
        let stock = self.stocks[nth];
        Ok(match change.action {
            OrderAction::Add => {
                Message::AddOrder { ts_ns, stock, reference, side, shares: qty, price: stock.price(price_ticks)? }
            }
            OrderAction::Delete => Message::OrderDelete { ts_ns, stock, reference },
            OrderAction::Execute => {
                self.matches += 1;
                Message::OrderExecuted { ts_ns, stock, reference, shares: qty, match_number: self.matches }
            }
        })
    }
}

/// Writes a file.
#[derive(Debug)]
pub struct FileWriter<W> {
    output: W,
    stocks: Stocks,
}

impl<W: Write> FileWriter<W> {
    pub fn new(output: W) -> Self {
        Self { output, stocks: Stocks::default() }
    }

    fn write(&mut self, message: &Message) -> std::io::Result<()> {
        let output = &mut self.output;
        message.encode(|bytes| {
            output.write_all(&(bytes.len() as u16).to_be_bytes())?;
            output.write_all(bytes)
        })
    }
}

impl<W: Write> OrderSink for FileWriter<W> {
    fn start(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        self.stocks = Stocks::of(feed.sources)?;
        self.stocks.opening(feed.open_ns).iter().try_for_each(|message| self.write(message))?;
        Ok(())
    }

    fn event(&mut self, nth: usize, _book: &OrderBook, changes: &[OrderMessage]) -> Result<(), ExportError> {
        for change in changes {
            let message = self.stocks.message(nth, change)?;
            self.write(&message)?;
        }
        Ok(())
    }

    fn finish(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        Stocks::closing(feed.close_ns).iter().try_for_each(|message| self.write(message))?;
        Ok(self.output.flush()?)
    }
}

/// Writes a capture of the packets that carry the feed.
#[derive(Debug)]
pub struct CaptureWriter<W> {
    capture: Capture<W>,
    packets: Packets,
    stocks: Stocks,
    midnight_ns: u64,
    /// When the first message of the packet in the making happened, and the last packet was sent; since midnight.
    waiting_ns: u64,
    sent_ns: u64,
}

/// A heartbeat is sent when nothing was for so long.
const HEARTBEAT_NS: u64 = NANOS_PER_SECOND;

impl<W: Write> CaptureWriter<W> {
    /// `midnight_ns`: the date's midnight in nanoseconds since 1970-01-01; the session's name is the date.
    pub fn new(capture: Capture<W>, session: &str, midnight_ns: u64) -> Self {
        let packets = Packets::new(session);
        Self { capture, packets, stocks: Stocks::default(), midnight_ns, waiting_ns: 0, sent_ns: 0 }
    }

    fn flush(&mut self, ts_ns: u64) -> std::io::Result<()> {
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

    fn push(&mut self, ts_ns: u64, message: &Message) -> std::io::Result<()> {
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
        let (capture, packets, at) = (&mut self.capture, &mut self.packets, self.midnight_ns + ts_ns);
        let mut sent = false;
        message.encode(|bytes| {
            packets.push(bytes, |Packet(bytes)| {
                sent = true;
                capture.packet(at, bytes)
            })
        })?;
        if sent {
            (self.sent_ns, self.waiting_ns) = (ts_ns, ts_ns);
        }
        Ok(())
    }
}

impl<W: Write> OrderSink for CaptureWriter<W> {
    fn start(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        self.stocks = Stocks::of(feed.sources)?;
        (self.waiting_ns, self.sent_ns) = (feed.open_ns, feed.open_ns);
        for message in self.stocks.opening(feed.open_ns) {
            self.push(feed.open_ns, &message)?;
        }
        Ok(())
    }

    fn event(&mut self, nth: usize, _book: &OrderBook, changes: &[OrderMessage]) -> Result<(), ExportError> {
        for change in changes {
            let message = self.stocks.message(nth, change)?;
            self.push(change.ts_ns, &message)?;
        }
        Ok(())
    }

    fn finish(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        for message in Stocks::closing(feed.close_ns) {
            self.push(feed.close_ns, &message)?;
        }
        self.flush(feed.close_ns)?;
        let end = self.packets.end_of_session();
        self.capture.packet(self.midnight_ns + feed.close_ns, &end)?;
        Ok(self.capture.flush()?)
    }
}
