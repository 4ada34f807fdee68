//! What a feed of best prices shows of a pair: quotes and bars.
//!
//! Through each frame of a second the middle price goes linearly. A frame has a quote when its end rounds to another tick than its
//! start: at the instant at which the middle price passes into that tick. So a pair has more quotes when its price moves more,
//! at most eight a second. A bar is made of the middle prices at the borders of frames, which are the extremes of the path, in
//! whole ticks; bars of longer times are the exact sums of shorter ones.

use klined_market::model::math::exp;

use super::Book;
use super::day::{FRAMES, Minute};
use super::ladder::{FRAME_MICROS, Ladder};
use crate::base::Pair;

/// The best prices of a pair at an instant at which its middle price has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quote {
    /// Unix microseconds. A pair has one quote at most at an instant.
    pub micros: i64,
    /// In units of the quote currency.
    pub bid: f64,
    pub ask: f64,
}

/// A pair's middle price through a time in which it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MidBar {
    /// Ticks: 1,000 of the yen and 100,000 of any other quote currency are one unit.
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    /// How many quotes there are in the time.
    pub quotes: i64,
    /// The sum of the middle prices after each of them, in ticks.
    pub sum: i64,
}

impl MidBar {
    /// The bar of middle prices at the borders of frames, in ticks; none where no frame changes the price.
    fn of(mut borders: impl Iterator<Item = f64>) -> Option<Self> {
        let open = borders.next()?.round() as i64;
        let mut bar = Self { open, high: open, low: open, close: open, quotes: 0, sum: 0 };
        for border in borders {
            let tick = border.round() as i64;
            if tick != bar.close {
                bar.close = tick;
                bar.high = bar.high.max(tick);
                bar.low = bar.low.min(tick);
                bar.quotes += 1;
                bar.sum += tick;
            }
        }
        (bar.quotes > 0).then_some(bar)
    }

    /// This bar and the one after it as one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self {
            open: self.open,
            high: self.high.max(next.high),
            low: self.low.min(next.low),
            close: next.close,
            quotes: self.quotes + next.quotes,
            sum: self.sum + next.sum,
        }
    }

    /// The bar of some seconds of a minute; none where no quote is in them.
    #[must_use]
    pub fn of_seconds(pair: Pair, minute: &Minute, seconds: std::ops::Range<usize>) -> Option<Self> {
        let facts = pair.facts();
        let paths = &minute.paths[seconds];
        let first = paths.first()?;
        let legs = std::iter::once(&first[0]).chain(paths.iter().flat_map(|path| &path[1..]));
        Self::of(legs.map(|legs| exp(facts.log_price(legs)) * facts.ticks_per_unit()))
    }

    /// The bar of a ladder's second; none where no quote is in it.
    #[must_use]
    pub fn of_second(ladder: &Ladder) -> Option<Self> {
        Self::of(ladder.mids().iter().copied())
    }
}

/// The quotes in some frames of a ladder's second, in order of time. `book` is room to work in.
pub fn quotes(ladder: &Ladder, frames: std::ops::Range<usize>, book: &mut Book) -> Vec<Quote> {
    let mids = ladder.mids();
    let quote = |frame: usize| {
        let (from, to) = (mids[frame], mids[frame + 1]);
        let tick = to.round();
        if from.round() == tick {
            return None;
        }
        // Where the path passes into the last tick of the frame.
        let border = if to > from { tick - 0.5 } else { tick + 0.5 };
        let part = (border - from) / (to - from);
        let within = ((part * FRAME_MICROS as f64).ceil() as i64).clamp(0, FRAME_MICROS - 1);
        let micros = frame as i64 * FRAME_MICROS + within;
        let best = ladder.best(micros, book);
        Some(Quote { micros: ladder.second * 1_000_000 + micros, bid: best.bid_price, ask: best.ask_price })
    };
    frames.filter(|frame| *frame < FRAMES).filter_map(quote).collect()
}
