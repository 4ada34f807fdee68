//! A book of counts: on each side some price levels that follow one another without a gap, and how many units wait at each.
//!
//! The best level never stays empty: when its last unit goes, the level is dropped and one is added at the far end with the initial
//! depth. An order inside the spread becomes the new best, and the deepest level of its side is lost.

use crate::event::{Event, EventType, Side};

/// The most levels that a side has.
pub const LEVELS_MAX: usize = 64;

/// A price level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub price_ticks: i32,
    /// Units that wait.
    pub depth: u32,
}

/// The best prices, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    pub bid_ticks: i32,
    pub ask_ticks: i32,
}

/// What a book looks like before its first event. Raw values as a log's header has them; see [`Shape::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    levels: usize,
    spread_ticks: i32,
    depth: u32,
}

impl Shape {
    /// `levels` is taken as 1 to 64, a `spread_ticks` of 0 as 2 and a `depth` of 0 as 50; a spread is at most `i32::MAX / 4`.
    #[must_use]
    pub fn new(levels: u32, spread_ticks: u32, depth: u32) -> Self {
        Self {
            levels: (levels as usize).clamp(1, LEVELS_MAX),
            spread_ticks: if spread_ticks == 0 { 2 } else { spread_ticks.min(i32::MAX as u32 / 4) as i32 },
            depth: if depth == 0 { 50 } else { depth },
        }
    }

    /// Levels a side, 1 to 64.
    #[must_use]
    pub const fn levels(&self) -> usize {
        self.levels
    }

    /// Units at each level at the open and at each refill.
    #[must_use]
    pub(crate) const fn depth(&self) -> u32 {
        self.depth
    }
}

/// One side of the book.
#[derive(Debug, Clone)]
pub(crate) struct Ladder<const WIDTH: usize> {
    pub best_ticks: i32,
    /// From the best level on; zero behind the last.
    pub depths: [u32; WIDTH],
    /// Sum of the depths.
    pub sum: u32,
}

/// The book. `WIDTH` is how many levels there is room for: the widest serves everyone but the innermost loop.
#[derive(Debug, Clone)]
pub struct Book<const WIDTH: usize = LEVELS_MAX> {
    pub(crate) sides: [Ladder<WIDTH>; 2],
    shape: Shape,
}

/// An event that this book cannot have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event_type} at {price_ticks} does not fit a book with best prices {bid_ticks} and {ask_ticks}")]
pub struct NotOfThisBook {
    pub event_type: EventType,
    pub price_ticks: i32,
    pub bid_ticks: i32,
    pub ask_ticks: i32,
}

impl Side {
    /// The step in ticks from the best level to the next one.
    #[inline(always)]
    pub(crate) const fn outward(self) -> i32 {
        2 * (self as i32) - 1
    }
}

impl<const WIDTH: usize> Book<WIDTH> {
    /// The book at the start of a session that opens at `p0_ticks`.
    ///
    /// # Panics
    /// Where `shape` has more levels than `WIDTH`.
    #[must_use]
    pub fn open(p0_ticks: i32, shape: Shape) -> Self {
        assert!(shape.levels <= WIDTH, "a book of width {WIDTH} has no room for {} levels", shape.levels);
        let mut depths = [0; WIDTH];
        depths[..shape.levels].fill(shape.depth);
        let sum = shape.depth.saturating_mul(shape.levels as u32);
        let half = shape.spread_ticks / 2;
        let ladder = |best_ticks| Ladder { best_ticks, depths, sum };
        let bid = p0_ticks.wrapping_sub(half);
        Self { sides: [ladder(bid), ladder(bid.wrapping_add(shape.spread_ticks))], shape }
    }

    /// The shape that it opened with.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The best price of a side, in ticks.
    #[inline(always)]
    #[must_use]
    pub const fn best_ticks(&self, side: Side) -> i32 {
        self.sides[side as usize].best_ticks
    }

    /// The best prices of both sides.
    #[inline(always)]
    #[must_use]
    pub const fn quote(&self) -> Quote {
        Quote { bid_ticks: self.sides[0].best_ticks, ask_ticks: self.sides[1].best_ticks }
    }

    /// Best ask less best bid, in ticks; at least 1.
    #[inline(always)]
    #[must_use]
    pub const fn spread_ticks(&self) -> i32 {
        self.sides[1].best_ticks.wrapping_sub(self.sides[0].best_ticks)
    }

    /// Levels of a side from the best one on.
    pub fn levels(&self, side: Side) -> impl ExactSizeIterator<Item = Level> + use<'_, WIDTH> {
        let ladder = &self.sides[side as usize];
        ladder.depths[..self.shape.levels].iter().enumerate().map(move |(nth, &depth)| Level {
            price_ticks: ladder.best_ticks.wrapping_add(side.outward().wrapping_mul(nth as i32)),
            depth,
        })
    }

    /// The price of the lowest bid level, in ticks.
    #[must_use]
    pub(crate) const fn lowest_bid_ticks(&self) -> i32 {
        self.sides[0].best_ticks.wrapping_sub(self.shape.levels as i32 - 1)
    }

    /// Which level of its side a price is, from 0.
    #[must_use]
    pub fn level_of(&self, side: Side, price_ticks: i32) -> Option<usize> {
        let out = i64::from(price_ticks) - i64::from(self.best_ticks(side));
        usize::try_from(out * i64::from(side.outward())).ok().filter(|&level| level < self.shape.levels)
    }

    /// The middle of the best prices, truncated toward zero: what a session closes at.
    #[must_use]
    pub const fn middle_ticks(&self) -> i32 {
        middle(self.sides[0].best_ticks, self.sides[1].best_ticks)
    }

    /// A new best level one tick inside the spread, with one unit.
    #[inline(always)]
    pub(crate) fn add_inside(&mut self, side: Side) {
        let levels = self.shape.levels;
        let ladder = &mut self.sides[side as usize];
        let lost = ladder.depths[levels - 1];
        ladder.depths.copy_within(..WIDTH - 1, 1);
        if levels < WIDTH {
            ladder.depths[levels] = 0;
        }
        ladder.depths[0] = 1;
        ladder.sum = ladder.sum - lost + 1;
        ladder.best_ticks = ladder.best_ticks.wrapping_sub(side.outward());
    }

    /// One more unit at a level.
    #[inline(always)]
    pub(crate) fn add_at(&mut self, side: Side, level: usize) {
        let ladder = &mut self.sides[side as usize];
        ladder.depths[level] += 1;
        ladder.sum += 1;
    }

    /// One unit less at a level, if there is one.
    #[inline(always)]
    pub(crate) fn remove_at(&mut self, side: Side, level: usize) {
        let ladder = &mut self.sides[side as usize];
        let one = u32::from(ladder.depths[level] > 0);
        ladder.depths[level] -= one;
        ladder.sum -= one;
        if ladder.depths[0] == 0 {
            self.drop_empty(side);
        }
    }

    #[inline(always)]
    fn drop_empty(&mut self, side: Side) {
        let Shape { levels, depth, .. } = self.shape;
        let ladder = &mut self.sides[side as usize];
        for _ in 0..LEVELS_MAX {
            ladder.depths.copy_within(1.., 0);
            ladder.depths[levels - 1] = depth;
            ladder.sum += depth;
            ladder.best_ticks = ladder.best_ticks.wrapping_add(side.outward());
            if ladder.depths[0] > 0 {
                break;
            }
        }
    }

    /// Applies an event of a log.
    ///
    /// # Errors
    /// [`NotOfThisBook`] where its price is none that the event can have here, or it takes from an empty level. The book is unchanged.
    pub fn apply(&mut self, event: &Event) -> Result<(), NotOfThisBook> {
        let Event { event_type, price_ticks, .. } = *event;
        let side = event.side();
        let best = self.best_ticks(side);
        let refused = NotOfThisBook {
            event_type,
            price_ticks,
            bid_ticks: self.best_ticks(Side::Bid),
            ask_ticks: self.best_ticks(Side::Ask),
        };
        if event.qty != 1 {
            return Err(refused);
        }
        if event_type.is_add() && price_ticks == best.wrapping_sub(side.outward()) && self.spread_ticks() > 1 {
            self.add_inside(side);
            return Ok(());
        }
        let level = self.level_of(side, price_ticks).ok_or(refused)?;
        if event_type.is_add() {
            if self.sides[side as usize].sum == u32::MAX {
                return Err(refused);
            }
            self.add_at(side, level);
        } else if event_type.is_execution() && level != 0 {
            return Err(refused);
        } else {
            self.remove_at(side, level);
        }
        Ok(())
    }
}

/// The middle of two prices, truncated toward zero.
#[inline]
pub(crate) const fn middle(bid_ticks: i32, ask_ticks: i32) -> i32 {
    ((bid_ticks as i64 + ask_ticks as i64) / 2) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depths(book: &Book, side: Side) -> Vec<(i32, u32)> {
        book.levels(side).map(|level| (level.price_ticks, level.depth)).collect()
    }

    fn event(event_type: EventType, price_ticks: i32) -> Event {
        Event { ts_ns: 0, event_type, price_ticks, qty: 1, order_id: 1 }
    }

    #[test]
    fn a_book_opens_around_its_price_and_a_zero_means_the_default() {
        let book: Book = Book::open(100, Shape::new(3, 3, 7));
        assert_eq!(depths(&book, Side::Bid), [(99, 7), (98, 7), (97, 7)]);
        assert_eq!(depths(&book, Side::Ask), [(102, 7), (103, 7), (104, 7)]);
        let book: Book = Book::open(100, Shape::new(0, 0, 0));
        assert_eq!((depths(&book, Side::Bid), depths(&book, Side::Ask)), (vec![(99, 50)], vec![(101, 50)]));
        assert_eq!(Shape::new(65, 1, 1).levels(), 64);
    }

    #[test]
    fn an_order_inside_the_spread_is_the_new_best_and_the_deepest_level_is_lost() {
        let mut book: Book = Book::open(100, Shape::new(3, 2, 7));
        book.apply(&event(EventType::AddBid, 100)).unwrap();
        assert_eq!(depths(&book, Side::Bid), [(100, 1), (99, 7), (98, 7)]);
        assert_eq!(depths(&book, Side::Ask), [(101, 7), (102, 7), (103, 7)]);
        assert_eq!(book.spread_ticks(), 1);
        let refused = book.apply(&event(EventType::AddBid, 101)).unwrap_err();
        assert_eq!(refused.to_string(), "ADD_BID at 101 does not fit a book with best prices 100 and 101");
    }

    #[test]
    fn an_empty_best_is_dropped_with_empty_levels_behind_it_and_each_is_refilled_at_the_far_end() {
        let mut book: Book = Book::open(100, Shape::new(3, 2, 1));
        book.apply(&event(EventType::CancelAsk, 102)).unwrap();
        assert_eq!(depths(&book, Side::Ask), [(101, 1), (102, 0), (103, 1)]);
        book.apply(&event(EventType::ExecuteBuy, 101)).unwrap();
        assert_eq!(depths(&book, Side::Ask), [(103, 1), (104, 1), (105, 1)]);
        assert_eq!((book.sides[1].sum, depths(&book, Side::Bid)), (3, vec![(99, 1), (98, 1), (97, 1)]));
        assert!(book.apply(&event(EventType::ExecuteBuy, 104)).is_err());
    }

    #[test]
    fn a_session_closes_at_the_middle_truncated_toward_zero() {
        assert_eq!(
            (middle(3, 6), middle(-6, -3), middle(-1, 0), middle(i32::MAX - 1, i32::MAX)),
            (4, -4, 0, i32::MAX - 1)
        );
    }
}
