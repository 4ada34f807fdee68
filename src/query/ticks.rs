//! Trades and quotes: those of past minutes are computed again from the bars, those of the open minute are given up to the
//! market's clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono::NaiveDate;
use quick_cache::sync::Cache;

use super::errors::Failure;
use crate::jobs::{Foreseen, Foresight, Market, Reading, SymbolDay, past_tick_facts, tick_facts_of_days};
use crate::store::{BarRange, StoredBar};
use klined_market::bars::ticks::{BestQuote, MinuteTicks, TickFacts, TickId, Trade};
use klined_market::base::{Clock, Interval, Ohlcv, PriceLimits, Symbol, Traded, UnixNanos, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};

use super::tick_pages::{Found, Tick, TickPage, TickQuery};
use super::{DayFigures, TimeOrder};

/// The most minutes of one read.
pub(super) const MINUTES_AT_ONCE: usize = 64;
/// The most days of symbols whose tick facts stay in memory.
const FACTS_KEPT: usize = 8_192;
/// Above the place of every tick in its minute.
const PLACE_MAX: u16 = 9_999;

/// The open minute of a symbol, with the market's time.
pub struct OpenMinute {
    pub minute: Minute,
    pub ticks: MinuteTicks,
    /// The market's time.
    pub now: UnixNanos,
}

impl OpenMinute {
    /// The part of the minute that has passed.
    pub(super) fn present(&self) -> Present {
        let minute = self.ticks.until(self.now).map(|bar| (self.minute, bar));
        Present { age: Age::Present, minute, quote: self.ticks.quote_at(self.now) }
    }

    /// The newest trade and quote of the minute; none before the minute's first.
    pub(super) fn latest(&self) -> LatestTicks {
        let trade = self.ticks.trades_until(self.now).last().copied();
        LatestTicks { trade, quote: self.ticks.quote_at(self.now) }
    }
}

/// The instant of the latest trade and quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    Present,
    /// The end of a stock's last stored minute but one.
    Stale,
}

/// The state of a stock at present, or at the end of an old minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Present {
    pub age: Age,
    /// The open minute with its bar so far, none before its first trade; or the old minute.
    pub minute: Option<(Minute, Ohlcv)>,
    pub quote: Option<BestQuote>,
}

impl Present {
    /// Adds this state to a day's figures. An old minute replaces their close and their time.
    #[must_use]
    pub fn of_day(&self, day: DayFigures, calendar: &Calendar) -> DayFigures {
        match (self.age, &self.minute) {
            (_, None) => day,
            (Age::Present, Some((minute, bar))) => day.with(calendar, *minute, bar),
            (Age::Stale, Some((minute, bar))) => DayFigures { last: minute.start(), close: bar.close().units(), ..day },
        }
    }
}

/// The newest trade and the newest quote; none before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LatestTicks {
    pub trade: Option<Trade>,
    pub quote: Option<BestQuote>,
}

/// Computes a market's ticks for many readers at once.
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

    /// The market.
    #[must_use]
    pub fn market(&self) -> Arc<Market> {
        self.market.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses the market under another calendar from now on.
    pub fn change_market(&self, market: Market) {
        let market = Arc::new(market);
        self.foresight().go_by(market.clone());
        *self.market.write().unwrap_or_else(PoisonError::into_inner) = market;
    }

    /// Locks the foresight. A caller must not read the database while it holds the lock.
    fn foresight(&self) -> MutexGuard<'_, Foresight> {
        self.foresight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The market's present instant; none before the generator's first minute.
    pub(super) fn market_time(&self) -> Result<Option<UnixNanos>, Failure> {
        Ok(self.market().store.clock()?.map(|clock| clock.now(self.clock.now_nanos())))
    }

    /// The open minute of a symbol; none while no process generates it, while its trading is halted, and outside of sessions.
    pub fn open(&self, symbol: Symbol) -> Result<Option<OpenMinute>, Failure> {
        Ok(self.open_of_many(&[symbol])?.remove(&symbol))
    }

    /// The open minutes of several symbols, as [`Ticks::open`]. Symbols without one are left out.
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
                OpenMinute { minute, ticks: MinuteTicks::of(market.source.seed(), &symbol, &facts, &bar?), now },
            ))
        });
        Ok(made.collect())
    }

    /// The present state of a stock: the open minute so far, and the best bid and ask.
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

    /// The ticks of a stored bar; none of a row that is no valid bar.
    pub fn past(&self, symbol: Symbol, bar: &StoredBar) -> Result<Option<MinuteTicks>, Failure> {
        self.past_in(&self.market(), symbol, bar)
    }

    fn past_in(&self, market: &Market, symbol: Symbol, bar: &StoredBar) -> Result<Option<MinuteTicks>, Failure> {
        let Ok(bar) = bar.parse(&market.calendar) else { return Ok(None) };
        let of = (symbol, market.calendar.day_of(bar.first));
        let facts = self.facts(market, [of])?;
        Ok(facts.get(&of).map(|facts| MinuteTicks::of(market.source.seed(), &symbol, facts, &bar)))
    }

    /// The tick facts of these days. All that are not in memory are read by two queries.
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

    /// Turnover and number of a stock's trades from one stored minute to another, both included, as their ticks have them. None where
    /// the turnover is above [`Traded::TURNOVER_MAX`].
    pub fn traded(&self, symbol: Symbol, from: UnixSeconds, to: UnixSeconds) -> Result<Option<Traded>, Failure> {
        let (market, mut sums) = (self.market(), Some(Traded::NOTHING));
        let mut range = BarRange { symbol, interval: Interval::Minute1, from, to: to.next() };
        loop {
            let bars = market.store.traded_bars(&[range], MINUTES_AT_ONCE)?;
            for bar in &bars {
                if let Some(ticks) = self.past_in(&market, symbol, bar)? {
                    sums = sums.zip(ticks.traded()).and_then(|(sums, more)| sums.plus(more));
                }
            }
            let Some(last) = bars.last().filter(|_| bars.len() == MINUTES_AT_ONCE) else { return Ok(sums) };
            range.from = last.time.next();
        }
    }

    /// The price limits of some symbols on a past or present trading day. Symbols without limits are left out.
    pub fn limits(&self, symbols: &BTreeSet<Symbol>, day: NaiveDate) -> Result<BTreeMap<Symbol, PriceLimits>, Failure> {
        let found = past_tick_facts(&self.market(), symbols, day)?;
        Ok(found.into_iter().filter_map(|(symbol, facts)| Some((symbol, facts.limits?))).collect())
    }

    /// The price limits of symbols on days of each, of those that have any.
    pub fn limits_of_days(&self, wanted: &BTreeSet<SymbolDay>) -> Result<BTreeMap<SymbolDay, PriceLimits>, Failure> {
        let found = tick_facts_of_days(&self.market(), wanted)?;
        Ok(found.into_iter().filter_map(|(day, facts)| Some((day, facts.limits?))).collect())
    }

    /// A page of ticks. It may be shorter than the limit although another page follows.
    pub fn page<T: Tick>(&self, query: &TickQuery) -> Result<TickPage<T>, Failure> {
        match query.order {
            TimeOrder::Ascending => self.ascending(query),
            TimeOrder::Descending => self.descending(query),
        }
    }

    fn ascending<T: Tick>(&self, query: &TickQuery) -> Result<TickPage<T>, Failure> {
        let (mut range, mut found, market) = (query.minutes(), Found::of(query), self.market());
        loop {
            let bars = match T::NEEDS_VOLUME {
                true => market.store.traded_bars(&[range], MINUTES_AT_ONCE)?,
                false => market.store.bars(&[range], MINUTES_AT_ONCE)?,
            };
            for bar in &bars {
                if let Some(minute) = self.past_in(&market, query.symbol, bar)? {
                    found.add(T::of(&minute), UnixNanos::MAX);
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
            // Ticks of a minute that was committed meanwhile are in the page already.
            let last = found.ticks.last().map(T::id);
            let news = T::of(&open.ticks).filter(|tick| last.is_none_or(|last| tick.id() > last));
            found.add(news, open.now);
        }
        Ok(found.page())
    }

    fn descending<T: Tick>(&self, query: &TickQuery) -> Result<TickPage<T>, Failure> {
        let (mut range, mut found, market) = (query.minutes(), Found::of(query), self.market());
        if let Some(open) = self.open(query.symbol)? {
            if (range.from..range.to).contains(&open.minute.start()) {
                found.add(T::of(&open.ticks).rev(), open.now);
            }
            range.to = range.to.min(open.minute.start());
        }
        while !found.is_full() {
            let bars = match T::NEEDS_VOLUME {
                true => market.store.last_traded_bars(&[range], MINUTES_AT_ONCE)?,
                false => market.store.last_bars(&[range], MINUTES_AT_ONCE)?,
            };
            for bar in bars.iter().rev() {
                if let Some(minute) = self.past_in(&market, query.symbol, bar)? {
                    found.add(T::of(&minute).rev(), UnixNanos::MAX);
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
