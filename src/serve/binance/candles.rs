//! Running klines of one symbol: committed minutes and the trades of the open one, summed by the calendar's buckets.

use std::collections::BTreeMap;

use crate::bars::Bar;
use crate::bars::ticks::{TickId, Trade};
use crate::base::{Interval, Ohlcv, UnixSeconds};
use crate::calendar::{Bucket, Calendar, Minute};

/// A kline as it is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    pub interval: Interval,
    /// Start of its first minute, in Unix seconds.
    pub start: UnixSeconds,
    pub ohlcv: Ohlcv,
    pub is_closed: bool,
}

/// One interval's kline.
#[derive(Debug, Clone, Copy, Default)]
struct Candle {
    /// Where it lies, and the sum of its committed minutes; none after the bucket's last.
    committed: Option<(Bucket, Ohlcv)>,
    is_dirty: bool,
}

/// The klines of a symbol.
#[derive(Debug, Default)]
pub struct Candles {
    candles: BTreeMap<Interval, Candle>,
    /// Start of the last minute that is in the sums.
    folded_to: Option<UnixSeconds>,
    /// The open minute as far as its trades were heard.
    open: Option<(Minute, Ohlcv)>,
    last_trade: Option<TickId>,
}

fn add(sum: Option<Ohlcv>, ohlcv: Ohlcv) -> Ohlcv {
    sum.map_or(ohlcv, |sum| sum.then(ohlcv))
}

impl Candles {
    /// Klines of a symbol whose last minutes and whose trades in the open one are these. The minutes must reach back to the first
    /// of the longest interval's bucket.
    pub fn new(calendar: &Calendar, intervals: &[Interval], minutes: &[Bar], trades: &[Trade]) -> Self {
        let candles = intervals.iter().map(|interval| (*interval, Candle::default())).collect();
        let mut made = Self { candles, ..Self::default() };
        for bar in minutes {
            drop(made.close(calendar, bar));
        }
        for trade in trades {
            drop(made.trade(calendar, trade));
        }
        made.candles.values_mut().for_each(|candle| candle.is_dirty = false);
        made
    }

    /// A trade of the open minute. Gives klines that it shows to be over.
    pub fn trade(&mut self, calendar: &Calendar, trade: &Trade) -> Vec<Shown> {
        let id = trade.id();
        let is_known = self.last_trade.is_some_and(|last| id <= last)
            || self.folded_to.is_some_and(|folded_to| id.minute_start() <= folded_to);
        let Ok(minute) = calendar.minute_starting(id.minute_start()) else { return vec![] };
        if is_known {
            return vec![];
        }
        self.last_trade = Some(id);
        let so_far = self.open.filter(|(open, _)| *open == minute).map(|(_, ohlcv)| ohlcv);
        self.open = Some((minute, add(so_far, trade.as_bar())));
        let over = self.leave_behind(minute);
        self.candles.values_mut().for_each(|candle| candle.is_dirty = true);
        over
    }

    /// A minute that was committed. Gives the klines that it closes, shortest first.
    pub fn close(&mut self, calendar: &Calendar, bar: &Bar) -> Vec<Shown> {
        let start = bar.first.start();
        if self.folded_to.is_some_and(|folded_to| start <= folded_to) {
            return vec![];
        }
        self.folded_to = Some(start);
        self.open = self.open.filter(|(minute, _)| *minute > bar.first);
        let mut over = self.leave_behind(bar.first);
        for (&interval, candle) in &mut self.candles {
            let bucket = calendar.bucket(bar.first, interval);
            let ohlcv = add(candle.committed.map(|(_, sum)| sum), bar.ohlcv);
            let is_closed = bucket.last == bar.first;
            candle.committed = (!is_closed).then_some((bucket, ohlcv));
            candle.is_dirty = !is_closed;
            over.extend(is_closed.then_some(Shown { interval, start: bucket.first.start(), ohlcv, is_closed }));
        }
        over
    }

    /// Ends klines whose last minutes had no bar, as in a halt, once a later bucket has begun.
    fn leave_behind(&mut self, minute: Minute) -> Vec<Shown> {
        let mut over = Vec::new();
        for (&interval, candle) in &mut self.candles {
            if let Some((bucket, ohlcv)) = candle.committed.filter(|(bucket, _)| bucket.last < minute) {
                over.push(Shown { interval, start: bucket.first.start(), ohlcv, is_closed: true });
                candle.committed = None;
            }
        }
        over
    }

    /// The klines that have changed since they were asked for last.
    pub fn changed(&mut self, calendar: &Calendar) -> Vec<Shown> {
        let mut changed = Vec::new();
        for (&interval, candle) in self.candles.iter_mut().filter(|(_, candle)| candle.is_dirty) {
            candle.is_dirty = false;
            let committed = candle.committed;
            let shown = match (committed, self.open) {
                (Some((bucket, sum)), open) => {
                    let within = open.filter(|(minute, _)| *minute <= bucket.last);
                    Some((bucket, within.map_or(sum, |(_, ohlcv)| sum.then(ohlcv))))
                }
                (None, Some((minute, ohlcv))) => Some((calendar.bucket(minute, interval), ohlcv)),
                (None, None) => None,
            };
            let shown = shown.map(|(bucket, ohlcv)| (bucket.first.start(), ohlcv));
            changed.extend(shown.map(|(start, ohlcv)| Shown { interval, start, ohlcv, is_closed: false }));
        }
        changed
    }
}
