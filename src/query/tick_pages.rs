//! Pages of trades or quotes: which ticks a client asks for, and the page that is filled with them.

use crate::store::BarRange;
use klined_market::bars::ticks::{BestQuote, MinuteTicks, TickId, Trade};
use klined_market::base::{Interval, Symbol, UnixNanos, UnixSeconds};
use klined_market::calendar::Minute;

use super::TimeOrder;

/// The most minutes that are searched for one page. The page ends there, even when it is not full.
pub(super) const MINUTES_MAX: usize = 2_400;

/// A query for ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickQuery {
    pub symbol: Symbol,
    /// The first instant.
    pub from: UnixNanos,
    /// The last instant, included.
    pub to: UnixNanos,
    pub order: TimeOrder,
    pub limit: u16,
    /// Continues after a page: the identifier of that page's last tick.
    pub after: Option<TickId>,
}

impl TickQuery {
    /// The newest ticks of all.
    #[must_use]
    pub fn newest(symbol: Symbol, limit: u16) -> Self {
        Self { symbol, from: UnixNanos::EPOCH, to: UnixNanos::MAX, order: TimeOrder::Descending, limit, after: None }
    }

    /// The seconds from one to another, both included.
    #[must_use]
    pub fn within(self, start: Option<UnixSeconds>, end: Option<UnixSeconds>) -> Self {
        let to = end.map_or(UnixNanos::MAX, |end| end.next().saturating_nanos().previous());
        Self { from: start.map_or(UnixNanos::EPOCH, UnixSeconds::saturating_nanos), to, ..self }
    }

    fn has(&self, id: TickId, at: UnixNanos) -> bool {
        (self.from..=self.to).contains(&at)
            && self.after.is_none_or(|after| match self.order {
                TimeOrder::Ascending => id > after,
                TimeOrder::Descending => id < after,
            })
    }

    /// The minutes that may have such ticks.
    pub(super) fn minutes(&self) -> BarRange {
        let (mut from, mut to) = (Minute::label_of(self.from.seconds()), self.to.seconds().next());
        match (self.order, self.after.map(TickId::minute_start)) {
            (TimeOrder::Ascending, Some(after)) => from = from.max(after),
            (TimeOrder::Descending, Some(after)) => to = to.min(after.next()),
            (_, None) => {}
        }
        BarRange { symbol: self.symbol, interval: Interval::Minute1, from, to }
    }
}

/// A page of ticks, in the order of the query.
#[derive(Debug, Clone, PartialEq)]
pub struct TickPage<T> {
    pub ticks: Vec<T>,
    /// The value of [`TickQuery::after`] for the next page; none when there are no more ticks at present.
    pub next: Option<TickId>,
}

/// A trade or a quote.
pub trait Tick: Copy + Send + 'static {
    /// Whether a minute without volume has none.
    const NEEDS_VOLUME: bool;

    fn id(&self) -> TickId;
    fn at(&self) -> UnixNanos;
    /// The ticks of this kind in a minute, in order.
    fn of(ticks: &MinuteTicks) -> impl DoubleEndedIterator<Item = Self>;
}

/// A trade with the quote at which it was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuotedTrade {
    pub trade: Trade,
    pub quote: Option<BestQuote>,
}

impl Tick for QuotedTrade {
    const NEEDS_VOLUME: bool = true;

    fn id(&self) -> TickId {
        self.trade.id()
    }

    fn at(&self) -> UnixNanos {
        self.trade.at
    }

    fn of(ticks: &MinuteTicks) -> impl DoubleEndedIterator<Item = Self> {
        let quote = |trade: &Trade| ticks.quotes().get(usize::from(trade.place)).copied();
        ticks.trades().iter().map(move |trade| Self { trade: *trade, quote: quote(trade) })
    }
}

impl Tick for Trade {
    const NEEDS_VOLUME: bool = true;

    fn id(&self) -> TickId {
        Self::id(self)
    }

    fn at(&self) -> UnixNanos {
        self.at
    }

    fn of(ticks: &MinuteTicks) -> impl DoubleEndedIterator<Item = Self> {
        ticks.trades().iter().copied()
    }
}

impl Tick for BestQuote {
    const NEEDS_VOLUME: bool = false;

    fn id(&self) -> TickId {
        Self::id(self)
    }

    fn at(&self) -> UnixNanos {
        self.at
    }

    fn of(ticks: &MinuteTicks) -> impl DoubleEndedIterator<Item = Self> {
        ticks.quotes().iter().copied()
    }
}

/// The ticks found for a page.
pub(super) struct Found<'q, T> {
    query: &'q TickQuery,
    pub(super) ticks: Vec<T>,
    looked: usize,
}

impl<'q, T: Tick> Found<'q, T> {
    pub(super) fn of(query: &'q TickQuery) -> Self {
        Self { query, ticks: Vec::new(), looked: 0 }
    }

    /// Adds the ticks of a minute that match the query and happened by an instant. One tick more than the limit shows that another
    /// page follows.
    pub(super) fn add(&mut self, ticks: impl Iterator<Item = T>, now: UnixNanos) {
        let left = (usize::from(self.query.limit) + 1).saturating_sub(self.ticks.len());
        let wanted = ticks.filter(|tick| tick.at() <= now && self.query.has(tick.id(), tick.at()));
        self.ticks.extend(wanted.take(left));
    }

    /// Whether one tick more than the limit was found.
    pub(super) fn is_full(&self) -> bool {
        self.ticks.len() > usize::from(self.query.limit)
    }

    /// Counts minutes that were searched. Returns whether the page must end.
    pub(super) fn has_looked(&mut self, minutes: usize) -> bool {
        self.looked += minutes;
        self.looked >= MINUTES_MAX
    }

    pub(super) fn page(mut self) -> TickPage<T> {
        let is_full = self.is_full();
        self.ticks.truncate(usize::from(self.query.limit));
        TickPage { next: self.ticks.last().filter(|_| is_full).map(T::id), ticks: self.ticks }
    }

    pub(super) fn unfinished(self, next: TickId) -> TickPage<T> {
        TickPage { next: Some(next), ticks: self.ticks }
    }
}
