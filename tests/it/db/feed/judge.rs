//! What is heard, judged: against the bars in the database and the ticks that are made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use klined::feed::{Event, FeedUpdate, MarketEvent, Subscription};
use klined::jobs::{Market, past_tick_facts};
use klined_market::bars::Bar;
use klined_market::bars::ticks::{BestQuote, MinuteTicks, Tick, Trade, rolled_up};
use klined_market::base::{Symbol, UnixNanos};

use super::heard;

/// Hears updates.
pub struct Judge {
    market: Market,
    number: u64,
    /// Ticks since each symbol's last bar.
    since: BTreeMap<Symbol, Vec<Tick>>,
    /// Each symbol's last quote.
    quotes: BTreeMap<Symbol, BestQuote>,
    pub bars: BTreeMap<Symbol, Vec<Bar>>,
    pub corrected: usize,
    pub halts: Vec<(Symbol, bool)>,
    pub market_events: Vec<MarketEvent>,
    pub trades: usize,
}

impl Judge {
    pub fn of(market: &Market) -> Self {
        Self {
            market: market.clone(),
            number: 0,
            since: BTreeMap::new(),
            quotes: BTreeMap::new(),
            bars: BTreeMap::new(),
            corrected: 0,
            halts: vec![],
            market_events: vec![],
            trades: 0,
        }
    }

    /// Ticks of the open minute that have been heard.
    pub fn open(&self, symbol: Symbol) -> &[Tick] {
        self.since.get(&symbol).map(Vec::as_slice).unwrap_or_default()
    }

    /// Hears what there is.
    pub fn listens(&mut self, subscription: &mut Subscription) {
        let updates = heard(subscription).unwrap();
        self.hears(subscription, &updates);
    }

    pub fn hears(&mut self, subscription: &Subscription, updates: &[Arc<FeedUpdate>]) {
        for update in updates {
            assert!(update.number > self.number, "updates out of order");
            assert!(update.stocks.windows(2).all(|pair| pair[0].symbol < pair[1].symbol), "not grouped by symbol");
            self.number = update.number;
            self.market_events.extend(&update.market);
            for owned in subscription.own(update) {
                let known = self.quotes.get(&owned.symbol).copied();
                assert!(known.is_none() || owned.standing == known, "{}: another quote stood before", owned.symbol);
                owned.events.iter().for_each(|event| self.hear(owned.symbol, event));
            }
        }
    }

    fn hear(&mut self, symbol: Symbol, event: &Event) {
        match *event {
            Event::Trade(trade) => self.tick(symbol, Tick::Trade(trade)),
            Event::Quote(quote) => self.tick(symbol, Tick::Quote(quote)),
            Event::Halt { is_halted } => self.halts.push((symbol, is_halted)),
            Event::Bar(closed) => {
                let ticks = self.since.remove(&symbol).unwrap_or_default();
                match closed.is_corrected {
                    true => self.corrected += 1,
                    false => self.is_made_of(symbol, &closed.bar, &ticks),
                }
                self.bars.entry(symbol).or_default().push(closed.bar);
            }
        }
    }

    fn tick(&mut self, symbol: Symbol, tick: Tick) {
        self.trades += usize::from(matches!(tick, Tick::Trade(_)));
        if let Tick::Quote(quote) = tick {
            self.quotes.insert(symbol, quote);
        }
        let ticks = self.since.entry(symbol).or_default();
        assert!(ticks.last().is_none_or(|last| last.at() <= tick.at()), "{symbol}: ticks out of order");
        ticks.push(tick);
    }

    /// All of the bar's ticks, in their order, each once. The first minute may have begun before it was heard of.
    fn is_made_of(&self, symbol: Symbol, bar: &Bar, ticks: &[Tick]) {
        let day = self.market.calendar.day_of(bar.first);
        let facts = past_tick_facts(&self.market, &[symbol].into(), day).unwrap()[&symbol];
        let all: Vec<Tick> =
            MinuteTicks::of(self.market.source.seed(), &symbol, &facts, bar).after(UnixNanos::MIN).collect();
        if !self.bars.contains_key(&symbol) {
            assert!(all.ends_with(ticks), "{symbol} {}: not its last {} ticks", bar.first, ticks.len());
            return;
        }
        let trade_of = |tick: &Tick| if let Tick::Trade(trade) = tick { Some(*trade) } else { None };
        let trades: Vec<Trade> = ticks.iter().filter_map(trade_of).collect();
        // A minute without trade has quotes only.
        let traded = Some(bar.ohlcv).filter(|ohlcv| ohlcv.volume() > 0);
        assert_eq!(rolled_up(&trades), traded, "{symbol} {}: {} trades", bar.first, trades.len());
        assert!(ticks == all, "{symbol} {}: {} ticks of {}", bar.first, ticks.len(), all.len());
    }
}
