//! Trades and quotes: of past minutes, made again from their bars, and of the open one as far as the market's clock has come.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use quick_cache::sync::Cache;

use crate::bars::Bar;
use crate::bars::ticks::{BestQuote, MinuteTicks, TickFacts, TickId, Trade};
use crate::base::{Clock, Interval, Ohlcv, Symbol, UnixNanos, UnixSeconds};
use crate::calendar::Minute;
use crate::jobs::{Foresight, Market, past_tick_facts};
use crate::serve::errors::Failure;
use crate::store::{BarRange, StoredBar};

const NANOS_PER_SECOND: UnixNanos = 1_000_000_000;
/// How many minutes are read at once.
const MINUTES_AT_ONCE: usize = 64;
/// The most minutes that are looked through for one page; what is found then is a page too.
const MINUTES_MAX: usize = 2_400;
/// How many days of symbols are remembered with what their ticks need to know.
const FACTS_KEPT: usize = 8_192;
/// Above the place of every tick in its minute.
const PLACE_MAX: u16 = 9_999;

/// What ticks are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickQuery {
    pub symbol: Symbol,
    /// The first second, in Unix seconds. Without one: the latest ticks.
    pub start: Option<UnixSeconds>,
    /// The last second, included.
    pub end: Option<UnixSeconds>,
    pub limit: u16,
    /// Where the page before ended.
    pub after: Option<TickId>,
}

/// A page of ticks, in order of time.
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

/// What stands at present.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Present {
    /// The open minute and its bar so far; none before its first trade.
    pub open: Option<(Minute, Ohlcv)>,
    pub quote: Option<BestQuote>,
}

/// Makes a market's ticks for whoever asks.
pub struct Ticks {
    market: Market,
    clock: Arc<dyn Clock>,
    foresight: Mutex<Foresight>,
    facts: Cache<(Symbol, NaiveDate), TickFacts>,
}

impl Ticks {
    #[must_use]
    pub fn new(market: Market, clock: Arc<dyn Clock>) -> Self {
        let foresight = Mutex::new(Foresight::new(market.clone()));
        Self { market, clock, foresight, facts: Cache::new(FACTS_KEPT) }
    }

    /// Whose ticks they are.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The open minute of a symbol; none while nobody generates it, while its trade is halted, and outside of sessions.
    pub fn open(&self, symbol: Symbol) -> Result<Option<OpenMinute>, Failure> {
        let Some(clock) = self.market.store.clock()? else { return Ok(None) };
        let Ok(minute) = self.market.calendar.minute_starting(clock.open_minute) else { return Ok(None) };
        let now = clock.now(self.clock.now_nanos());
        if now < minute.start() * NANOS_PER_SECOND {
            return Ok(None);
        }
        let mut foresight = self.foresight.lock().unwrap_or_else(PoisonError::into_inner);
        let foreseen = if foresight.prepare(minute)? { foresight.foresee(symbol)? } else { None };
        let made = foreseen.and_then(|foreseen| {
            let ticks = MinuteTicks::of(self.market.model.seed, &symbol, &foreseen.facts, &foreseen.bar?);
            Some(OpenMinute { minute, ticks, now })
        });
        Ok(made)
    }

    /// What stands at present: the open minute as far as it has come, and the best bid and ask.
    pub fn present(&self, symbol: Symbol) -> Result<Present, Failure> {
        if let Some(OpenMinute { minute, ticks, now }) = self.open(symbol)? {
            return Ok(Present { open: ticks.until(now).map(|bar| (minute, bar)), quote: ticks.quote_at(now) });
        }
        let newest = BarRange { symbol, interval: Interval::Minute1, from: 0, to: UnixSeconds::MAX };
        let last = self.market.store.last_bars(&[newest], 1)?.pop();
        let ticks = last.map(|bar| self.past(symbol, &bar)).transpose()?.flatten();
        Ok(Present { open: None, quote: ticks.and_then(|ticks| ticks.quotes().last().copied()) })
    }

    /// The ticks of a bar that is stored; none of one that is not as a bar must be.
    pub fn past(&self, symbol: Symbol, bar: &StoredBar) -> Result<Option<MinuteTicks>, Failure> {
        let Ok(bar) = bar.parse(&self.market.calendar) else { return Ok(None) };
        let facts = self.facts(symbol, &bar)?;
        Ok(facts.map(|facts| MinuteTicks::of(self.market.model.seed, &symbol, &facts, &bar)))
    }

    fn facts(&self, symbol: Symbol, bar: &Bar) -> Result<Option<TickFacts>, Failure> {
        let day = self.market.calendar.day_of(bar.first);
        if let Some(facts) = self.facts.get(&(symbol, day)) {
            return Ok(Some(facts));
        }
        let found = past_tick_facts(&self.market, &BTreeSet::from([symbol]), day)?.remove(&symbol);
        found.inspect(|facts| self.facts.insert((symbol, day), *facts));
        Ok(found)
    }

    /// A page of ticks.
    pub fn page<T: Tick>(&self, query: &TickQuery) -> Result<TickPage<T>, Failure> {
        match (query.start, query.after) {
            (None, None) => self.latest(query),
            _ => self.range(query),
        }
    }

    fn range<T: Tick>(&self, query: &TickQuery) -> Result<TickPage<T>, Failure> {
        let wanted = Wanted::of(query);
        let (mut from, limit) = (wanted.first_minute, usize::from(query.limit));
        let (mut ticks, mut looked) = (Vec::new(), 0);
        let page = |mut ticks: Vec<T>| {
            ticks.truncate(limit);
            TickPage { next: ticks.last().map(T::id), ticks }
        };
        loop {
            let range = wanted.bars(query.symbol, from);
            let bars = self.market.store.bars(&[range], MINUTES_AT_ONCE)?;
            for bar in &bars {
                if let Some(minute) = self.past(query.symbol, bar)? {
                    ticks.extend(wanted.of_minute::<T>(&minute, UnixNanos::MAX));
                }
                if ticks.len() > limit {
                    return Ok(page(ticks));
                }
            }
            looked += bars.len();
            let Some(last) = bars.last().filter(|_| bars.len() == MINUTES_AT_ONCE) else { break };
            if looked >= MINUTES_MAX {
                return Ok(TickPage { ticks, next: Some(TickId::of(last.time, PLACE_MAX)) });
            }
            from = last.time + 1;
        }
        if let Some(open) = self.open(query.symbol)?.filter(|open| open.minute.start() >= from) {
            // What was committed meanwhile is there already.
            let told = ticks.last().map(T::id);
            let news = wanted.of_minute::<T>(&open.ticks, open.now);
            ticks.extend(news.filter(|tick| told.is_none_or(|told| tick.id() > told)));
        }
        if ticks.len() > limit { Ok(page(ticks)) } else { Ok(TickPage { ticks, next: None }) }
    }

    fn latest<T: Tick>(&self, query: &TickQuery) -> Result<TickPage<T>, Failure> {
        let (wanted, limit) = (Wanted::of(query), usize::from(query.limit));
        let mut range = wanted.bars(query.symbol, 0);
        // Minute after minute backwards.
        let mut minutes: Vec<Vec<T>> = Vec::new();
        if let Some(open) = self.open(query.symbol)? {
            range.to = range.to.min(open.minute.start());
            minutes.push(wanted.of_minute(&open.ticks, open.now).collect());
        }
        let (mut found, mut looked) = (minutes.iter().map(Vec::len).sum::<usize>(), 0);
        while found < limit && looked < MINUTES_MAX {
            let bars = self.market.store.last_bars(&[range], MINUTES_AT_ONCE)?;
            for bar in bars.iter().rev() {
                if let Some(minute) = self.past(query.symbol, bar)?.filter(|_| found < limit) {
                    minutes.push(wanted.of_minute(&minute, UnixNanos::MAX).collect());
                    found += minutes.last().map_or(0, Vec::len);
                }
            }
            looked += bars.len();
            let Some(first) = bars.first().filter(|_| bars.len() == MINUTES_AT_ONCE) else { break };
            range.to = first.time;
        }
        let mut ticks: Vec<T> = minutes.into_iter().rev().flatten().collect();
        drop(ticks.drain(..ticks.len().saturating_sub(limit)));
        Ok(TickPage { ticks, next: None })
    }
}

/// Which ticks a query is for.
struct Wanted {
    first_minute: UnixSeconds,
    last_second: UnixSeconds,
    from: UnixNanos,
    to: UnixNanos,
    after: Option<TickId>,
}

impl Wanted {
    fn of(query: &TickQuery) -> Self {
        let start = query.start.unwrap_or(0);
        let last_second = query.end.unwrap_or(UnixSeconds::MAX);
        let resumed = query.after.map_or(0, TickId::minute_start);
        Self {
            first_minute: (start - start.rem_euclid(Minute::SECONDS)).max(resumed),
            last_second,
            from: start.saturating_mul(NANOS_PER_SECOND),
            to: last_second.saturating_add(1).saturating_mul(NANOS_PER_SECOND),
            after: query.after,
        }
    }

    fn bars(&self, symbol: Symbol, from: UnixSeconds) -> BarRange {
        BarRange { symbol, interval: Interval::Minute1, from, to: self.last_second.saturating_add(1) }
    }

    fn of_minute<'t, T: Tick>(&self, ticks: &'t MinuteTicks, now: UnixNanos) -> impl Iterator<Item = T> + use<'t, T> {
        let (from, to, after) = (self.from, self.to, self.after);
        let is_wanted = move |tick: &&T| {
            from <= tick.at() && tick.at() < to && tick.at() <= now && after.is_none_or(|after| tick.id() > after)
        };
        T::of(ticks).iter().filter(is_wanted).copied()
    }
}
