//! Pages of an indicator's values, with the bars that they are computed from.

use super::errors::{Failure, Refusal};
use super::indicators::{Indicator, IndicatorValue};
use super::shown::ShownBar;
use super::sums::BarSpan;
use super::{Reader, TimeOrder};
use crate::store::BarStore;
use klined_market::base::{Symbol, Timeframe, UnixSeconds};
use klined_market::calendar::Calendar;

/// Which price of a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BarPrice {
    Open,
    High,
    Low,
    #[default]
    Close,
}

impl BarPrice {
    fn of(self, bar: &ShownBar) -> f64 {
        match self {
            Self::Open => bar.open,
            Self::High => bar.high,
            Self::Low => bar.low,
            Self::Close => bar.close,
        }
    }
}

/// A query for values of an indicator. The bounds apply to the start of a value's bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndicatorQuery {
    pub symbol: Symbol,
    pub timeframe: Timeframe,
    pub indicator: Indicator,
    pub price: BarPrice,
    /// The first start of a bar with a value, in Unix seconds.
    pub from: UnixSeconds,
    /// The last start, excluded.
    pub to: UnixSeconds,
    pub order: TimeOrder,
    /// How many values, at least one.
    pub limit: u16,
    /// Continues after a page: the start of the bar of that page's last value.
    pub after: Option<UnixSeconds>,
}

/// A page of values, in the order of the query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IndicatorPage {
    /// Each with the start of its bar.
    pub values: Vec<(UnixSeconds, IndicatorValue)>,
    /// All bars that the values depend on, in the order of the query.
    pub bars: Vec<ShownBar>,
    /// The value of [`IndicatorQuery::after`] for the next page; none when this is the last page.
    pub next: Option<UnixSeconds>,
}

impl Reader {
    /// A page of an indicator's values, from bars with a volume. It reads at most `limit` bars and those that the first value
    /// depends on.
    ///
    /// # Errors
    /// There is no such stock, or the database cannot be read.
    pub async fn indicator(&self, query: IndicatorQuery) -> Result<IndicatorPage, Refusal> {
        self.price(query.symbol).await?;
        self.ask(move |store, calendar| query.read(store, calendar)).await
    }
}

impl IndicatorQuery {
    fn read(&self, store: &dyn BarStore, calendar: &Calendar) -> Result<IndicatorPage, Failure> {
        let (mut from, mut to) = (self.from, self.to);
        match (self.after, self.order) {
            (Some(after), TimeOrder::Ascending) => from = from.max(after.next()),
            (Some(after), TimeOrder::Descending) => to = to.min(after),
            (None, _) => {}
        }
        let bars_of = |from, to, is_from_end, count| {
            let Self { symbol, timeframe, .. } = *self;
            BarSpan { symbol, timeframe, from, to, is_from_end, is_traded: true }.read(store, calendar, count)
        };
        let (memory, limit) = (self.indicator.memory(), usize::from(self.limit));
        // One value more shows that another page follows.
        let mut bars = match self.order {
            TimeOrder::Descending => bars_of(UnixSeconds::EPOCH, to, true, memory + limit + 1)?.bars,
            TimeOrder::Ascending => {
                let mut bars = bars_of(UnixSeconds::EPOCH, from, true, memory)?.bars;
                // At the beginning of the market the first bars have no value.
                let without = self.indicator.lookback().saturating_sub(bars.len());
                bars.extend(bars_of(from, to, false, limit + 1 + without)?.bars);
                bars
            }
        };
        bars.retain(ShownBar::is_priced);
        Ok(self.page(bars, from))
    }

    /// The page of values from an instant on, of bars in order of time.
    fn page(&self, mut bars: Vec<ShownBar>, from: UnixSeconds) -> IndicatorPage {
        let limit = usize::from(self.limit);
        let begin = bars.partition_point(|bar| bar.start < from);
        let has_all_before = match self.order {
            TimeOrder::Ascending => begin,
            // The oldest bars are there for the values of later ones alone.
            TimeOrder::Descending => begin.max(bars.len().saturating_sub(limit + 1)),
        };
        let prices: Vec<f64> = bars.iter().map(|bar| self.price.of(bar)).collect();
        let values = self.indicator.values(&prices, has_all_before);
        let first = bars.len() - values.len();
        let mut values: Vec<_> = bars[first..].iter().map(|bar| bar.start).zip(values).collect();
        let has_more = values.len() > limit;
        match self.order {
            TimeOrder::Ascending => {
                values.truncate(limit);
                bars.truncate(first + values.len());
            }
            TimeOrder::Descending => {
                values.drain(..values.len() - limit.min(values.len()));
                values.reverse();
            }
        }
        // What the first value of the page does not depend on.
        let oldest = values.iter().map(|(start, _)| *start).min();
        let oldest = oldest.map_or(bars.len(), |oldest| bars.partition_point(|bar| bar.start < oldest));
        bars.drain(..oldest.saturating_sub(self.indicator.memory()));
        if values.is_empty() {
            bars.clear();
        }
        if self.order == TimeOrder::Descending {
            bars.reverse();
        }
        IndicatorPage { next: values.last().filter(|_| has_more).map(|(start, _)| *start), values, bars }
    }
}
