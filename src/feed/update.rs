//! Updates: the events since the previous update, grouped by symbol.

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
    /// With turnover and number of trades: its own, or else those of its ticks.
    pub bar: Bar,
    /// Whether the ticks that were sent for this minute belong to another bar, which was foreseen and was not committed.
    pub is_corrected: bool,
}

impl Closed {
    /// Whether the minute has a trade. Alpaca and Polygon give no bar of a minute without one.
    #[must_use]
    pub fn is_traded(&self) -> bool {
        self.bar.ohlcv.volume() > 0
    }
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

/// The kinds of events of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Trade,
    Quote,
    Bar,
    Halt,
}

/// The number of [`EventKind`]s.
const KINDS: usize = 4;

/// The texts of each kind of events in one encoding, as far as a client needed them.
type Texts = [OnceLock<Box<[Bytes]>>; KINDS];

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
    texts: [OnceLock<Box<Texts>>; ENCODINGS],
}

/// The events that subscribers receive at once. Each symbol occurs at most once, and symbols are in ascending order.
#[derive(Debug)]
pub struct FeedUpdate {
    /// The position in the sequence of updates since the hub started; the first is 1.
    pub number: u64,
    pub market: Vec<MarketEvent>,
    pub stocks: Vec<StockEvents>,
}

impl Event {
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Trade(_) => EventKind::Trade,
            Self::Quote(_) => EventKind::Quote,
            Self::Bar(_) => EventKind::Bar,
            Self::Halt { .. } => EventKind::Halt,
        }
    }
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
        Self { symbol, events, standing: None, texts: [const { OnceLock::new() }; ENCODINGS] }
    }

    /// The events in order, those of the kinds that a client needs with their texts in a dialect's encoding. `encode` receives the
    /// quote that was valid before the event.
    ///
    /// The first call for a `place` that needs a kind encodes the events of that kind, and later calls reuse the result. Each
    /// dialect has its own places, below [`ENCODINGS`]; with any other place there are no texts.
    pub fn encoded<'a>(
        &'a self,
        place: usize,
        is_needed: impl Fn(EventKind) -> bool + 'a,
        encode: impl Fn(&Symbol, &Event, Option<&BestQuote>) -> Bytes + 'a,
    ) -> impl Iterator<Item = (&'a Event, Option<&'a Bytes>)> + 'a {
        let texts = self.texts.get(place).map(|texts| texts.get_or_init(Box::default));
        let mut next = [0; KINDS];
        self.events.iter().map(move |event| {
            let kind = event.kind();
            let Some(texts) = texts.filter(|_| is_needed(kind)) else { return (event, None) };
            let texts = texts[kind as usize].get_or_init(|| self.encode_all(kind, &encode));
            let text = texts.get(next[kind as usize]);
            next[kind as usize] += 1;
            (event, text)
        })
    }

    fn encode_all(
        &self,
        kind: EventKind,
        encode: impl Fn(&Symbol, &Event, Option<&BestQuote>) -> Bytes,
    ) -> Box<[Bytes]> {
        let mut standing = self.standing;
        let mut texts = Vec::new();
        for event in &self.events {
            if event.kind() == kind {
                texts.push(encode(&self.symbol, event, standing.as_ref()));
            }
            if let Event::Quote(quote) = event {
                standing = Some(*quote);
            }
        }
        texts.into_boxed_slice()
    }
}

impl FeedUpdate {
    /// The events of a symbol.
    #[must_use]
    pub fn of(&self, symbol: &Symbol) -> Option<&StockEvents> {
        self.stocks.binary_search_by_key(symbol, |stock| stock.symbol).ok().map(|place| &self.stocks[place])
    }
}
