//! Running klines of one symbol: committed minutes and the trades of the open one, summed by the calendar's buckets.

use std::collections::BTreeMap;

use klined_market::bars::Bar;
use klined_market::bars::ticks::{TickId, Trade};
use klined_market::base::{Ohlcv, Timeframe, UnixSeconds};
use klined_market::calendar::{Bucket, Calendar, Hours, Minute};

/// The most 1-minute bars of a month.
pub fn minutes_max(hours: Hours) -> usize {
    31 * usize::from(hours.minutes_per_day())
}

/// A kline as it is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KlineState {
    pub interval: Timeframe,
    /// Start of its first minute, in Unix seconds.
    pub start: UnixSeconds,
    pub ohlcv: Ohlcv,
    pub is_closed: bool,
}

/// One interval's kline.
#[derive(Debug, Clone, Copy, Default)]
struct RunningKline {
    /// Where it lies, and the sum of its committed minutes; none after the bucket's last.
    committed: Option<(Bucket, Ohlcv)>,
    /// Start of the last minute that was added.
    folded_to: Option<UnixSeconds>,
    is_dirty: bool,
}

impl RunningKline {
    fn lacks(&self, minute: Minute) -> bool {
        self.folded_to.is_none_or(|folded_to| minute.start() > folded_to)
    }
}

/// The klines of a symbol.
#[derive(Debug, Default)]
pub struct Klines {
    klines: BTreeMap<Timeframe, RunningKline>,
    /// The open minute as far as its trades have come.
    open: Option<(Minute, Ohlcv)>,
    last_trade: Option<TickId>,
}

fn add(sum: Option<Ohlcv>, ohlcv: Ohlcv) -> Ohlcv {
    sum.map_or(ohlcv, |sum| sum.then(ohlcv))
}

impl Klines {
    /// Klines of a symbol whose last minutes and whose trades in the open one are these. The minutes must reach back to the first
    /// of the longest interval's bucket.
    pub fn new(calendar: &Calendar, intervals: &[Timeframe], minutes: &[Bar], trades: &[Trade]) -> Self {
        let klines = intervals.iter().map(|interval| (*interval, RunningKline::default())).collect();
        let mut made = Self { klines, ..Self::default() };
        for bar in minutes {
            drop(made.close(calendar, bar));
        }
        for trade in trades {
            drop(made.trade(calendar, trade));
        }
        made.klines.values_mut().for_each(|kline| kline.is_dirty = false);
        made
    }

    /// The klines of one interval that these minutes make up, in order. The last is that of the open minute, as far as it has come.
    pub fn of_minutes(
        calendar: &Calendar,
        interval: Timeframe,
        minutes: &[Bar],
        open: Option<(Minute, Ohlcv)>,
    ) -> Vec<KlineState> {
        let mut made = Self::new(calendar, &[interval], &[], &[]);
        let mut klines: Vec<KlineState> = minutes.iter().flat_map(|bar| made.close(calendar, bar)).collect();
        if let Some((minute, _)) = open {
            klines.extend(made.leave_behind(minute));
        }
        made.open = open;
        klines.extend(made.klines.values().filter_map(|kline| made.so_far(calendar, interval, kline)));
        klines
    }

    /// Takes the intervals that it does not have. Those that it has go on: nothing of them is sent twice or left out.
    pub fn merge(&mut self, other: Self) {
        for (interval, kline) in other.klines {
            self.klines.entry(interval).or_insert(kline);
        }
        if self.last_trade.is_none() {
            (self.open, self.last_trade) = (other.open, other.last_trade);
        }
    }

    /// A trade of the open minute. Gives klines that it shows to be over.
    pub fn trade(&mut self, calendar: &Calendar, trade: &Trade) -> Vec<KlineState> {
        let id = trade.id();
        let Ok(minute) = calendar.minute_starting(id.minute_start()) else { return vec![] };
        if self.last_trade.is_some_and(|last| id <= last) {
            return vec![];
        }
        self.last_trade = Some(id);
        let so_far = self.open.filter(|(open, _)| *open == minute).map(|(_, ohlcv)| ohlcv);
        self.open = Some((minute, add(so_far, trade.as_bar())));
        let over = self.leave_behind(minute);
        self.klines.values_mut().filter(|kline| kline.lacks(minute)).for_each(|kline| kline.is_dirty = true);
        over
    }

    /// A minute that was committed. Gives the klines that it closes, shortest first.
    pub fn close(&mut self, calendar: &Calendar, bar: &Bar) -> Vec<KlineState> {
        self.open = self.open.filter(|(minute, _)| *minute > bar.first);
        let mut over = self.leave_behind(bar.first);
        for (&interval, kline) in self.klines.iter_mut().filter(|(_, kline)| kline.lacks(bar.first)) {
            let bucket = calendar.bucket(bar.first, interval);
            let ohlcv = add(kline.committed.map(|(_, sum)| sum), bar.ohlcv);
            let is_closed = bucket.last == bar.first;
            kline.committed = (!is_closed).then_some((bucket, ohlcv));
            kline.folded_to = Some(bar.first.start());
            kline.is_dirty = !is_closed;
            over.extend(is_closed.then_some(KlineState { interval, start: bucket.first.start(), ohlcv, is_closed }));
        }
        over
    }

    /// Ends klines whose last minutes had no bar, as in a halt, once a later bucket has begun.
    fn leave_behind(&mut self, minute: Minute) -> Vec<KlineState> {
        let mut over = Vec::new();
        for (&interval, kline) in &mut self.klines {
            if let Some((bucket, ohlcv)) = kline.committed.filter(|(bucket, _)| bucket.last < minute) {
                over.push(KlineState { interval, start: bucket.first.start(), ohlcv, is_closed: true });
                kline.committed = None;
            }
        }
        over
    }

    /// The klines that have changed since they were asked for last.
    pub fn changed(&mut self, calendar: &Calendar) -> Vec<KlineState> {
        let dirty = self.klines.iter().filter(|(_, kline)| kline.is_dirty);
        let changed = dirty.filter_map(|(interval, kline)| self.so_far(calendar, *interval, kline)).collect();
        self.klines.values_mut().for_each(|kline| kline.is_dirty = false);
        changed
    }

    /// An open kline with the open minute; none where neither has anything.
    fn so_far(&self, calendar: &Calendar, interval: Timeframe, kline: &RunningKline) -> Option<KlineState> {
        let open = self.open.filter(|(minute, _)| kline.lacks(*minute));
        let (bucket, ohlcv) = match kline.committed {
            Some((bucket, sum)) => {
                let within = open.filter(|(minute, _)| *minute <= bucket.last);
                (bucket, within.map_or(sum, |(_, ohlcv)| sum.then(ohlcv)))
            }
            None => open.map(|(minute, ohlcv)| (calendar.bucket(minute, interval), ohlcv))?,
        };
        Some(KlineState { interval, start: bucket.first.start(), ohlcv, is_closed: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klined_market::base::{Interval, Price};
    use klined_market::calendar::Calendar;

    fn bar(minute: Minute, ticks: i64) -> Bar {
        let price = |ticks| Price::from_ticks(ticks).unwrap();
        Bar {
            first: minute,
            ohlcv: Ohlcv::spanning(price(ticks), price(ticks + 1), price(ticks + 2), price(ticks - 1), 100),
        }
    }

    #[test]
    fn klines_close_with_their_last_minute_or_once_they_are_left_behind() {
        let calendar = Calendar::shanghai();
        let minutes: Vec<Minute> = calendar.minutes_of("2026-03-02".parse().unwrap()).collect();
        let intervals @ [one, five] = [Interval::Minute1, Interval::Minute5].map(Timeframe::from);
        // Begun in the midst of the first five minutes.
        let begun: Vec<Bar> = (0..2).map(|at| bar(minutes[at], 1000 + at as i64)).collect();
        let mut klines = Klines::new(&calendar, &intervals, &begun, &[]);
        assert!(klines.changed(&calendar).is_empty());
        // What is there already is not added again.
        assert!(klines.close(&calendar, &begun[1]).is_empty());
        let closed = |shown: &[KlineState]| shown.iter().map(|shown| (shown.interval, shown.start)).collect::<Vec<_>>();
        for (ticks, minute) in (1002..).zip(&minutes[2..4]) {
            let over = klines.close(&calendar, &bar(*minute, ticks));
            assert_eq!(closed(&over), [(one, minute.start())]);
        }
        assert_eq!(closed(&klines.changed(&calendar)), [(five, minutes[0].start())]);
        let over = klines.close(&calendar, &bar(minutes[4], 1004));
        assert_eq!(closed(&over), [(one, minutes[4].start()), (five, minutes[0].start())]);
        let sum = over[1].ohlcv;
        assert_eq!((sum.open().ticks(), sum.close().ticks(), sum.volume()), (1000, 1005, 500));
        assert_eq!((sum.high().ticks(), sum.low().ticks()), (1006, 999));
        // A halt in the last minute of the next five, and on.
        drop(klines.close(&calendar, &bar(minutes[5], 1000)));
        let over = klines.close(&calendar, &bar(minutes[12], 1000));
        assert_eq!(closed(&over), [(five, minutes[5].start()), (one, minutes[12].start())]);
    }
}
