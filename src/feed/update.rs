//! Updates: the events since the previous update, grouped by symbol.

use std::borrow::Cow;
use std::sync::OnceLock;

use tokio_util::bytes::Bytes;

use crate::store::MarketStatus;
use klined_market::bars::Bar;
use klined_market::bars::ticks::{BestQuote, Tick, Trade};
use klined_market::base::{Symbol, UnixSeconds};

/// The most stock events of one update. The last symbol's bar may exceed it.
pub(super) const EVENTS_MAX: usize = 2_048;
/// The number of encodings that the dialects have together.
pub const ENCODINGS: usize = 8;

/// A minute's bar as it was committed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closed {
    pub bar: Bar,
    /// How many trades it has.
    pub trades: usize,
    /// Price times shares over its trades, in ticks.
    pub turnover_ticks: i128,
    /// Whether the ticks that were sent for this minute belong to another bar, which was foreseen and was not committed.
    pub is_corrected: bool,
}

/// An event of one symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    Trade(Trade),
    Quote(BestQuote),
    Bar(Closed),
    /// Trading of the symbol halts or resumes.
    Halt {
        is_halted: bool,
    },
}

/// An event of the whole market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MarketEvent {
    /// A session or a halt of the whole market begins or ends.
    Status(MarketStatus),
    /// The feed left out the minutes from one start to another, because they were committed faster than it can send them.
    Skipped { from: UnixSeconds, until: UnixSeconds },
}

/// Consecutive events of one symbol.
#[derive(Debug)]
pub struct StockEvents {
    pub symbol: Symbol,
    pub events: Vec<Event>,
    /// The quote that was valid before the first of them; none when no quote of the symbol was sent before.
    pub standing: Option<BestQuote>,
    encoded: [OnceLock<Box<[Bytes]>>; ENCODINGS],
}

/// The events that subscribers receive at once. Each symbol occurs at most once, and symbols are in ascending order.
#[derive(Debug)]
pub struct FeedUpdate {
    /// The position in the sequence of updates since the hub started; the first is 1.
    pub number: u64,
    pub market: Vec<MarketEvent>,
    pub stocks: Vec<StockEvents>,
}

impl From<Tick> for Event {
    fn from(tick: Tick) -> Self {
        match tick {
            Tick::Trade(trade) => Self::Trade(trade),
            Tick::Quote(quote) => Self::Quote(quote),
        }
    }
}

impl StockEvents {
    pub(super) fn new(symbol: Symbol, events: Vec<Event>) -> Self {
        Self { symbol, events, standing: None, encoded: [const { OnceLock::new() }; ENCODINGS] }
    }

    /// The events in a dialect's encoding, one for one. The first call for a `place` encodes the events, and later calls reuse the
    /// result. Each dialect has its own places, below [`ENCODINGS`]; with any other place every call encodes again.
    pub fn encoded(&self, place: usize, encode: impl Fn(&Symbol, &Event) -> Bytes) -> Cow<'_, [Bytes]> {
        let write = || self.events.iter().map(|event| encode(&self.symbol, event));
        match self.encoded.get(place) {
            Some(written) => Cow::Borrowed(written.get_or_init(|| write().collect())),
            None => Cow::Owned(write().collect()),
        }
    }
}

impl FeedUpdate {
    /// The events of a symbol.
    #[must_use]
    pub fn of(&self, symbol: &Symbol) -> Option<&StockEvents> {
        self.stocks.binary_search_by_key(symbol, |stock| stock.symbol).ok().map(|place| &self.stocks[place])
    }
}
