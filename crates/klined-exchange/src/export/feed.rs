//! The orders of several securities in one order of time.

use std::io::{Read, Seek};

use super::ExportError;
use crate::event::Event;
use crate::log::LogReader;
use crate::orders::{OrderBook, OrderMessage, References};
use crate::session::SessionSpec;
use crate::units::NANOS_PER_SECOND;

/// A security of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub symbol: String,
    pub session: SessionSpec,
}

/// What a feed is about.
#[derive(Debug, Clone, Copy)]
pub struct FeedInfo<'a> {
    pub sources: &'a [Source],
    /// When the first session opens and the last one closes, in nanoseconds since midnight.
    pub open_ns: u64,
    pub close_ns: u64,
}

/// A format of orders.
pub trait OrderSink {
    /// What comes before the first order.
    ///
    /// # Errors
    /// Where the format has no room for the feed, or writing fails.
    fn start(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError>;

    /// What one event of security `nth` changes, and the book after it. The opening is such an event too.
    ///
    /// # Errors
    /// As above.
    fn event(&mut self, nth: usize, book: &OrderBook, changes: &[OrderMessage]) -> Result<(), ExportError>;

    /// What comes after the last order.
    ///
    /// # Errors
    /// As above.
    fn finish(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError>;
}

struct Stream<F> {
    log: LogReader<F>,
    next_chunk: usize,
    events: std::vec::IntoIter<Event>,
    next: Option<Event>,
}

impl<F: Read + Seek> Stream<F> {
    fn advance(&mut self) -> Result<(), ExportError> {
        self.next = self.events.next();
        while self.next.is_none() && self.next_chunk < self.log.chunks().len() {
            let mut events = Vec::new();
            self.log.read_chunk(self.next_chunk, &mut events)?;
            self.next_chunk += 1;
            self.events = events.into_iter();
            self.next = self.events.next();
        }
        Ok(())
    }
}

/// The orders of a feed, event by event.
#[derive(Debug)]
pub struct OrderFeed {
    sources: Vec<Source>,
    books: Vec<OrderBook>,
    references: References,
    changes: Vec<OrderMessage>,
    open_ns: u64,
    close_ns: u64,
}

impl OrderFeed {
    /// Opens the books, and gives what comes before the first event to a format.
    ///
    /// # Errors
    /// [`ExportError`] of the format.
    pub fn start(sources: Vec<Source>, sink: &mut dyn OrderSink) -> Result<Self, ExportError> {
        let sessions = || sources.iter().map(|source| &source.session);
        let open_ns = sessions().map(|session| session.market_open_ns).min().unwrap_or(0);
        let close_ns = sessions()
            .map(|session| session.market_open_ns + u64::from(session.session_seconds) * NANOS_PER_SECOND)
            .max()
            .unwrap_or(0);
        sink.start(&FeedInfo { sources: &sources, open_ns, close_ns })?;
        let (mut references, mut changes, mut books) = (References::default(), Vec::new(), Vec::new());
        for (nth, source) in sources.iter().enumerate() {
            changes.clear();
            let book = OrderBook::open(&source.session, &mut references, &mut changes);
            sink.event(nth, &book, &changes)?;
            books.push(book);
        }
        Ok(Self { sources, books, references, changes, open_ns, close_ns })
    }

    /// When the first session opens, in nanoseconds since midnight.
    #[must_use]
    pub const fn open_ns(&self) -> u64 {
        self.open_ns
    }

    /// When the last session closes, in nanoseconds since midnight.
    #[must_use]
    pub const fn close_ns(&self) -> u64 {
        self.close_ns
    }

    /// The book of each security.
    #[must_use]
    pub fn books(&self) -> &[OrderBook] {
        &self.books
    }

    /// Applies an event of security `nth`, and gives what follows from it to a format.
    ///
    /// # Errors
    /// [`ExportError`] of the format, or where the event does not follow from those before it.
    pub fn event(&mut self, nth: usize, event: &Event, sink: &mut dyn OrderSink) -> Result<(), ExportError> {
        self.changes.clear();
        let Some(book) = self.books.get_mut(nth) else { return Ok(()) };
        let applied = book.apply(event, &mut self.references, &mut self.changes);
        applied.map_err(|bad| ExportError::Event { order_id: event.order_id, bad })?;
        sink.event(nth, book, &self.changes)
    }

    /// Gives what comes after the last event to a format.
    ///
    /// # Errors
    /// [`ExportError`] of the format.
    pub fn finish(&self, sink: &mut dyn OrderSink) -> Result<(), ExportError> {
        sink.finish(&FeedInfo { sources: &self.sources, open_ns: self.open_ns, close_ns: self.close_ns })
    }
}

/// Gives the orders of some logs of one day to a format, in order of time; at the same time, in order of the logs. Each log comes with its symbol.
///
/// # Errors
/// [`ExportError`] of a log or of the format.
pub fn export_orders<F: Read + Seek>(
    logs: Vec<(String, LogReader<F>)>,
    sink: &mut dyn OrderSink,
) -> Result<(), ExportError> {
    let source =
        |(symbol, log): &(String, LogReader<F>)| Source { symbol: symbol.clone(), session: log.header().session };
    let mut feed = OrderFeed::start(logs.iter().map(source).collect(), sink)?;
    let mut streams = Vec::new();
    for (_, log) in logs {
        let mut stream = Stream { log, next_chunk: 0, events: Vec::new().into_iter(), next: None };
        stream.advance()?;
        streams.push(stream);
    }
    loop {
        let nearest = streams.iter_mut().enumerate().filter_map(|(nth, stream)| Some((stream.next?, nth, stream)));
        let Some((event, nth, stream)) = nearest.min_by_key(|(event, nth, _)| (event.ts_ns, *nth)) else { break };
        feed.event(nth, &event, sink)?;
        stream.advance()?;
    }
    feed.finish(sink)
}
