//! The round that is being made.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Shared;
use super::round::{EVENTS_MAX, Event, MarketEvent, Round, Told};
use klined_market::base::Symbol;

/// Collects events until they are sent.
pub(super) struct Making {
    shared: Arc<Shared>,
    told: Vec<Told>,
    /// How many events of symbols there are.
    events: usize,
    market: Vec<MarketEvent>,
}

impl Making {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, told: Vec::new(), events: 0, market: Vec::new() }
    }

    /// Adds something that is for everybody.
    pub fn tell_all(&mut self, event: MarketEvent) {
        self.market.push(event);
    }

    /// Adds events of a symbol to the round, and sends it when it is full.
    pub fn add(&mut self, symbol: Symbol, mut events: Vec<Event>) {
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(EVENTS_MAX - self.events));
            self.events += events.len();
            self.told.push(Told::new(symbol, std::mem::replace(&mut events, rest)));
            if self.events >= EVENTS_MAX {
                self.send();
            }
        }
    }

    /// Sends the round that is being made, unless there is nothing in it.
    pub fn send(&mut self) {
        if self.told.is_empty() && self.market.is_empty() {
            return;
        }
        let (mut told, market) = (std::mem::take(&mut self.told), std::mem::take(&mut self.market));
        self.shared.counts.rounds.fetch_add(1, Ordering::Relaxed);
        self.shared.counts.events.fetch_add(self.events as u64, Ordering::Relaxed);
        self.events = 0;
        let mut book = self.shared.book();
        book.number += 1;
        for told in &mut told {
            let last = book.lasts.entry(told.symbol).or_default();
            told.standing = last.quote;
            for event in &told.events {
                match event {
                    Event::Trade(trade) => (last.trade, last.traded_on) = (Some(*trade), last.quote),
                    Event::Quote(quote) => last.quote = Some(*quote),
                    Event::Bar(_) | Event::Halt { .. } => {}
                }
            }
        }
        // Under the lock: who has read the number hears all rounds past it. It is no error that nobody listens.
        let round = Arc::new(Round { number: book.number, market, told });
        let _ = book.rounds.as_ref().map(|rounds| rounds.send(round));
    }
}
