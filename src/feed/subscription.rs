//! A subscription: the events of the symbols that one client has subscribed to.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::backlog::Backlog;
use super::update::{FeedUpdate, StockEvents};
use super::{Last, Shared};
use klined_market::base::Symbol;

/// How long a new subscription waits for the pump to include its symbols.
const SERVED_WITHIN: Duration = Duration::from_secs(1);

/// Why a subscription has missed updates or receives no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Missed {
    /// The ring overwrote this many updates before the subscriber read them.
    #[error("too slow: {0} updates were missed")]
    Lagged(u64),
    /// The hub has stopped.
    #[error("the feed has ended")]
    Ended,
}

/// Receives the updates that contain one of its symbols.
pub struct Subscription {
    shared: Arc<Shared>,
    updates: broadcast::Receiver<Arc<FeedUpdate>>,
    backlog: Arc<Backlog>,
    /// Each symbol subscribed to by name, with the number of the last update that is not for this client.
    named: BTreeMap<Symbol, u64>,
    /// The same of all symbols.
    everything: Option<u64>,
}

impl Subscription {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let mut state = shared.state();
        let ring = state.updates.as_ref().map(broadcast::Sender::subscribe);
        let updates = ring.unwrap_or_else(|| broadcast::channel(1).1);
        let backlog = Arc::new(Backlog::since(state.number));
        state.backlogs.push(backlog.clone());
        drop(state);
        Self { shared: shared.clone(), updates, backlog, named: BTreeMap::new(), everything: None }
    }

    /// Subscribes to more symbols. Returns the last ticks of each symbol that has any. The client receives every later event
    /// exactly once. The call waits until the pump has included the symbols, but at most a second: while the database does not
    /// answer, events begin when it answers again.
    pub async fn subscribe_to(&mut self, symbols: &[Symbol]) -> BTreeMap<Symbol, Last> {
        let version = {
            let mut state = self.shared.state();
            for &symbol in symbols {
                self.named.entry(symbol).or_insert_with(|| {
                    state.interest.add(symbol);
                    u64::MAX
                });
            }
            state.interest.version()
        };
        self.be_served(version).await;
        let state = self.shared.state();
        let mut lasts = BTreeMap::new();
        for symbol in symbols {
            if let Some(heard_to) = self.named.get_mut(symbol).filter(|heard_to| **heard_to == u64::MAX) {
                *heard_to = state.number;
            }
            lasts.extend(state.lasts.get(symbol).map(|&last| (*symbol, last)));
        }
        lasts
    }

    /// Subscribes to all symbols, future ones included. Returns the last ticks of each, as [`Subscription::subscribe_to`] does.
    pub async fn subscribe_to_all(&mut self) -> BTreeMap<Symbol, Last> {
        let version = {
            let mut state = self.shared.state();
            if self.everything.is_none() {
                state.interest.add_all();
                self.everything = Some(u64::MAX);
            }
            state.interest.version()
        };
        self.be_served(version).await;
        let state = self.shared.state();
        self.everything = self.everything.map(|heard_to| if heard_to == u64::MAX { state.number } else { heard_to });
        state.lasts.clone()
    }

    /// Ends the subscription to these symbols by name.
    pub fn unsubscribe_from(&mut self, symbols: &[Symbol]) {
        let mut state = self.shared.state();
        for symbol in symbols {
            if self.named.remove(symbol).is_some() {
                state.interest.remove(symbol);
            }
        }
    }

    /// Ends the subscription to all symbols. Subscriptions by name stay.
    pub fn unsubscribe_from_all(&mut self) {
        if self.everything.take().is_some() {
            self.shared.state().interest.remove_all();
        }
    }

    /// Waits for the next update with an event for this client. The future can be dropped without losing an update.
    ///
    /// # Errors
    /// The subscription missed updates, or the hub has stopped.
    pub async fn next(&mut self) -> Result<Arc<FeedUpdate>, Missed> {
        loop {
            let update = match self.updates.recv().await {
                Ok(update) => update,
                Err(RecvError::Closed) => return Err(Missed::Ended),
                Err(RecvError::Lagged(updates)) => {
                    self.shared.counts.lagged.fetch_add(1, Ordering::Relaxed);
                    return Err(Missed::Lagged(updates));
                }
            };
            self.backlog.take(update.number);
            if !update.market.is_empty() || self.own(&update).next().is_some() {
                return Ok(update);
            }
        }
    }

    /// Waits for something that the client has to do. The feed does not wait for this subscription meanwhile.
    pub async fn wait_for_client<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            self.backlog.wait_for_client(polled.is_pending());
            polled
        })
        .await
    }

    /// Selects the events of an update that this client subscribed to, in order of symbol.
    pub fn own<'a>(&'a self, update: &'a FeedUpdate) -> impl Iterator<Item = &'a StockEvents> + 'a {
        let is_all = self.everything.is_some_and(|heard_to| update.number > heard_to);
        // The shorter of both lists is iterated.
        let by_name = !is_all && self.named.len() < update.stocks.len();
        let named = self.named.iter().filter(move |_| by_name);
        let stocks = update.stocks.iter().filter(move |_| !by_name);
        let number = update.number;
        let is_heard = move |heard_to: &u64| number > *heard_to;
        named
            .filter(move |(_, heard_to)| is_heard(heard_to))
            .filter_map(|(symbol, _)| update.of(symbol))
            .chain(stocks.filter(move |stock| is_all || self.named.get(&stock.symbol).is_some_and(is_heard)))
    }

    async fn be_served(&self, version: u64) {
        let mut served = self.shared.served.subscribe();
        let is_served = served.wait_for(|&served| served >= version);
        // After a timeout the subscription holds all the same.
        let _ = timeout(SERVED_WITHIN, is_served).await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.backlogs.retain(|backlog| !Arc::ptr_eq(backlog, &self.backlog));
        self.named.keys().for_each(|symbol| state.interest.remove(symbol));
        if self.everything.is_some() {
            state.interest.remove_all();
        }
    }
}
