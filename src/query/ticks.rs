//! Trades and quotes: of past minutes, made again from their bars, and of the open one as far as the market's clock has come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono::NaiveDate;
use quick_cache::sync::Cache;

use super::errors::Failure;
use crate::jobs::{Foreseen, Foresight, Market, Reading, SymbolDay, past_tick_facts, tick_facts_of_days};
use crate::store::{BarRange, StoredBar};
use klined_market::bars::ticks::{BestQuote, MinuteTicks, TickFacts, TickId, Trade};
use klined_market::base::{Clock, Interval, Ohlcv, PriceLimits, Symbol, UnixNanos, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};

use super::{DayFigures, Order};

/// How many minutes are read at once.
pub(super) const MINUTES_AT_ONCE: usize = 64;
/// The most minutes that are looked through for one page; what is found then is a page too.
pub(super) const MINUTES_MAX: usize = 2_400;
/// How many days of symbols are remembered with what their ticks need to know.
const FACTS_KEPT: usize = 8_192;
/// Above the place of every tick in its minute.
const PLACE_MAX: u16 = 9_999;

/// What ticks are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickQuery {
    pub symbol: Symbol,
    /// The first instant.
    pub from: UnixNanos,
    /// The last instant, included.
    pub to: UnixNanos,
    pub order: Order,
    pub limit: u16,
    /// Where the page before ended.
    pub after: Option<TickId>,
}

impl TickQuery {
    /// The newest ticks of all.
    #[must_use]
    pub fn newest(symbol: Symbol, limit: u16) -> Self {
        Self { symbol, from: UnixNanos::EPOCH, to: UnixNanos::MAX, order: Order::Descending, limit, after: None }
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
                Order::Ascending => id > after,
                Order::Descending => id < after,
            })
    }

    /// The minutes that may have such ticks.
    fn minutes(&self) -> BarRange {
        let (mut from, mut to) = (Minute::label_of(self.from.seconds()), self.to.seconds().next());
        match (self.order, self.after.map(TickId::minute_start)) {
            (Order::Ascending, Some(after)) => from = from.max(after),
            (Order::Descending, Some(after)) => to = to.min(after.next()),
            (_, None) => {}
        }
        BarRange { symbol: self.symbol, interval: Interval::Minute1, from, to }
    }
}

/// A page of ticks, in the order asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct TickPage<T> {
    pub ticks: Vec<T>,
    /// Where the next page begins: what [`TickQuery::after`] takes. None when there is no more at present.
    pub next: Option<TickId>,
}

/// A trade or a quote.
pub trait Tick: Copy + Send + 'static {
    fn id(&self) -> TickId;
    fn at(&self) -> UnixNanos;
    /// Those of a minute.
    fn of(ticks: &MinuteTicks) -> &[Self];
}

impl Tick for Trade {
    fn id(&self) -> TickId {
        Self::id(self)
    }

    fn at(&self) -> UnixNanos {
        self.at
    }

    fn of(ticks: &MinuteTicks) -> &[Self] {
        ticks.trades()
    }
}

impl Tick for BestQuote {
    fn id(&self) -> TickId {
        Self::id(self)
    }

    fn at(&self) -> UnixNanos {
        self.at
    }

    fn of(ticks: &MinuteTicks) -> &[Self] {
        ticks.quotes()
    }
}

/// The open minute of a symbol as far as it has come.
pub struct OpenMinute {
    pub minute: Minute,
    pub ticks: MinuteTicks,
    /// The market's time.
    pub now: UnixNanos,
}

impl OpenMinute {
    /// What stands of it.
    pub(super) fn present(&self) -> Present {
        let minute = self.ticks.until(self.now).map(|bar| (self.minute, bar));
        Present { age: Age::Present, minute, quote: self.ticks.quote_at(self.now) }
    }

    /// The newest of it; none of a kind that has not come in this minute.
    pub(super) fn latest(&self) -> LatestTicks {
        let trade = self.ticks.trades_until(self.now).last().copied();
        LatestTicks { trade, quote: self.ticks.quote_at(self.now) }
    }
}

/// As of when the latest trade and quote are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Present,
    /// As of the end of a stock's last stored minute but one.
    Stale,
}

/// What stands at present, or stood when that which is asked for was the present.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Present {
    pub age: Age,
    /// The open minute and its bar so far, none before its first trade; or the old minute.
    pub minute: Option<(Minute, Ohlcv)>,
    pub quote: Option<BestQuote>,
}

impl Present {
    /// A day's figures with what stands. With an old minute they have its close and its time.
    #[must_use]
    pub fn of_day(&self, day: DayFigures, calendar: &Calendar) -> DayFigures {
        match (self.age, &self.minute) {
            (_, None) => day,
            (Age::Present, Some((minute, bar))) => day.with(calendar, *minute, bar),
            (Age::Stale, Some((minute, bar))) => DayFigures { last: minute.start(), close: bar.close().units(), ..day },
        }
    }
}

/// The newest trade and the quote that stands; none before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LatestTicks {
    pub trade: Option<Trade>,
    pub quote: Option<BestQuote>,
}

/// Makes a market's ticks for whoever asks.
pub struct Ticks {
    market: RwLock<Arc<Market>>,
    clock: Arc<dyn Clock>,
    foresight: Mutex<Foresight>,
    facts: Cache<SymbolDay, TickFacts>,
}

impl Ticks {
    #[must_use]
    pub fn new(market: Market, clock: Arc<dyn Clock>) -> Self {
        let market = Arc::new(market);
        let foresight = Mutex::new(Foresight::new(market.clone()));
        Self { market: RwLock::new(market), clock, foresight, facts: Cache::new(FACTS_KEPT) }
    }

    /// Whose ticks they are.
    #[must_use]
    pub fn market(&self) -> Arc<Market> {
        self.market.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes those of the market as it is under another calendar from now on.
    pub fn change_market(&self, market: Market) {
        let market = Arc::new(market);
        self.foresight().go_by(market.clone());
        *self.market.write().unwrap_or_else(PoisonError::into_inner) = market;
    }

    /// Nothing may be read of the database while this is held.
    fn foresight(&self) -> MutexGuard<'_, Foresight> {
        self.foresight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open minute of a symbol; none while nobody generates it, while its trade is halted, and outside of sessions.
    pub fn open(&self, symbol: Symbol) -> Result<Option<OpenMinute>, Failure> {
        Ok(self.open_of_many(&[symbol])?.remove(&symbol))
    }

    /// The open minutes of those of these symbols that have one, as [`Ticks::open`].
    pub fn open_of_many(&self, symbols: &[Symbol]) -> Result<BTreeMap<Symbol, OpenMinute>, Failure> {
        let (market, none) = (self.market(), BTreeMap::new());
        let Some(clock) = market.store.clock()? else { return Ok(none) };
        let Ok(minute) = market.calendar.minute_starting(clock.open_minute) else { return Ok(none) };
        let now = clock.now(self.clock.now_nanos());
        if now < minute.start().saturating_nanos() {
            return Ok(none);
        }
        let reading = self.foresight().reading(minute);
        let prepared = reading.map(Reading::read).transpose()?;
        let foreseen = {
            let mut foresight = self.foresight();
            if !foresight.take(minute, prepared) {
                return Ok(none);
            }
            let foresee = |&symbol: &Symbol| Ok((symbol, foresight.foresee(symbol)?));
            symbols.iter().map(foresee).collect::<Result<Vec<_>, Failure>>()?
        };
        let made = foreseen.into_iter().filter_map(|(symbol, foreseen)| {
            let Foreseen { facts, bar } = foreseen?;
            Some((
                symbol,
                OpenMinute { minute, ticks: MinuteTicks::of(market.model.seed, &symbol, &facts, &bar?), now },
            ))
        });
        Ok(made.collect())
    }

    /// What stands at present: the open minute as far as it has come, and the best bid and ask.
    pub fn present(&self, symbol: Symbol, age: Age) -> Result<Present, Failure> {
        if age == Age::Stale {
            let Some((minute, bar, ticks)) = self.stored(symbol, 2)? else {
                return Ok(Present { age, minute: None, quote: None });
            };
            return Ok(Present { age, minute: Some((minute, bar)), quote: ticks.quotes().last().copied() });
        }
        if let Some(open) = self.open(symbol)? {
            return Ok(open.present());
        }
        let ticks = self.stored(symbol, 1)?.map(|(_, _, ticks)| ticks);
        Ok(Present { age, minute: None, quote: ticks.and_then(|ticks| ticks.quotes().last().copied()) })
    }

    /// The last stored minute of a symbol, or the last but one, with its ticks; none where there are not so many.
    fn stored(&self, symbol: Symbol, from_end: usize) -> Result<Option<(Minute, Ohlcv, MinuteTicks)>, Failure> {
        let all = BarRange { symbol, interval: Interval::Minute1, from: UnixSeconds::EPOCH, to: UnixSeconds::MAX };
        let market = self.market();
        let bars = market.store.last_bars(&[all], from_end)?;
        let Some(bar) = bars.first().filter(|_| bars.len() == from_end) else { return Ok(None) };
        let Ok(parsed) = bar.parse(&market.calendar) else { return Ok(None) };
        Ok(self.past_in(&market, symbol, bar)?.map(|ticks| (parsed.first, parsed.ohlcv, ticks)))
    }

    /// The ticks of a bar that is stored; none of one that is not as a bar must be.
    pub fn past(&self, symbol: Symbol, bar: &StoredBar) -> Result<Option<MinuteTicks>, Failure> {
        self.past_in(&self.market(), symbol, bar)
    }

    fn past_in(&self, market: &Market, symbol: Symbol, bar: &StoredBar) -> Result<Option<MinuteTicks>, Failure> {
        let Ok(bar) = bar.parse(&market.calendar) else { return Ok(None) };
        let of = (symbol, market.calendar.day_of(bar.first));
        let facts = self.facts(market, [of])?;
        Ok(facts.get(&of).map(|facts| MinuteTicks::of(market.model.seed, &symbol, facts, &bar)))
    }

    /// What the ticks of these days need to know. What is not remembered is read at once.
    pub(super) fn facts(
        &self,
        market: &Market,
        wanted: impl IntoIterator<Item = SymbolDay>,
    ) -> Result<BTreeMap<SymbolDay, TickFacts>, Failure> {
        let (mut known, mut missing) = (BTreeMap::new(), BTreeSet::new());
        for of in wanted {
            match self.facts.get(&of) {
                Some(facts) => drop(known.insert(of, facts)),
                None => drop(missing.insert(of)),
            }
        }
        for (of, facts) in tick_facts_of_days(market, &missing)? {
            self.facts.insert(of, facts);
            known.insert(of, facts);
        }
        Ok(known)
    }

    /// The price limits of some symbols on a trading day that has been or is; none of one where none hold.
    pub fn limits(&self, symbols: &BTreeSet<Symbol>, day: NaiveDate) -> Result<BTreeMap<Symbol, PriceLimits>, Failure> {
        let found = past_tick_facts(&self.market(), symbols, day)?;
        Ok(found.into_iter().filter_map(|(symbol, facts)| Some((symbol, facts.limits?))).collect())
    }

    /// A page of ticks. It may have fewer than were asked for, and more may follow all the same.
    pub fn page<T: Tick>(&self, query: &TickQuery) -> Result<TickPage<T>, Failure> {
        match query.order {
            Order::Ascending => self.ascending(query),
            Order::Descending => self.descending(query),
        }
    }

    fn ascending<T: Tick>(&self, query: &TickQuery) -> Result<TickPage<T>, Failure> {
        let (mut range, mut found, market) = (query.minutes(), Found::of(query), self.market());
        loop {
            let bars = market.store.bars(&[range], MINUTES_AT_ONCE)?;
            for bar in &bars {
                if let Some(minute) = self.past_in(&market, query.symbol, bar)? {
                    found.add(T::of(&minute).iter().copied(), UnixNanos::MAX);
                }
                if found.is_full() {
                    return Ok(found.page());
                }
            }
            let Some(last) = bars.last().filter(|_| bars.len() == MINUTES_AT_ONCE) else { break };
            if found.has_looked(bars.len()) {
                return Ok(found.unfinished(TickId::of(last.time, PLACE_MAX)));
            }
            range.from = last.time.next();
        }
        if let Some(open) =
            self.open(query.symbol)?.filter(|open| (range.from..range.to).contains(&open.minute.start()))
        {
            // What was committed meanwhile is there already.
            let told = found.ticks.last().map(T::id);
            let news = T::of(&open.ticks).iter().copied().filter(|tick| told.is_none_or(|told| tick.id() > told));
            found.add(news, open.now);
        }
        Ok(found.page())
    }

    fn descending<T: Tick>(&self, query: &TickQuery) -> Result<TickPage<T>, Failure> {
        let (mut range, mut found, market) = (query.minutes(), Found::of(query), self.market());
        if let Some(open) = self.open(query.symbol)? {
            if (range.from..range.to).contains(&open.minute.start()) {
                found.add(T::of(&open.ticks).iter().rev().copied(), open.now);
            }
            range.to = range.to.min(open.minute.start());
        }
        while !found.is_full() {
            let bars = market.store.last_bars(&[range], MINUTES_AT_ONCE)?;
            for bar in bars.iter().rev() {
                if let Some(minute) = self.past_in(&market, query.symbol, bar)? {
                    found.add(T::of(&minute).iter().rev().copied(), UnixNanos::MAX);
                }
                if found.is_full() {
                    return Ok(found.page());
                }
            }
            let Some(first) = bars.first().filter(|_| bars.len() == MINUTES_AT_ONCE) else { break };
            if found.has_looked(bars.len()) {
                return Ok(found.unfinished(TickId::of(first.time, 0)));
            }
            range.to = first.time;
        }
        Ok(found.page())
    }
}

/// What has been found for a page.
struct Found<'q, T> {
    query: &'q TickQuery,
    ticks: Vec<T>,
    looked: usize,
}

impl<'q, T: Tick> Found<'q, T> {
    fn of(query: &'q TickQuery) -> Self {
        Self { query, ticks: Vec::new(), looked: 0 }
    }

    /// Takes what is wanted of a minute's ticks that had happened by an instant, and no more than tells that another page
    /// follows.
    fn add(&mut self, ticks: impl Iterator<Item = T>, now: UnixNanos) {
        let left = (usize::from(self.query.limit) + 1).saturating_sub(self.ticks.len());
        let wanted = ticks.filter(|tick| tick.at() <= now && self.query.has(tick.id(), tick.at()));
        self.ticks.extend(wanted.take(left));
    }

    /// Whether it is known that another page follows.
    fn is_full(&self) -> bool {
        self.ticks.len() > usize::from(self.query.limit)
    }

    /// Counts minutes that were looked through; whether they are enough for one page.
    fn has_looked(&mut self, minutes: usize) -> bool {
        self.looked += minutes;
        self.looked >= MINUTES_MAX
    }

    fn page(mut self) -> TickPage<T> {
        let is_full = self.is_full();
        self.ticks.truncate(usize::from(self.query.limit));
        TickPage { next: self.ticks.last().filter(|_| is_full).map(T::id), ticks: self.ticks }
    }

    fn unfinished(self, next: TickId) -> TickPage<T> {
        TickPage { next: Some(next), ticks: self.ticks }
    }
}
