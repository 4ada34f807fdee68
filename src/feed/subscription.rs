//! A subscription: the events of the symbols that one client wants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::round::{Round, Told};
use super::{Last, Shared};
use klined_market::base::Symbol;

/// How long a new wish waits for the pump to see to it.
const SERVED_WITHIN: Duration = Duration::from_secs(1);

/// Why nothing more, or not everything, can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Missed {
    /// So many rounds were overwritten before they were read.
    #[error("too slow: {0} rounds were missed")]
    Lagged(u64),
    /// The hub has ended.
    #[error("the feed has ended")]
    Ended,
}

/// Hears the rounds in which its symbols are.
pub struct Subscription {
    shared: Arc<Shared>,
    rounds: broadcast::Receiver<Arc<Round>>,
    /// Each symbol wanted by name with the round up to which it is not heard.
    named: BTreeMap<Symbol, u64>,
    /// The same of all symbols.
    everything: Option<u64>,
}

impl Subscription {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let ring = shared.book().rounds.as_ref().map(broadcast::Sender::subscribe);
        let rounds = ring.unwrap_or_else(|| broadcast::channel(1).1);
        Self { shared: shared.clone(), rounds, named: BTreeMap::new(), everything: None }
    }

    /// Wants these symbols too. When it returns the pump works for them; gives the last ticks of each, as far as there are any.
    /// Whatever happens after those is heard, and nothing twice. When the pump does not answer within a second, because the
    /// database does not, they are heard from when it does.
    pub async fn want(&mut self, symbols: &[Symbol]) -> BTreeMap<Symbol, Last> {
        let version = {
            let mut book = self.shared.book();
            for &symbol in symbols {
                self.named.entry(symbol).or_insert_with(|| {
                    book.interest.add(symbol);
                    u64::MAX
                });
            }
            book.interest.version()
        };
        self.be_served(version).await;
        let book = self.shared.book();
        let mut lasts = BTreeMap::new();
        for symbol in symbols {
            if let Some(heard_to) = self.named.get_mut(symbol).filter(|heard_to| **heard_to == u64::MAX) {
                *heard_to = book.number;
            }
            lasts.extend(book.lasts.get(symbol).map(|&last| (*symbol, last)));
        }
        lasts
    }

    /// Wants all symbols, those to come included. Gives the last ticks of each, as [`Subscription::want`] does.
    pub async fn want_everything(&mut self) -> BTreeMap<Symbol, Last> {
        let version = {
            let mut book = self.shared.book();
            if self.everything.is_none() {
                book.interest.add_everything();
                self.everything = Some(u64::MAX);
            }
            book.interest.version()
        };
        self.be_served(version).await;
        let book = self.shared.book();
        self.everything = self.everything.map(|heard_to| if heard_to == u64::MAX { book.number } else { heard_to });
        book.lasts.clone()
    }

    /// Does not want these symbols any more by their names.
    pub fn unwant(&mut self, symbols: &[Symbol]) {
        let mut book = self.shared.book();
        for symbol in symbols {
            if self.named.remove(symbol).is_some() {
                book.interest.remove(symbol);
            }
        }
    }

    /// Does not want all symbols any more; those wanted by name stay.
    pub fn unwant_everything(&mut self) {
        if self.everything.take().is_some() {
            self.shared.book().interest.remove_everything();
        }
    }

    /// The next round with something for this client. Whoever stops waiting misses nothing.
    ///
    /// # Errors
    /// Rounds were missed, or the hub has ended.
    pub async fn next(&mut self) -> Result<Arc<Round>, Missed> {
        loop {
            let round = match self.rounds.recv().await {
                Ok(round) => round,
                Err(RecvError::Closed) => return Err(Missed::Ended),
                Err(RecvError::Lagged(rounds)) => {
                    self.shared.counts.lagged.fetch_add(1, Ordering::Relaxed);
                    return Err(Missed::Lagged(rounds));
                }
            };
            if !round.market.is_empty() || self.own(&round).next().is_some() {
                return Ok(round);
            }
        }
    }

    /// What of a round is for this client, in order of symbol.
    pub fn own<'a>(&'a self, round: &'a Round) -> impl Iterator<Item = &'a Told> + 'a {
        let is_all = self.everything.is_some_and(|heard_to| round.number > heard_to);
        // Whichever is shorter is walked through.
        let by_name = !is_all && self.named.len() < round.told.len();
        let named = self.named.iter().filter(move |_| by_name);
        let told = round.told.iter().filter(move |_| !by_name);
        let number = round.number;
        let is_heard = move |heard_to: &u64| number > *heard_to;
        named
            .filter(move |(_, heard_to)| is_heard(heard_to))
            .filter_map(|(symbol, _)| round.of(symbol))
            .chain(told.filter(move |told| is_all || self.named.get(&told.symbol).is_some_and(is_heard)))
    }

    async fn be_served(&self, version: u64) {
        let mut served = self.shared.served.subscribe();
        let is_served = served.wait_for(|&served| served >= version);
        // Late or never: what is wanted is wanted all the same.
        let _ = timeout(SERVED_WITHIN, is_served).await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut book = self.shared.book();
        self.named.keys().for_each(|symbol| book.interest.remove(symbol));
        if self.everything.is_some() {
            book.interest.remove_everything();
        }
    }
}
