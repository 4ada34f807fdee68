//! Rounds: what happened since the round before, grouped by symbol.

use std::borrow::Cow;
use std::sync::OnceLock;

use tokio_util::bytes::Bytes;

use crate::store::MarketStatus;
use klined_market::bars::Bar;
use klined_market::bars::ticks::{BestQuote, Tick, Trade};
use klined_market::base::{Symbol, UnixSeconds};

/// The most events in a round, but for its last symbol's bar.
pub(super) const EVENTS_MAX: usize = 2_048;
/// How many ways there may be to write an event for clients.
pub const ENCODINGS: usize = 8;

/// A minute's bar as it was committed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Closed {
    pub bar: Bar,
    /// How many trades it has.
    pub trades: usize,
    /// Price times shares over its trades, in ticks.
    pub turnover_ticks: i128,
    /// The ticks that were told of this minute belong to a bar that was foreseen and did not come.
    pub is_corrected: bool,
}

/// What happens to a symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    Trade(Trade),
    Quote(BestQuote),
    Bar(Closed),
    /// Its trade halts or resumes.
    Halt {
        is_halted: bool,
    },
}

/// What happens to everybody.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MarketEvent {
    /// Another session, or a halt of the whole market.
    Status(MarketStatus),
    /// The minutes from one start to another were not told, because they came faster than they can be.
    Skipped { from: UnixSeconds, until: UnixSeconds },
}

/// Consecutive events of one symbol.
#[derive(Debug)]
pub struct Told {
    pub symbol: Symbol,
    pub events: Vec<Event>,
    /// The quote that stood before the first of them; none when nobody was told of one.
    pub standing: Option<BestQuote>,
    encoded: [OnceLock<Box<[Bytes]>>; ENCODINGS],
}

/// What subscribers hear at once. A symbol is there once at most, and symbols are in order.
#[derive(Debug)]
pub struct Round {
    /// Counted from 1 since the hub began.
    pub number: u64,
    pub market: Vec<MarketEvent>,
    pub told: Vec<Told>,
}

impl From<Tick> for Event {
    fn from(tick: Tick) -> Self {
        match tick {
            Tick::Trade(trade) => Self::Trade(trade),
            Tick::Quote(quote) => Self::Quote(quote),
        }
    }
}

impl Told {
    pub(super) fn new(symbol: Symbol, events: Vec<Event>) -> Self {
        Self { symbol, events, standing: None, encoded: [const { OnceLock::new() }; ENCODINGS] }
    }

    /// The events as a dialect writes them, one for one: written by whoever asks first, for all. `place` is the dialect's own,
    /// below [`ENCODINGS`]; at another place everything is written anew.
    pub fn encoded(&self, place: usize, encode: impl Fn(&Symbol, &Event) -> Bytes) -> Cow<'_, [Bytes]> {
        let write = || self.events.iter().map(|event| encode(&self.symbol, event));
        match self.encoded.get(place) {
            Some(written) => Cow::Borrowed(written.get_or_init(|| write().collect())),
            None => Cow::Owned(write().collect()),
        }
    }
}

impl Round {
    /// The events of a symbol.
    #[must_use]
    pub fn of(&self, symbol: &Symbol) -> Option<&Told> {
        self.told.binary_search_by_key(symbol, |told| told.symbol).ok().map(|place| &self.told[place])
    }
}
