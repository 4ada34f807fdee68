//! Pages of bars: ranges, both orders, the latest ones, empty minutes, labels.

use super::errors::{Failure, Refusal};
use crate::store::{BarRange, BarStore, StoredBar};
use klined_market::base::{Interval, Symbol, Traded, UnixSeconds};
use klined_market::calendar::{Bucket, Calendar};

use super::Reader;

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

/// The instant that labels a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Label {
    /// The start of its first minute.
    #[default]
    Start,
    /// The end of its last minute, even when that is in the future.
    End,
}

/// A query for bars. The bounds apply to the start of a bar, whatever its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarQuery {
    pub symbol: Symbol,
    pub interval: Interval,
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
    pub fn latest(symbol: Symbol, interval: Interval) -> Self {
        let (order, empty_minutes) = (TimeOrder::Ascending, EmptyMinutes::Skip);
        Self { symbol, interval, start: None, end: None, order, empty_minutes, limit: 500, after: None }
    }

    /// The length of the page plus one: the additional bar shows that another page follows.
    fn count(&self) -> usize {
        usize::from(self.limit) + 1
    }
}

/// A bar as clients receive it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShownBar {
    /// Start of its first minute, in Unix seconds.
    pub start: UnixSeconds,
    /// Currency units, as are high, low and close.
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// Shares.
    pub volume: i64,
    /// None where they are not known.
    pub traded: Option<Traded>,
}

/// A page of bars.
#[derive(Debug, Clone, PartialEq)]
pub struct BarPage {
    pub bars: Vec<ShownBar>,
    /// The value of [`BarQuery::after`] for the next page; none when this is the last page.
    pub next: Option<UnixSeconds>,
}

impl From<StoredBar> for ShownBar {
    fn from(bar: StoredBar) -> Self {
        let StoredBar { time, open, high, low, close, volume, .. } = bar;
        Self { start: time, open, high, low, close, volume, traded: bar.traded() }
    }
}

impl ShownBar {
    fn flat(start: UnixSeconds, price: f64) -> Self {
        let traded = Some(Traded::NOTHING);
        Self { start, open: price, high: price, low: price, close: price, volume: 0, traded }
    }

    /// The bar as it is stored.
    pub(super) fn stored(&self) -> StoredBar {
        let Self { start, open, high, low, close, volume, traded } = *self;
        let (turnover, trades) = (traded.map(Traded::turnover_units), traded.map(Traded::trades));
        StoredBar { range: 0, time: start, open, high, low, close, volume, turnover, trades }
    }

    /// The mean price by volume, to a ten-thousandth; none without volume, and where the turnover is not known.
    #[must_use]
    pub fn mean_price(&self) -> Option<f64> {
        mean_price(self.traded, self.volume)
    }

    /// Whether all prices are positive numbers. Only an operator can have written others, and no client receives them.
    #[must_use]
    pub fn is_priced(&self) -> bool {
        self.stored().is_priced()
    }

    /// The label of the bar, in Unix seconds. A bar outside of all buckets, which only an operator can have written, has its
    /// start as label.
    #[must_use]
    pub fn time(&self, interval: Interval, label: Label, calendar: &Calendar) -> UnixSeconds {
        match (label, calendar.minute_starting(self.start)) {
            (Label::End, Ok(minute)) => calendar.bucket(minute, interval).last.end(),
            _ => self.start,
        }
    }
}

/// The mean price by volume, to a ten-thousandth, which is finer than a double of this size can be wrong by.
#[must_use]
pub fn mean_price(traded: Option<Traded>, volume: i64) -> Option<f64> {
    let traded = traded.filter(|_| volume > 0)?;
    Some((traded.turnover() as f64 * 100.0 / volume as f64).round() / 10_000.0)
}

impl Reader {
    /// A page of bars.
    ///
    /// # Errors
    /// There is no such stock, or the database cannot be read.
    pub async fn bars(&self, query: BarQuery) -> Result<BarPage, Refusal> {
        let page = match query.empty_minutes {
            EmptyMinutes::Skip | EmptyMinutes::Untraded => self.ask(move |store, _| stored(store, &query)).await?,
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

/// The bars as they are stored, or those of them with a volume.
fn stored(store: &dyn BarStore, query: &BarQuery) -> Result<BarPage, Failure> {
    let (from, to, is_from_end) = bounds(query);
    let ranges = [BarRange { symbol: query.symbol, interval: query.interval, from, to }];
    let is_traded = query.empty_minutes == EmptyMinutes::Untraded;
    let found = match (is_from_end, is_traded) {
        (true, false) => store.last_bars(&ranges, query.count())?,
        (false, false) => store.bars(&ranges, query.count())?,
        (true, true) => store.last_traded_bars(&ranges, query.count())?,
        (false, true) => store.traded_bars(&ranges, query.count())?,
    };
    Ok(page_of(found.into_iter().map(ShownBar::from).collect(), query, is_from_end))
}

/// Cuts what was found, which is in order of time and may be one too long, to a page.
fn page_of(mut bars: Vec<ShownBar>, query: &BarQuery, is_from_end: bool) -> BarPage {
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
    let follows = has_more && (query.order == TimeOrder::Descending || !is_from_end);
    let next = bars.last().filter(|_| follows).map(|bar| bar.start);
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
        let is_rolled = query.interval != Interval::Minute1;
        let folded_to = if is_rolled { store.watermarks()?.get(&query.symbol).copied() } else { None };
        Ok(folded_to.filter(|folded_to| *folded_to < self.last_bar).unwrap_or(self.newest))
    }
}

/// The bars with a flat one wherever one is missing, from the symbol's first bar to the market's newest minute.
fn filled(store: &dyn BarStore, calendar: &Calendar, query: &BarQuery, extent: Extent) -> Result<BarPage, Failure> {
    let nothing = BarPage { bars: vec![], next: None };
    let (from, to, is_from_end) = bounds(query);
    let ranges = |from, to| [BarRange { symbol: query.symbol, interval: query.interval, from, to }];
    let Some(first) = store.bars(&ranges(UnixSeconds::EPOCH, UnixSeconds::MAX), 1)?.first().map(|bar| bar.time) else {
        return Ok(nothing);
    };
    let (from, to) = (from.max(first), to.min(extent.known_until(store, query)?.next()));
    let buckets = buckets(calendar, query.interval, from, to, is_from_end, query.count());
    let (Some(oldest), Some(youngest)) = (buckets.first(), buckets.last()) else { return Ok(nothing) };
    let (begin, end) = (oldest.first.start(), youngest.first.start().next());
    let found = store.bars(&ranges(begin, end), buckets.len() + 1)?;
    let mut price = store.last_bars(&ranges(UnixSeconds::EPOCH, begin), 1)?.first().map(|bar| bar.close);
    let mut found = found.into_iter().map(ShownBar::from).peekable();
    let mut bars = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        let start = bucket.first.start();
        let bar = found.next_if(|bar| bar.start <= start).or_else(|| price.map(|price| ShownBar::flat(start, price)));
        price = bar.map(|bar| bar.close).or(price);
        bars.extend(bar);
    }
    Ok(page_of(bars, query, is_from_end))
}

/// The buckets that start in a span, in order, at most so many: the first or the last of them.
fn buckets(
    calendar: &Calendar,
    interval: Interval,
    from: UnixSeconds,
    to: UnixSeconds,
    is_from_end: bool,
    count: usize,
) -> Vec<Bucket> {
    let begins_inside = |bucket: &Bucket| (from..to).contains(&bucket.first.start());
    let mut buckets = Vec::new();
    if is_from_end {
        let last = calendar.last_starting_before(to).ok().flatten();
        let mut next = last.map(|minute| calendar.bucket(minute, interval));
        while let Some(bucket) = next.filter(|bucket| bucket.first.start() >= from && buckets.len() < count) {
            buckets.extend(Some(bucket).filter(begins_inside));
            next = calendar.previous_minute(bucket.first).map(|minute| calendar.bucket(minute, interval));
        }
        buckets.reverse();
    } else {
        let mut next = calendar.minutes_in(from, to).next().map(|minute| calendar.bucket(minute, interval));
        while let Some(bucket) = next.filter(|bucket| bucket.first.start() < to && buckets.len() < count) {
            buckets.extend(Some(bucket).filter(begins_inside));
            next = calendar.next_minute(bucket.last).ok().map(|minute| calendar.bucket(minute, interval));
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
        let page = page_of(bars, &query, false);
        assert_eq!((page.bars, page.next), (vec![bar(60, 10.0)], Some(UnixSeconds::new(180))));
    }
}
