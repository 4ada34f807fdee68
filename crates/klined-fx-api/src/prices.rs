//! Bars and quotes of any time, made from the seed. One question does bounded work: a page that would take more ends early, and the next
//! page goes on there.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::DateTime;
use klined::query::TimeOrder;
use klined::query::errors::Refusal;
use klined_fx::base::{DAY_SECONDS, Hours, NANOS_PER_SECOND, PAIRS, Pair};
use klined_fx::market::day::{FRAMES, Minute};
use klined_fx::market::quotes::quotes;
use klined_fx::market::{Book, Market, MidBar, Quote, Walk};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::windows::{DAY, Window};

/// The first second that prices are known of: the beginning of 1990.
pub const FIRST: i64 = 631_152_000;
/// The minutes that one question makes before its page ends.
const MINUTES_MAX: u32 = 20_000;
/// The days of pairs that are kept.
const DAYS_KEPT: usize = 100_000;
const MICROS: i64 = 1_000_000;

/// The bars and quotes of a market.
pub struct Prices {
    pub market: Market,
    days: Cache<(Pair, i64), Option<MidBar>>,
}

/// What bars are asked for.
#[derive(Debug, Clone, Copy)]
pub struct BarQuery {
    pub pair: Pair,
    pub window: Window,
    /// Unix seconds, the last one included.
    pub from: i64,
    pub to: i64,
    pub order: TimeOrder,
    pub limit: usize,
    /// Where the page before ended: the start of its last window.
    pub after: Option<i64>,
}

/// What quotes are asked for.
#[derive(Debug, Clone, Copy)]
pub struct QuoteQuery {
    /// Unix microseconds, the last one included.
    pub from: i64,
    pub to: i64,
    pub order: TimeOrder,
    pub limit: usize,
}

/// A page, and where it ended when there may be more.
pub type Page<T> = (Vec<T>, Option<i64>);

/// One question's way through the market.
pub struct Question<'p> {
    prices: &'p Prices,
    walk: Walk<'p>,
    minute: Option<Minute>,
    minutes: u32,
    /// When its page ends, and when it is given up.
    until: (Instant, Instant),
}

impl Prices {
    /// The prices of a market.
    #[must_use]
    pub fn new(market: Market) -> Self {
        Self { market, days: Cache::new(DAYS_KEPT) }
    }

    fn hours(&self) -> Hours {
        self.market.settings.hours
    }

    /// A question that is given up after a time. Quotes are those of these pairs; bars are of any.
    #[must_use]
    pub fn question(&self, quoted: &[Pair], patience: Duration) -> Question<'_> {
        let now = Instant::now();
        self.question_until(quoted, (now + patience / 3, now + patience))
    }

    fn question_until(&self, quoted: &[Pair], until: (Instant, Instant)) -> Question<'_> {
        Question { prices: self, walk: self.market.walk(quoted), minute: None, minutes: 0, until }
    }

    /// The last open second up to one; none where the market is closed for days, as before its first.
    #[must_use]
    pub fn last_open(&self, second: i64) -> Option<i64> {
        let date = DateTime::from_timestamp(second, 0)?.date_naive().succ_opt()?;
        let days = std::iter::successors(Some(date), chrono::NaiveDate::pred_opt).take(9);
        let days = days.filter_map(|date| self.hours().day(date)).filter(|day| day.start <= second);
        days.map(|day| second.min(day.start + DAY_SECONDS - 1)).next()
    }

    /// Whether the market is open in a second.
    #[must_use]
    pub fn is_open(&self, second: i64) -> bool {
        self.hours().day_at(second).is_ok()
    }
}

impl Question<'_> {
    /// Whether so much was made that the page has to end.
    fn is_spent(&self) -> bool {
        self.minutes >= MINUTES_MAX || Instant::now() > self.until.0
    }

    fn count(&mut self) -> Result<(), Refusal> {
        self.minutes += 1;
        if Instant::now() > self.until.1 { Err(Refusal::Overloaded) } else { Ok(()) }
    }

    /// The minute that a second lies in; none where the market is closed.
    fn minute(&mut self, second: i64) -> Result<Option<&Minute>, Refusal> {
        let start = second - second.rem_euclid(60);
        if self.minute.as_ref().is_none_or(|minute| minute.start != start) {
            self.count()?;
            self.minute = self.walk.minute(start).ok();
        }
        Ok(self.minute.as_ref())
    }

    /// The bar of a pair from one second to another, which is not included; none without a quote.
    ///
    /// # Errors
    /// The time for the question is over.
    pub fn bar(&mut self, pair: Pair, from: i64, to: i64) -> Result<Option<MidBar>, Refusal> {
        let (mut at, mut sum) = (from.max(FIRST), None::<MidBar>);
        while at < to {
            let (bar, next) = if at % DAY == 0 && at + DAY <= to {
                (self.day(pair, at)?, at + DAY)
            } else {
                self.part(pair, at, to)?
            };
            sum = joined(sum, bar);
            at = next;
        }
        Ok(sum)
    }

    /// The bar of a whole day of UTC.
    fn day(&mut self, pair: Pair, start: i64) -> Result<Option<MidBar>, Refusal> {
        if let Some(bar) = self.prices.days.get(&(pair, start)) {
            return Ok(bar);
        }
        let noon = start + DAY / 2;
        let bar = joined(self.bar(pair, start, noon)?, self.bar(pair, noon, start + DAY)?);
        self.prices.days.insert((pair, start), bar);
        Ok(bar)
    }

    /// The bar of what is asked of one minute, and where it ends. Where the market is closed it ends when it opens.
    fn part(&mut self, pair: Pair, at: i64, to: i64) -> Result<(Option<MidBar>, i64), Refusal> {
        let Some(minute) = self.minute(at)? else {
            let opens = self.prices.hours().next_open(at).filter(|opens| *opens > at);
            return Ok((None, opens.unwrap_or(to)));
        };
        let next = (minute.start + 60).min(to);
        let seconds = (at - minute.start) as usize..(next - minute.start) as usize;
        Ok((MidBar::of_seconds(pair, minute, seconds), next))
    }

    /// The bars of all pairs from one second to another, which is not included, in the order of pairs. It costs little more than one of
    /// them.
    ///
    /// # Errors
    /// The time for the question is over.
    pub fn bars_of_all(&mut self, from: i64, to: i64) -> Result<[Option<MidBar>; PAIRS], Refusal> {
        let (pairs, is_day) = (Pair::all(), from % DAY == 0 && to == from + DAY);
        let known = pairs.map(|pair| self.prices.days.get(&(pair, from)).filter(|_| is_day));
        if known.iter().all(Option::is_some) {
            return Ok(known.map(Option::flatten));
        }
        let (mut at, mut sums) = (from.max(FIRST), [None::<MidBar>; PAIRS]);
        while at < to {
            let Some(minute) = self.minute(at)? else {
                let opens = self.prices.hours().next_open(at).filter(|opens| *opens > at);
                at = opens.unwrap_or(to);
                continue;
            };
            let next = (minute.start + 60).min(to);
            let seconds = (at - minute.start) as usize..(next - minute.start) as usize;
            for (sum, pair) in sums.iter_mut().zip(pairs) {
                let bar = MidBar::of_seconds(pair, minute, seconds.clone());
                *sum = joined(*sum, bar);
            }
            at = next;
        }
        if is_day {
            pairs.iter().zip(sums).for_each(|(pair, bar)| self.prices.days.insert((*pair, from), bar));
        }
        Ok(sums)
    }

    /// A page of bars, each with the start of its window. `now` is the second that is not over yet.
    ///
    /// # Errors
    /// The time for the question is over.
    pub fn bars(&mut self, query: &BarQuery, now: i64) -> Result<Page<(i64, MidBar)>, Refusal> {
        let BarQuery { pair, window, order, limit, .. } = *query;
        let (first, last) = (window.start(query.from.max(FIRST)), query.to.min(now - 1));
        let mut bars = Vec::new();
        let mut next = match (order, query.after) {
            (TimeOrder::Ascending, None) => Some(first),
            (TimeOrder::Ascending, Some(after)) => Some(window.next(window.start(after.max(FIRST))).max(first)),
            (TimeOrder::Descending, None) => self.prices.last_open(last).map(|last| window.start(last)),
            (TimeOrder::Descending, Some(after)) => self.before(window, after),
        };
        let mut ended = None;
        while let Some(start) = next.filter(|start| (first..=last).contains(start)) {
            if bars.len() >= limit || (self.is_spent() && ended.is_some()) {
                return Ok((bars, ended));
            }
            let end = window.next(start);
            bars.extend(self.bar(pair, start, end.min(now))?.map(|bar| (start, bar)));
            ended = Some(start);
            next = match order {
                TimeOrder::Ascending => self.prices.hours().next_open(end).map(|open| window.start(open).max(end)),
                TimeOrder::Descending => self.before(window, start),
            };
        }
        Ok((bars, None))
    }

    /// The last window with an open second before the start of another.
    fn before(&self, window: Window, start: i64) -> Option<i64> {
        self.prices.last_open(start - 1).map(|open| window.start(open))
    }

    /// A page of the quotes of the question's one pair in an order of time, and the instant of its last one where there may be more.
    ///
    /// # Errors
    /// The time for the question is over.
    pub fn quotes(&mut self, query: &QuoteQuery) -> Result<Page<Quote>, Refusal> {
        let (from, to) = (query.from.max(FIRST * MICROS), query.to);
        let span = from..=to;
        let (first, last) = (from.div_euclid(MICROS), to.div_euclid(MICROS));
        let open = |second| self.prices.hours().next_open(second);
        let mut next = match query.order {
            TimeOrder::Ascending => open(first),
            TimeOrder::Descending => self.prices.last_open(last),
        };
        let mut found: Vec<Quote> = Vec::new();
        while let Some(second) = next.filter(|second| (first..=last).contains(second)) {
            self.count()?;
            let minute = second - second.rem_euclid(60);
            let seconds = minute.max(first)..=(minute + 59).min(last);
            let mut of_minute = self.quotes_of(seconds, &span);
            next = match query.order {
                TimeOrder::Ascending => self.prices.hours().next_open(minute + 60),
                TimeOrder::Descending => {
                    of_minute.reverse();
                    self.prices.last_open(minute - 1)
                }
            };
            found.extend(of_minute);
            let is_full = found.len() > query.limit || self.is_spent();
            if let Some(end) = found.get(query.limit - 1).or(found.last()).filter(|_| is_full).map(|end| end.micros) {
                found.truncate(query.limit);
                return Ok((found, Some(end)));
            }
        }
        Ok((found, None))
    }

    /// The quotes of some seconds of one minute that lie in a span of microseconds.
    fn quotes_of(&mut self, seconds: RangeInclusive<i64>, span: &RangeInclusive<i64>) -> Vec<Quote> {
        let (mut book, mut found) = (Book::default(), Vec::new());
        for second in seconds {
            let Ok(second) = self.walk.second(second) else { continue };
            let of_ladder = second.ladders.iter().flat_map(|ladder| quotes(ladder, 0..FRAMES, &mut book));
            found.extend(of_ladder.filter(|quote| span.contains(&quote.micros)));
        }
        found
    }

    /// The last quote of a pair up to an instant in Unix microseconds; none before the first.
    ///
    /// # Errors
    /// The time for the question is over.
    pub fn newest_quote(&self, pair: Pair, micros: i64) -> Result<Option<Quote>, Refusal> {
        let mut own = self.prices.question_until(&[pair], self.until);
        let query = QuoteQuery { from: FIRST * MICROS, to: micros, order: TimeOrder::Descending, limit: 1 };
        Ok(own.quotes(&query)?.0.pop())
    }
}

/// Two bars of which one follows the other, as one.
#[must_use]
pub fn joined(first: Option<MidBar>, second: Option<MidBar>) -> Option<MidBar> {
    match (first, second) {
        (Some(first), Some(second)) => Some(first.then(second)),
        (first, second) => first.or(second),
    }
}

/// A price in units of the quote currency.
#[must_use]
pub fn units(pair: Pair, ticks: i64) -> f64 {
    ticks as f64 / pair.facts().ticks_per_unit()
}

/// The mean middle price of a bar's quotes, to a tenth of a tick.
#[must_use]
pub fn mean_price(pair: Pair, bar: &MidBar) -> f64 {
    let per_unit = pair.facts().ticks_per_unit() * 10.0;
    (bar.sum as f64 * 10.0 / bar.quotes as f64).round() / per_unit
}

/// Unix nanoseconds as microseconds.
#[must_use]
pub fn micros_of(nanos: i64) -> i64 {
    nanos.div_euclid(NANOS_PER_SECOND / MICROS)
}
