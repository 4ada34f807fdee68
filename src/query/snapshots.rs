//! Snapshots: what stands of many stocks at one moment.
//!
//! The number of questions to the database does not depend on the number of stocks, up to [`STOCKS_AT_ONCE`] of them.

use std::collections::BTreeMap;

use super::days::{DayBars, STOCKS_AT_ONCE, days};
use super::errors::Failure;
use super::tick_pages::MINUTES_MAX;
use super::ticks::{Age, LatestTicks, MINUTES_AT_ONCE, OpenMinute, Present, Ticks};
use crate::jobs::Market;
use crate::store::{BarRange, StoredBar};
use klined_market::bars::Bar;
use klined_market::bars::ticks::MinuteTicks;
use klined_market::base::{Interval, Symbol, UnixSeconds};

/// What stands of a stock.
#[derive(Debug, Clone)]
pub struct StockSnapshot {
    /// The committed part of its last day, the day before, and its last committed minute.
    pub days: DayBars,
    /// The ticks of the last committed minute. None where the open minute has both a trade and a quote already, and where the
    /// committed bar is not as a bar must be.
    pub minute: Option<MinuteTicks>,
    /// The open minute as far as it has come, and the best bid and ask.
    pub present: Present,
    /// The newest trade and quote.
    pub latest: LatestTicks,
}

/// The search for a stock's newest trade and quote among its stored minutes.
struct Search {
    symbol: Symbol,
    latest: LatestTicks,
    /// Start of the earliest minute that has been looked at; only earlier ones are left.
    before: UnixSeconds,
}

impl Search {
    /// Begins with what the open minute has.
    fn from(symbol: Symbol, open: Option<&OpenMinute>) -> Self {
        let latest = open.map(OpenMinute::latest).unwrap_or_default();
        Self { symbol, latest, before: open.map_or(UnixSeconds::MAX, |open| open.minute.start()) }
    }

    fn is_over(&self) -> bool {
        self.latest.trade.is_some() && self.latest.quote.is_some()
    }

    /// Looks at a minute, unless it is not earlier than those that were looked at.
    fn look_at(&mut self, start: UnixSeconds, ticks: Option<&MinuteTicks>) {
        if start >= self.before {
            return;
        }
        self.before = start;
        if let Some(ticks) = ticks {
            self.latest.trade = self.latest.trade.or_else(|| ticks.trades().last().copied());
            self.latest.quote = self.latest.quote.or_else(|| ticks.quotes().last().copied());
        }
    }
}

impl Ticks {
    /// Snapshots of those of these stocks that have a bar, in the order given.
    pub fn snapshots(&self, symbols: &[Symbol]) -> Result<Vec<StockSnapshot>, Failure> {
        let chunks = symbols.chunks(STOCKS_AT_ONCE).map(|chunk| self.snapshots_of_chunk(chunk));
        Ok(chunks.collect::<Result<Vec<_>, Failure>>()?.into_iter().flatten().collect())
    }

    fn snapshots_of_chunk(&self, symbols: &[Symbol]) -> Result<Vec<StockSnapshot>, Failure> {
        let market = self.market();
        // The open minutes come first: a minute that is committed meanwhile is in both, and counts once.
        let open = self.open_of_many(symbols)?;
        let days = days(&*market.store, &market.calendar, symbols)?;
        let mut searches: Vec<Search> =
            days.iter().map(|day| Search::from(day.symbol, open.get(&day.symbol))).collect();
        let unfinished = days.iter().zip(&searches).filter(|(_, search)| !search.is_over());
        let bars: Vec<(Symbol, StoredBar)> = unfinished.map(|(day, _)| (day.symbol, day.minute.stored())).collect();
        let made = self.past_of_many(&market, &bars)?;
        let mut minutes: BTreeMap<Symbol, MinuteTicks> =
            bars.iter().zip(made).filter_map(|((symbol, _), ticks)| Some((*symbol, ticks?))).collect();
        for (search, day) in searches.iter_mut().zip(&days) {
            search.look_at(day.minute.start, minutes.get(&day.symbol));
        }
        self.finish(&market, &mut searches)?;
        let snapshot = |(days, search): (DayBars, Search)| {
            let minute = minutes.remove(&days.symbol);
            let quote = || minute.as_ref().and_then(|ticks| ticks.quotes().last().copied());
            let present = match open.get(&days.symbol) {
                Some(open) => open.present(),
                None => Present { age: Age::Present, minute: None, quote: quote() },
            };
            StockSnapshot { days, minute, present, latest: search.latest }
        };
        Ok(days.into_iter().zip(searches).map(snapshot).collect())
    }

    /// The last stored minute with a volume of each of these stocks that has one, with its ticks, as [`Ticks::past`] makes them.
    pub fn last_traded_minutes(
        &self,
        symbols: &[Symbol],
    ) -> Result<Vec<(Symbol, StoredBar, Option<MinuteTicks>)>, Failure> {
        let market = self.market();
        let ranges: Vec<BarRange> = symbols.iter().map(|symbol| minutes_before(*symbol, UnixSeconds::MAX)).collect();
        let bars = market.store.last_traded_bars(&ranges, 1)?;
        let bars: Vec<(Symbol, StoredBar)> = bars.into_iter().map(|bar| (symbols[bar.range], bar)).collect();
        let ticks = self.past_of_many(&market, &bars)?;
        Ok(bars.into_iter().zip(ticks).map(|((symbol, bar), ticks)| (symbol, bar, ticks)).collect())
    }

    /// The newest trade of a stock and the quote that stands.
    pub fn last(&self, symbol: Symbol, age: Age) -> Result<LatestTicks, Failure> {
        Ok(self.last_of_many(&[symbol], age)?.remove(&symbol).unwrap_or_default())
    }

    /// The newest trade of each of these stocks and the quote that stands.
    pub fn last_of_many(&self, symbols: &[Symbol], age: Age) -> Result<BTreeMap<Symbol, LatestTicks>, Failure> {
        let market = self.market();
        let mut searches: Vec<Search> = match age {
            Age::Present => {
                let open = self.open_of_many(symbols)?;
                symbols.iter().map(|symbol| Search::from(*symbol, open.get(symbol))).collect()
            }
            Age::Stale => symbols.iter().map(|symbol| Search::from(*symbol, None)).collect(),
        };
        let unfinished: Vec<Symbol> =
            searches.iter().filter(|search| !search.is_over()).map(|search| search.symbol).collect();
        let mut bars = newest_bars(&market, &unfinished, if age == Age::Stale { 2 } else { 1 })?;
        if age == Age::Stale {
            // Each last but one: the former of two.
            bars = bars.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0]).collect();
        }
        let ticks = self.past_of_many(&market, &bars)?;
        let found: BTreeMap<Symbol, (UnixSeconds, Option<MinuteTicks>)> =
            bars.iter().zip(ticks).map(|((symbol, bar), ticks)| (*symbol, (bar.time, ticks))).collect();
        for search in &mut searches {
            if let Some((start, ticks)) = found.get(&search.symbol) {
                search.look_at(*start, ticks.as_ref());
            }
        }
        if age == Age::Present {
            self.finish(&market, &mut searches)?;
        }
        Ok(searches.into_iter().map(|search| (search.symbol, search.latest)).collect())
    }

    /// Goes back through the stored minutes of those stocks whose search is not over, which have not traded or been quoted for
    /// a minute at least. Gives up after [`MINUTES_MAX`] minutes.
    fn finish(&self, market: &Market, searches: &mut [Search]) -> Result<(), Failure> {
        let mut unfinished: Vec<&mut Search> = searches.iter_mut().filter(|search| !search.is_over()).collect();
        let mut looked = 0;
        while !unfinished.is_empty() && looked < MINUTES_MAX {
            looked += MINUTES_AT_ONCE;
            let ranges: Vec<BarRange> =
                unfinished.iter().map(|search| minutes_before(search.symbol, search.before)).collect();
            let found = market.store.last_bars(&ranges, MINUTES_AT_ONCE)?;
            let mut counts = vec![0; ranges.len()];
            let bars: Vec<(usize, UnixSeconds, Option<Bar>)> =
                found.iter().map(|bar| (bar.range, bar.time, bar.parse(&market.calendar).ok())).collect();
            let facts = self.facts(
                market,
                bars.iter().filter_map(|(range, _, bar)| {
                    Some((ranges[*range].symbol, market.calendar.day_of(bar.as_ref()?.first)))
                }),
            )?;
            for (range, start, bar) in bars.into_iter().rev() {
                let search = &mut unfinished[range];
                counts[range] += 1;
                if search.is_over() {
                    continue;
                }
                let ticks = bar.and_then(|bar| {
                    let facts = facts.get(&(search.symbol, market.calendar.day_of(bar.first)))?;
                    Some(MinuteTicks::of(market.source.seed(), &search.symbol, facts, &bar))
                });
                search.look_at(start, ticks.as_ref());
            }
            let is_left = |(search, count): (_, usize)| Some(search).filter(|_| count == MINUTES_AT_ONCE);
            unfinished = unfinished.into_iter().zip(counts).filter_map(is_left).collect();
            unfinished.retain(|search| !search.is_over());
        }
        Ok(())
    }

    /// The ticks of stored bars, one for one.
    fn past_of_many(&self, market: &Market, bars: &[(Symbol, StoredBar)]) -> Result<Vec<Option<MinuteTicks>>, Failure> {
        let parsed: Vec<Option<Bar>> = bars.iter().map(|(_, bar)| bar.parse(&market.calendar).ok()).collect();
        let day_of = |symbol: Symbol, bar: &Bar| (symbol, market.calendar.day_of(bar.first));
        let wanted = bars.iter().zip(&parsed).filter_map(|((symbol, _), bar)| Some(day_of(*symbol, bar.as_ref()?)));
        let facts = self.facts(market, wanted)?;
        let ticks_of = |((symbol, _), bar): (&(Symbol, StoredBar), Option<Bar>)| {
            let bar = bar?;
            let facts = facts.get(&day_of(*symbol, &bar))?;
            Some(MinuteTicks::of(market.source.seed(), symbol, facts, &bar))
        };
        Ok(bars.iter().zip(parsed).map(ticks_of).collect())
    }
}

/// The 1-minute bars of a stock before an instant.
fn minutes_before(symbol: Symbol, to: UnixSeconds) -> BarRange {
    BarRange { symbol, interval: Interval::Minute1, from: UnixSeconds::EPOCH, to }
}

/// The newest 1-minute bars of these stocks, at most so many of each, in order of time.
fn newest_bars(market: &Market, symbols: &[Symbol], count: usize) -> Result<Vec<(Symbol, StoredBar)>, Failure> {
    if symbols.is_empty() {
        return Ok(Vec::new());
    }
    let ranges: Vec<BarRange> = symbols.iter().map(|symbol| minutes_before(*symbol, UnixSeconds::MAX)).collect();
    let found = market.store.last_bars(&ranges, count)?;
    Ok(found.into_iter().map(|bar| (symbols[bar.range], bar)).collect())
}
