//! The market: any second of it from the seed.
//!
//! ```text
//! Year    levels at the open of each day            one stream a day
//! Day     levels at the start of each minute        one stream a day
//! Minute  levels at the start of each second, and at eight points within each
//! Ladder  one pair's book through one second        one stream a pair and second
//! ```
//!
//! Each is a random path between two ends that the one above fixes, so any second is reached in bounded work: about two
//! milliseconds for a day never seen before, and microseconds for the next second.

pub mod book;
pub mod day;
pub mod ecn;
pub mod ladder;
pub mod levels;
pub mod news;
pub mod orders;
pub mod pair_day;
pub mod profile;
pub mod quotes;
pub mod year;

use chrono::Datelike;
use klined_market::base::Seed;

use crate::base::{FxDay, Hours, NANOS_PER_SECOND, NoMarket, Pair, Streams};

pub use book::Book;
use day::{Day, Minute, Pegs};
pub use ecn::Ecn;
use ladder::SizeTable;
pub use ladder::{Ladder, Side};
pub use levels::Reason;
pub use orders::{Fill, OrderRate};
use orders::{Order, PairTrade, Scratch, Setting};
use pair_day::PairDay;
pub use quotes::{MidBar, Quote};
use year::{Factors, Year};

/// What a market follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketSettings {
    pub seed: Seed,
    pub hours: Hours,
    /// The most levels of a side that are asked for, 1 to [`levels::LEVELS_MAX`].
    pub levels: usize,
    pub orders: OrderRate,
}

/// A market: what its seconds share.
#[derive(Debug, Clone)]
pub struct Market {
    pub settings: MarketSettings,
    pub streams: Streams,
    factors: Factors,
    pegs: Pegs,
    table: SizeTable,
}

impl Market {
    /// The market that settings describe.
    #[must_use]
    pub fn new(settings: MarketSettings) -> Self {
        let levels = settings.levels.clamp(1, levels::LEVELS_MAX);
        Self {
            settings: MarketSettings { levels, ..settings },
            streams: Streams(settings.seed),
            factors: Factors::default(),
            pegs: Pegs::default(),
            table: SizeTable::default(),
        }
    }

    /// The days of a year with their levels.
    #[must_use]
    pub fn year(&self, year: i32) -> Year {
        Year::of(self.streams, &self.factors, self.settings.hours, year)
    }

    /// A way through the market for some of its pairs.
    #[must_use]
    pub fn walk(&self, pairs: &[Pair]) -> Walk<'_> {
        let levels = self.settings.levels;
        Walk {
            market: self,
            pairs: pairs.to_vec(),
            year: None,
            day: None,
            contexts: Vec::new(),
            minute: None,
            before: None,
            trades: Vec::new(),
            ladders: pairs.iter().map(|&pair| Ladder::empty(pair, levels)).collect(),
            scratch: Scratch::with_levels(levels),
        }
    }

    fn minute(&self, day: &Day, index: usize) -> OfMinute {
        let minute = Minute::of(self.streams, &self.factors.all, &self.pegs, day, index);
        let orders = Order::of_minute(self.streams, self.settings.orders, day, &minute);
        OfMinute { minute, orders }
    }
}

#[derive(Debug, Clone)]
struct OfMinute {
    minute: Minute,
    orders: Vec<Order>,
}

impl OfMinute {
    fn setting<'a>(&'a self, market: &'a Market, day: &'a Day) -> Setting<'a> {
        let Self { minute, orders } = self;
        Setting { streams: market.streams, table: &market.table, day, minute, orders }
    }
}

/// A way through the market's seconds. It keeps the year, day and minute that it is in; which seconds it was asked for
/// before changes nothing but the time it takes.
#[derive(Debug, Clone)]
pub struct Walk<'m> {
    market: &'m Market,
    pairs: Vec<Pair>,
    year: Option<Year>,
    day: Option<Day>,
    contexts: Vec<PairDay>,
    minute: Option<OfMinute>,
    before: Option<OfMinute>,
    trades: Vec<PairTrade>,
    ladders: Vec<Ladder>,
    scratch: Scratch,
}

/// One second of the market.
#[derive(Debug, Clone, Copy)]
pub struct Second<'w> {
    /// In Unix seconds.
    pub second: i64,
    /// The books of the walk's pairs, in their order.
    pub ladders: &'w [Ladder],
    trades: &'w [PairTrade],
}

impl Walk<'_> {
    /// A second of the market.
    ///
    /// # Errors
    /// The market is closed then.
    pub fn second(&mut self, second: i64) -> Result<Second<'_>, NoMarket> {
        self.enter(second)?;
        let (Some(day), Some(of_minute)) = (&self.day, &self.minute) else { return Err(NoMarket::Closed(second)) };
        let market = self.market;
        let path = &of_minute.minute.paths[(second - of_minute.minute.start) as usize];
        for ((ladder, context), trade) in self.ladders.iter_mut().zip(&self.contexts).zip(&self.trades) {
            ladder.second = second;
            ladder.fill(market.streams, &market.table, context, day, &of_minute.minute, path);
            ladder.set_holes(&trade.holes);
        }
        Ok(Second { second, ladders: &self.ladders, trades: &self.trades })
    }

    /// The minutes' levels of the day that a second lies in: its start and the logarithms of the legs.
    ///
    /// # Errors
    /// The market is closed then.
    pub fn day(&mut self, second: i64) -> Result<&Day, NoMarket> {
        let is_same = |day: &Day| (0..crate::base::DAY_SECONDS).contains(&(second - day.of_year.day.start));
        if !self.day.as_ref().is_some_and(is_same) {
            let day = self.market.settings.hours.day_at(second)?;
            self.open_day(&day, second)?;
        }
        self.day.as_ref().ok_or(NoMarket::Closed(second))
    }

    /// The levels of the minute that a second lies in, without the books and orders that [`Walk::second`] makes.
    ///
    /// # Errors
    /// The market is closed then.
    pub fn minute(&mut self, second: i64) -> Result<Minute, NoMarket> {
        let market = self.market;
        let day = self.day(second)?;
        let index = ((second - day.of_year.day.start) / 60) as usize;
        Ok(Minute::of(market.streams, &market.factors.all, &market.pegs, day, index))
    }

    fn open_day(&mut self, day: &FxDay, second: i64) -> Result<(), NoMarket> {
        let market = self.market;
        if self.year.as_ref().is_none_or(|year| year.year != day.date.year()) {
            self.year = Some(market.year(day.date.year()));
        }
        let of_year = self.year.as_ref().and_then(|year| year.day(day.date)).ok_or(NoMarket::Closed(second))?;
        self.day = Some(Day::of(market.streams, &market.factors.all, of_year.clone()));
        let context = |&pair: &Pair| PairDay::of(market.streams, pair, day, market.settings.levels);
        self.contexts = self.pairs.iter().map(context).collect();
        self.minute = None;
        self.before = None;
        Ok(())
    }

    fn enter(&mut self, second: i64) -> Result<(), NoMarket> {
        let start = self.day(second)?.of_year.day.start;
        let index = ((second - start) / 60) as usize;
        if self.minute.as_ref().is_some_and(|of_minute| of_minute.minute.index == index) {
            return Ok(());
        }
        let Some(day) = &self.day else { return Err(NoMarket::Closed(second)) };
        let market = self.market;
        let is_before = |of_minute: &OfMinute| of_minute.minute.index + 1 == index;
        self.before = match self.minute.take().filter(is_before) {
            None if index > 0 => Some(market.minute(day, index - 1)),
            before => before,
        };
        let of_minute = market.minute(day, index);
        self.trades.clear();
        for context in &self.contexts {
            let before = self.before.as_ref().map(|of_minute| of_minute.setting(market, day));
            self.trades.push(PairTrade::of(of_minute.setting(market, day), before, context, &mut self.scratch));
        }
        self.minute = Some(of_minute);
        Ok(())
    }
}

impl Second<'_> {
    /// What was traded in the second, by pair and order.
    pub fn fills(&self) -> impl Iterator<Item = &Fill> {
        let span = self.second * NANOS_PER_SECOND..(self.second + 1) * NANOS_PER_SECOND;
        self.trades.iter().flat_map(|trade| &trade.fills).filter(move |fill| span.contains(&fill.nanos))
    }
}
