//! Pages of bars: ranges, both orders, the latest ones, empty minutes, labels.

use super::Reader;
use super::errors::{Failure, Refusal};
use super::shown::ShownBar;
use super::sums::{BarSpan, FoundBars, bars_most};
use crate::store::{BarRange, BarStore};
use klined_market::base::{Interval, Symbol, Timeframe, UnixSeconds};
use klined_market::calendar::{Bucket, Calendar};

/// The order in time of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimeOrder {
    /// The oldest bar first.
    #[default]
    Ascending,
    /// The newest bar first.
    Descending,
}

/// The treatment of minutes without a bar, as in a halt, and of bars without volume, as of minutes without trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EmptyMinutes {
    /// They are left out.
    #[default]
    Skip,
    /// They are left out, and so are stored bars without volume.
    Untraded,
    /// A flat bar at the close before it stands in, without volume.
    Flat,
}

/// A query for bars. The bounds apply to the start of a bar, whatever its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarQuery {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    /// The first start, in Unix seconds. Without one: the latest bars.
    pub start: Option<UnixSeconds>,
    /// The last start, included, in Unix seconds.
    pub end: Option<UnixSeconds>,
    pub order: TimeOrder,
    pub empty_minutes: EmptyMinutes,
    /// How many bars, at least one.
    pub limit: u16,
    /// Continues after a page: the start of that page's last bar.
    pub after: Option<UnixSeconds>,
}

impl BarQuery {
    /// The latest 500 bars as they are stored.
    #[must_use]
    pub fn latest(symbol: Symbol, timeframe: impl Into<Timeframe>) -> Self {
        let (order, empty_minutes, timeframe) = (TimeOrder::Ascending, EmptyMinutes::Skip, timeframe.into());
        Self { symbol, timeframe, start: None, end: None, order, empty_minutes, limit: 500, after: None }
    }

    /// The bars between two starts, the last excluded.
    fn span(&self, from: UnixSeconds, to: UnixSeconds, is_from_end: bool) -> BarSpan {
        let is_traded = self.empty_minutes == EmptyMinutes::Untraded;
        BarSpan { symbol: self.symbol, timeframe: self.timeframe, from, to, is_from_end, is_traded }
    }

    /// The length of the page plus one: the additional bar shows that another page follows.
    fn count(&self) -> usize {
        usize::from(self.limit) + 1
    }
}

/// A page of bars.
#[derive(Debug, Clone, PartialEq)]
pub struct BarPage {
    pub bars: Vec<ShownBar>,
    /// The value of [`BarQuery::after`] for the next page; none when this is the last page.
    pub next: Option<UnixSeconds>,
}

impl Reader {
    /// A page of bars.
    ///
    /// # Errors
    /// There is no such stock, or the database cannot be read.
    pub async fn bars(&self, query: BarQuery) -> Result<BarPage, Refusal> {
        let page = match query.empty_minutes {
            EmptyMinutes::Skip | EmptyMinutes::Untraded => {
                self.ask(move |store, calendar| unfilled(store, calendar, &query)).await?
            }
            EmptyMinutes::Flat => {
                let prices = self.price_list().await?;
                let Some(row) = prices.find(&query.symbol) else {
                    return Err(Refusal::UnknownTicker(query.symbol.to_string()));
                };
                // A stock that is no longer traded ends with its own last bar.
                let newest = if row.is_active { prices.newest.unwrap_or(row.last_update) } else { row.last_update };
                let extent = Extent { last_bar: row.last_update, newest };
                self.ask(move |store, calendar| filled(store, calendar, &query, extent)).await?
            }
        };
        if page.bars.is_empty() {
            self.price(query.symbol).await?;
        }
        Ok(page)
    }
}

/// Where the page lies: first start included, last start excluded; and whether it is taken from the end.
fn bounds(query: &BarQuery) -> (UnixSeconds, UnixSeconds, bool) {
    let (mut from, mut to) =
        (query.start.unwrap_or(UnixSeconds::EPOCH), query.end.map_or(UnixSeconds::MAX, UnixSeconds::next));
    match (query.after, query.order) {
        (Some(after), TimeOrder::Ascending) => from = from.max(after.next()),
        (Some(after), TimeOrder::Descending) => to = to.min(after),
        (None, _) => {}
    }
    let is_latest = query.start.is_none() && query.after.is_none();
    (from, to, query.order == TimeOrder::Descending || is_latest)
}

/// The bars that there are, or those of them with a volume.
fn unfilled(store: &dyn BarStore, calendar: &Calendar, query: &BarQuery) -> Result<BarPage, Failure> {
    let (from, to, is_from_end) = bounds(query);
    let found = query.span(from, to, is_from_end).read(store, calendar, query.count())?;
    Ok(page_of(found, query, is_from_end))
}

/// Cuts what was found, which is in order of time and may be one too long, to a page.
fn page_of(found: FoundBars, query: &BarQuery, is_from_end: bool) -> BarPage {
    let FoundBars { mut bars, ended_at } = found;
    let limit = usize::from(query.limit);
    let has_more = bars.len() > limit;
    match is_from_end {
        true => drop(bars.drain(..bars.len().saturating_sub(limit))),
        false => bars.truncate(limit),
    }
    if query.order == TimeOrder::Descending {
        bars.reverse();
    }
    // The latest bars in order of time end with the newest: nothing follows.
    let can_follow = query.order == TimeOrder::Descending || !is_from_end;
    let last = if has_more { bars.last().map(|bar| bar.start) } else { ended_at };
    let next = last.filter(|_| can_follow);
    bars.retain(ShownBar::is_priced);
    BarPage { bars, next }
}

/// The progress of a stock and of its market at one moment.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Start of the stock's last 1-minute bar.
    last_bar: UnixSeconds,
    /// Start of the last minute that it might have had one in.
    newest: UnixSeconds,
}

impl Extent {
    /// The last instant at which an absent bar is really missing, and not only waits for its roll-up.
    fn known_until(self, store: &dyn BarStore, query: &BarQuery) -> Result<UnixSeconds, Failure> {
        let is_rolled = query.timeframe.parts().0 != Interval::Minute1;
        let folded_to = if is_rolled { store.watermarks()?.get(&query.symbol).copied() } else { None };
        Ok(folded_to.filter(|folded_to| *folded_to < self.last_bar).unwrap_or(self.newest))
    }
}

/// The bars with a flat one wherever one is missing, from the symbol's first bar to the market's newest minute.
fn filled(store: &dyn BarStore, calendar: &Calendar, query: &BarQuery, extent: Extent) -> Result<BarPage, Failure> {
    let nothing = BarPage { bars: vec![], next: None };
    // No minute that was not read may count as empty.
    let query = &BarQuery { limit: query.limit.min(bars_most(query.timeframe)), ..*query };
    let (from, to, is_from_end) = bounds(query);
    let everything = query.span(UnixSeconds::EPOCH, UnixSeconds::MAX, false);
    let Some(first) = everything.read(store, calendar, 1)?.bars.first().map(|bar| bar.start) else {
        return Ok(nothing);
    };
    let (from, to) = (from.max(first), to.min(extent.known_until(store, query)?.next()));
    let buckets = buckets(calendar, query.timeframe, from, to, is_from_end, query.count());
    let (Some(oldest), Some(youngest)) = (buckets.first(), buckets.last()) else { return Ok(nothing) };
    let (begin, end) = (oldest.first.start(), youngest.first.start().next());
    let found = query.span(begin, end, false).read(store, calendar, buckets.len() + 1)?;
    let before =
        BarRange { symbol: query.symbol, interval: query.timeframe.parts().0, from: UnixSeconds::EPOCH, to: begin };
    let mut price = store.last_bars(&[before], 1)?.first().map(|bar| bar.close);
    let mut found = found.bars.into_iter().peekable();
    let mut bars = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        let start = bucket.first.start();
        let bar = found.next_if(|bar| bar.start <= start).or_else(|| price.map(|price| ShownBar::flat(start, price)));
        price = bar.map(|bar| bar.close).or(price);
        bars.extend(bar);
    }
    Ok(page_of(FoundBars { bars, ended_at: None }, query, is_from_end))
}

/// The buckets that start in a span, in order, at most so many: the first or the last of them.
fn buckets(
    calendar: &Calendar,
    timeframe: Timeframe,
    from: UnixSeconds,
    to: UnixSeconds,
    is_from_end: bool,
    count: usize,
) -> Vec<Bucket> {
    let begins_inside = |bucket: &Bucket| (from..to).contains(&bucket.first.start());
    let mut buckets = Vec::new();
    if is_from_end {
        let last = calendar.last_starting_before(to).ok().flatten();
        let mut next = last.map(|minute| calendar.bucket(minute, timeframe));
        while let Some(bucket) = next.filter(|bucket| bucket.first.start() >= from && buckets.len() < count) {
            buckets.extend(Some(bucket).filter(begins_inside));
            next = calendar.previous_minute(bucket.first).map(|minute| calendar.bucket(minute, timeframe));
        }
        buckets.reverse();
    } else {
        let mut next = calendar.minutes_in(from, to).next().map(|minute| calendar.bucket(minute, timeframe));
        while let Some(bucket) = next.filter(|bucket| bucket.first.start() < to && buckets.len() < count) {
            buckets.extend(Some(bucket).filter(begins_inside));
            next = calendar.next_minute(bucket.last).ok().map(|minute| calendar.bucket(minute, timeframe));
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_whose_price_is_no_number_is_on_no_page_and_the_next_page_is_the_same() {
        let bar = |start, price| ShownBar::flat(UnixSeconds::new(start), price);
        let symbol = "AAPL".parse().unwrap();
        let query =
            BarQuery { start: Some(UnixSeconds::EPOCH), limit: 4, ..BarQuery::latest(symbol, Interval::Minute1) };
        let prices = [f64::NAN, 10.0, f64::INFINITY, -1.0, 11.0];
        let bars = prices.iter().zip(0..).map(|(price, place)| bar(place * 60, *price)).collect();
        let page = page_of(FoundBars { bars, ended_at: None }, &query, false);
        assert_eq!((page.bars, page.next), (vec![bar(60, 10.0)], Some(UnixSeconds::new(180))));
    }
}
