//! Collects events and sends them as updates.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Shared;
use super::update::{EVENTS_MAX, Event, FeedUpdate, MarketEvent, StockEvents};
use klined_market::base::Symbol;

/// Collects the events of the next update.
pub(super) struct UpdateBuilder {
    shared: Arc<Shared>,
    stocks: Vec<StockEvents>,
    /// The number of stock events that wait to be sent.
    events: usize,
    market: Vec<MarketEvent>,
    /// Whether an update waits for subscribers that are behind. A pump that is driven by hand waits for none.
    pub gives_way: bool,
}

impl UpdateBuilder {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, stocks: Vec::new(), events: 0, market: Vec::new(), gives_way: false }
    }

    /// Adds an event that every subscriber receives.
    pub fn add_for_all(&mut self, event: MarketEvent) {
        self.market.push(event);
    }

    /// Adds events of a symbol. Sends the update as soon as it is full.
    pub fn add(&mut self, symbol: Symbol, mut events: Vec<Event>) {
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(EVENTS_MAX - self.events));
            self.events += events.len();
            self.stocks.push(StockEvents::new(symbol, std::mem::replace(&mut events, rest)));
            if self.events >= EVENTS_MAX {
                self.send();
            }
        }
    }

    /// Sends the collected events as one update. Does nothing when there are none.
    pub fn send(&mut self) {
        if self.stocks.is_empty() && self.market.is_empty() {
            return;
        }
        if self.gives_way {
            self.shared.give_way();
        }
        let (mut stocks, market) = (std::mem::take(&mut self.stocks), std::mem::take(&mut self.market));
        self.shared.counts.updates.fetch_add(1, Ordering::Relaxed);
        self.shared.counts.events.fetch_add(self.events as u64, Ordering::Relaxed);
        self.events = 0;
        let mut state = self.shared.state();
        state.number += 1;
        for stock in &mut stocks {
            let last = state.lasts.entry(stock.symbol).or_default();
            stock.standing = last.quote;
            for event in &stock.events {
                match event {
                    Event::Trade(trade) => (last.trade, last.traded_on) = (Some(*trade), last.quote),
                    Event::Quote(quote) => last.quote = Some(*quote),
                    Event::Bar(_) | Event::Halt { .. } => {}
                }
            }
        }
        // The lock is still held: a subscriber that has read the number receives every later update. A send without subscribers
        // is no error.
        let update = Arc::new(FeedUpdate { number: state.number, market, stocks });
        let _ = state.updates.as_ref().map(|updates| updates.send(update));
    }
}
