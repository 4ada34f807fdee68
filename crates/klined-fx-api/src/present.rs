//! The newest quotes and bars of all pairs. The feed keeps them; routes read them.

use klined::query::errors::Refusal;
use klined_fx::base::{PAIRS, Pair};
use klined_fx::market::{MidBar, Quote};

use crate::prices::{Question, joined};
use crate::windows::{DAY, Window};

/// How many days back the one before is looked for.
const DAYS_BACK: i64 = 9;

/// What is newest of one pair.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PairPresent {
    pub quote: Option<Quote>,
    /// The day of UTC so far.
    pub day: Option<MidBar>,
    /// The last whole minute, with its start in Unix seconds.
    pub minute: Option<(i64, MidBar)>,
    /// The last day before that had a quote.
    pub day_before: Option<MidBar>,
}

/// What is newest of all pairs, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Present {
    /// The start of the day of UTC, in Unix seconds.
    pub day: i64,
    pub pairs: [PairPresent; PAIRS],
}

impl Present {
    /// What is newest at the end of a second in which the market is open.
    ///
    /// # Errors
    /// The time for the question is over.
    pub fn after(question: &mut Question<'_>, second: i64) -> Result<Self, Refusal> {
        let (end, day) = (second + 1, Window::DAY.start(second));
        let today = question.bars_of_all(day, end)?;
        let minute = Window::MINUTE.start(end) - 60;
        let minutes = question.bars_of_all(minute, minute + 60)?;
        let mut before = [None; PAIRS];
        for start in (1..DAYS_BACK).map(|days| day - days * DAY) {
            if before.iter().all(Option::is_some) {
                break;
            }
            let found = question.bars_of_all(start, start + DAY)?;
            before.iter_mut().zip(found).for_each(|(before, found)| *before = before.or(found));
        }
        let mut pairs = [PairPresent::default(); PAIRS];
        for (index, (present, pair)) in pairs.iter_mut().zip(Pair::all()).enumerate() {
            *present = PairPresent {
                quote: question.newest_quote(pair, end * 1_000_000 - 1)?,
                day: today[index],
                minute: minutes[index].map(|bar| (minute, bar)),
                day_before: before[index],
            };
        }
        Ok(Self { day, pairs })
    }

    /// Takes a quote.
    pub fn quote(&mut self, pair: Pair, quote: Quote) {
        self.pairs[pair.index()].quote = Some(quote);
    }

    /// Takes the bar of a second.
    pub fn second(&mut self, pair: Pair, start: i64, bar: MidBar) {
        let day = Window::DAY.start(start);
        if day > self.day {
            self.day = day;
            for present in &mut self.pairs {
                present.day_before = present.day.take().or(present.day_before);
            }
        }
        let present = &mut self.pairs[pair.index()];
        present.day = joined(present.day, Some(bar));
    }

    /// Takes the bar of a minute.
    pub fn minute(&mut self, pair: Pair, start: i64, bar: MidBar) {
        self.pairs[pair.index()].minute = Some((start, bar));
    }
}
