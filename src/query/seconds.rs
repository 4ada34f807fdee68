//! Bars of seconds: sums of the trades inside minutes. There is one where there is a trade.

use super::errors::Failure;
use super::shown::ShownBar;
use super::tick_pages::TickQuery;
use super::ticks::Ticks;
use super::{BarPage, TimeOrder};
use klined_market::bars::ticks::Trade;
use klined_market::base::{Ohlcv, Seconds, Symbol, UnixNanos, UnixSeconds};
use klined_market::calendar::Calendar;

/// The longest bar, in seconds.
pub const SECONDS_MOST: u16 = 3_600;
/// The trades from which on a page ends, though it is not full. It goes on to the end of its first bar.
const TRADES_MOST: usize = 200_000;
/// Trades of the first read of a page; each further read has twice as many, up to the most.
const TRADES_AT_FIRST: u16 = 2_000;
const TRADES_AT_ONCE: u16 = 32_000;

/// A query for bars of seconds. They count from the open of each session; the last one of a session may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondQuery {
    pub symbol: Symbol,
    /// From 1 to [`SECONDS_MOST`].
    pub seconds: u16,
    /// An instant in the first bar.
    pub from: UnixSeconds,
    /// The last start, included.
    pub to: UnixSeconds,
    pub order: TimeOrder,
    /// How many bars, at least one.
    pub limit: u16,
    /// Continues after a page: the start of that page's last bar.
    pub after: Option<UnixSeconds>,
}

/// The time of a bar: its start, and its end, excluded.
type Span = (UnixSeconds, UnixSeconds);

impl SecondQuery {
    /// The bar that an instant lies in, or the first one after a time without trading; none after the calendar's end.
    fn bar_at(&self, calendar: &Calendar, instant: UnixSeconds) -> Option<Span> {
        let session = calendar.session_at(instant).ok()?;
        let length = Seconds::new(i64::from(self.seconds));
        let passed = instant.saturating_since(session.start).get().max(0);
        let start = session.start + length * (passed / length.get());
        Some((start, (start + length).min(session.end)))
    }

    /// The instants of the trades that the page is made of, both included; none where there are none.
    fn trades(&self, calendar: &Calendar) -> Option<(UnixNanos, UnixNanos)> {
        let (mut from, _) = self.bar_at(calendar, self.from)?;
        let mut to = match self.bar_at(calendar, self.to) {
            Some((start, end)) if start <= self.to => end,
            _ => self.to.next(),
        };
        match (self.after, self.order) {
            (Some(after), TimeOrder::Ascending) => from = from.max(self.bar_at(calendar, after)?.1),
            (Some(after), TimeOrder::Descending) => to = to.min(after),
            (None, _) => {}
        }
        (from < to).then(|| (from.saturating_nanos(), to.saturating_nanos().previous()))
    }
}

/// Bars that trades are added to, in either order of time.
struct Folding<'a> {
    query: &'a SecondQuery,
    calendar: &'a Calendar,
    /// The market's time: a bar that ends later is not over.
    now: UnixSeconds,
    current: Option<(Span, Ohlcv)>,
    bars: Vec<ShownBar>,
}

impl Folding<'_> {
    fn add(&mut self, trade: &Trade) {
        let at = trade.at.seconds();
        match &mut self.current {
            Some(((start, end), bar)) if (*start..*end).contains(&at) => {
                *bar = match self.query.order {
                    TimeOrder::Ascending => bar.then(trade.as_bar()),
                    TimeOrder::Descending => trade.as_bar().then(*bar),
                };
            }
            _ => {
                self.finish();
                self.current = self.query.bar_at(self.calendar, at).map(|span| (span, trade.as_bar()));
            }
        }
    }

    /// Ends the bar that has no more trades.
    fn finish(&mut self) {
        let over = self.current.take().filter(|((_, end), _)| *end <= self.now);
        self.bars.extend(over.map(|((start, _), bar)| ShownBar::of(start, &bar)));
    }

    fn page(mut self, is_ended_early: bool) -> BarPage {
        let limit = usize::from(self.query.limit);
        let has_more = is_ended_early || self.bars.len() > limit;
        self.bars.truncate(limit);
        BarPage { next: self.bars.last().filter(|_| has_more).map(|bar| bar.start), bars: self.bars }
    }
}

impl Ticks {
    /// A page of bars of seconds, of past minutes and of the open one as far as it has come. The second that is not over is left out. The
    /// page may be shorter than the limit although another page follows.
    pub fn second_bars(&self, query: &SecondQuery) -> Result<BarPage, Failure> {
        let market = self.market();
        let Some((from, to)) = query.trades(&market.calendar) else { return Ok(BarPage { bars: vec![], next: None }) };
        let now = self.market_time()?.map_or(UnixSeconds::MAX, UnixNanos::seconds);
        let (calendar, limit) = (&*market.calendar, usize::from(query.limit));
        let mut folding = Folding { query, calendar, now, current: None, bars: Vec::new() };
        let SecondQuery { symbol, order, .. } = *query;
        let mut trades = TickQuery { symbol, from, to, order, limit: TRADES_AT_FIRST, after: None };
        let mut read = 0;
        loop {
            let page = self.page::<Trade>(&trades)?;
            page.ticks.iter().for_each(|trade| folding.add(trade));
            read += page.ticks.len();
            trades.after = page.next;
            if page.next.is_none() {
                folding.finish();
                return Ok(folding.page(false));
            }
            // The bar that has begun may have more trades.
            if folding.bars.len() > limit || read >= TRADES_MOST && !folding.bars.is_empty() {
                return Ok(folding.page(true));
            }
            trades.limit = trades.limit.saturating_mul(2).min(TRADES_AT_ONCE);
        }
    }
}

#[cfg(test)]
mod tests {
    use klined_market::bars::ticks::Side;
    use klined_market::base::Price;
    use klined_testing::market::symbol;

    use super::*;

    #[test]
    fn the_last_bar_of_a_session_is_over_when_the_session_is() {
        let calendar = Calendar::shanghai();
        // 2026-03-02 11:29:59 in Beijing.
        let at = UnixSeconds::new(1_772_422_199);
        let end = at.next();
        let query = SecondQuery {
            symbol: symbol("AAPL"),
            seconds: 7,
            from: at,
            to: at,
            order: TimeOrder::Ascending,
            limit: 10,
            after: None,
        };
        // Seven seconds are 1,028 times in two hours, and four seconds are left.
        assert_eq!(query.bar_at(&calendar, at), Some((UnixSeconds::new(end.get() - 4), end)));
        let trade = Trade {
            at: at.saturating_nanos(),
            price: Price::from_ticks(10_000).unwrap(),
            shares: 100,
            place: 0,
            side: Side::Buy,
        };
        let shown = |now: UnixSeconds| {
            let mut folding = Folding { query: &query, calendar: &calendar, now, current: None, bars: Vec::new() };
            folding.add(&trade);
            folding.finish();
            folding.bars.len()
        };
        assert_eq!([shown(at), shown(end)], [0, 1]);
    }
}
