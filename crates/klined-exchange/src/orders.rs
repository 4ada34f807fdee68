//! Orders behind the counts: every unit of a level is an order of its own with a reference that lives until it is executed or deleted.
//!
//! At the open, and where a level is refilled, the level's units are added one by one; where a level is pushed out of the book its orders are
//! deleted. An execution takes the order that has waited longest at the best price. A cancellation takes any of the level's orders, each with
//! the same chance, as the model cancels units at the same rate; which one follows from the event alone, so it is the same every time.

use std::collections::{BTreeMap, VecDeque};

use crate::book::{Book, Level, NotOfThisBook};
use crate::event::{Event, Side};
use crate::random::mixed;
use crate::session::SessionSpec;

/// What happens to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderAction {
    /// It enters the book, behind those at its price.
    Add,
    /// It leaves the book unexecuted: it is cancelled, or its level is pushed out of the book.
    Delete,
    /// It is executed in full.
    Execute,
}

/// A change of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderMessage {
    /// Nanoseconds since midnight: those of the event that it follows from, or of the market's opening.
    pub ts_ns: u64,
    pub action: OrderAction,
    /// Never used twice in the books that share their [`References`].
    pub reference: u64,
    pub side: Side,
    pub price_ticks: i32,
    pub qty: u32,
    /// The event that it follows from; 0 at the open.
    pub event_id: u64,
    /// Whether it is the last one of its event: only then are the best prices those of the model.
    pub last: bool,
}

/// The orders of a book.
#[derive(Debug, Clone)]
pub struct OrderBook {
    counts: Book,
    /// By side: references by price, the one that has waited longest first.
    queues: [BTreeMap<i32, VecDeque<u64>>; 2],
    refill_depth: u32,
}

/// Numbers orders 1, 2, 3 …, in all books that share it: readers keep tables by reference, so references are dense.
#[derive(Debug, Clone, Default)]
pub struct References(u64);

impl References {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

impl OrderBook {
    /// The orders at the open, appended to `messages`.
    pub fn open(spec: &SessionSpec, references: &mut References, messages: &mut Vec<OrderMessage>) -> Self {
        let counts = spec.open_book();
        let refill_depth = counts.levels(Side::Bid).next().map_or(0, |level| level.depth);
        let mut book = Self { counts, queues: Default::default(), refill_depth };
        let start = messages.len();
        for side in [Side::Bid, Side::Ask] {
            let levels: Vec<Level> = book.counts.levels(side).collect();
            for level in levels {
                book.fill(side, level.price_ticks, (spec.market_open_ns, 0), references, messages);
            }
        }
        mark_last(&mut messages[start..]);
        book
    }

    /// The counts.
    #[must_use]
    pub const fn counts(&self) -> &Book {
        &self.counts
    }

    /// Orders at a price, the one that has waited longest first.
    pub fn queue(&self, side: Side, price_ticks: i32) -> impl Iterator<Item = u64> + use<'_> {
        self.queues[side as usize].get(&price_ticks).into_iter().flatten().copied()
    }

    /// Prices with orders and how many there are, from the best one on.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> + use<'_> {
        let queues = &self.queues[side as usize];
        let nth = move |nth: usize| match side {
            Side::Bid => queues.iter().rev().nth(nth),
            Side::Ask => queues.iter().nth(nth),
        };
        (0..queues.len()).filter_map(nth).map(|(&price_ticks, queue)| Level { price_ticks, depth: queue.len() as u32 })
    }

    /// Applies an event, and appends what happens to orders.
    ///
    /// # Errors
    /// [`NotOfThisBook`] where the book cannot have had the event; nothing is changed.
    pub fn apply(
        &mut self,
        event: &Event,
        references: &mut References,
        messages: &mut Vec<OrderMessage>,
    ) -> Result<(), NotOfThisBook> {
        let Event { ts_ns, event_type, price_ticks, order_id, .. } = *event;
        let side = event.side();
        let (outward, levels) = (side.outward(), self.counts.shape().levels() as i32);
        let (best, start) = (self.counts.best_ticks(side), messages.len());
        self.counts.apply(event)?;
        let moved = (self.counts.best_ticks(side) - best) * outward;
        let message = |action, reference, price_ticks| OrderMessage {
            ts_ns,
            action,
            reference,
            side,
            price_ticks,
            qty: 1,
            event_id: order_id,
            last: false,
        };
        if event_type.is_add() {
            if moved < 0 {
                let lost = best + outward * (levels - 1);
                let orders = self.queues[side as usize].remove(&lost).unwrap_or_default();
                messages.extend(orders.into_iter().map(|order| message(OrderAction::Delete, order, lost)));
            }
            let reference = self.new_order(side, price_ticks, references);
            messages.push(message(OrderAction::Add, reference, price_ticks));
        } else if let Some(queue) = self.queues[side as usize].get_mut(&price_ticks) {
            let (action, at) = if event_type.is_execution() {
                (OrderAction::Execute, 0)
            } else {
                (OrderAction::Delete, (mixed(order_id) % queue.len() as u64) as usize)
            };
            let order = queue.remove(at);
            if queue.is_empty() {
                self.queues[side as usize].remove(&price_ticks);
            }
            messages.extend(order.map(|order| message(action, order, price_ticks)));
        }
        for level in 0..moved.max(0) {
            let price_ticks = best + outward * (levels + level);
            self.fill(side, price_ticks, (ts_ns, order_id), references, messages);
        }
        mark_last(&mut messages[start..]);
        Ok(())
    }

    fn new_order(&mut self, side: Side, price_ticks: i32, references: &mut References) -> u64 {
        let reference = references.next();
        self.queues[side as usize].entry(price_ticks).or_default().push_back(reference);
        reference
    }

    /// Adds the orders that a level has at the open and at a refill, with the time and the event that they follow from.
    fn fill(
        &mut self,
        side: Side,
        price_ticks: i32,
        (ts_ns, event_id): (u64, u64),
        references: &mut References,
        messages: &mut Vec<OrderMessage>,
    ) {
        for _ in 0..self.refill_depth {
            let (action, reference) = (OrderAction::Add, self.new_order(side, price_ticks, references));
            messages.push(OrderMessage { ts_ns, action, reference, side, price_ticks, qty: 1, event_id, last: false });
        }
    }
}

fn mark_last(messages: &mut [OrderMessage]) {
    if let Some(message) = messages.last_mut() {
        message.last = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Curves, Model, Parameters};
    use crate::session::Session;
    use std::collections::HashMap;

    /// What a reader of the messages alone has.
    #[derive(Default)]
    struct Reader {
        orders: HashMap<u64, (Side, i32)>,
        depths: [BTreeMap<i32, u32>; 2],
        seen: u64,
    }

    impl Reader {
        fn apply(&mut self, message: &OrderMessage) {
            let OrderMessage { side, price_ticks, reference, .. } = *message;
            let depth = self.depths[side as usize].entry(price_ticks).or_default();
            if message.action == OrderAction::Add {
                assert!(reference > self.seen, "references grow");
                self.seen = reference;
                self.orders.insert(reference, (side, price_ticks));
                *depth += 1;
            } else {
                assert_eq!(self.orders.remove(&reference), Some((side, price_ticks)), "a live order");
                *depth -= 1;
                if *depth == 0 {
                    self.depths[side as usize].remove(&price_ticks);
                }
            }
        }
    }

    fn check(spec: &SessionSpec, model: &Model) {
        let (mut messages, mut events, mut reader) = (Vec::new(), Vec::new(), Reader::default());
        let mut references = References::default();
        let mut book = OrderBook::open(spec, &mut references, &mut messages);
        let mut session = Session::open(spec, model).unwrap();
        messages.drain(..).for_each(|message| reader.apply(&message));
        while session.next_events(&mut events, 100) > 0 {
            for event in events.drain(..) {
                book.apply(&event, &mut references, &mut messages).unwrap();
                assert_eq!(messages.iter().filter(|message| message.last).count(), 1);
                assert!(
                    messages.iter().all(|message| message.ts_ns == event.ts_ns && message.event_id == event.order_id)
                );
                messages.drain(..).for_each(|message| reader.apply(&message));
                for side in [Side::Bid, Side::Ask] {
                    let counted: Vec<Level> = book.counts().levels(side).filter(|level| level.depth > 0).collect();
                    assert_eq!(book.levels(side).collect::<Vec<_>>(), counted);
                    let depths = &reader.depths[side as usize];
                    assert!(counted.iter().all(|level| depths.get(&level.price_ticks) == Some(&level.depth)));
                    assert_eq!(depths.len(), counted.len());
                }
            }
        }
        assert!(session.count() > 1000);
        assert_eq!(book.counts().middle_ticks(), session.close_ticks());
    }

    #[test]
    fn a_reader_of_the_orders_has_the_models_book_after_every_event() {
        let spec = SessionSpec {
            seed: 42,
            p0_ticks: 10_000,
            tick_size: 100,
            session_seconds: 300,
            levels: 5,
            spread_ticks: 2,
            depth: 5,
            market_open_ns: 34_200_000_000_000,
        };
        check(&spec, &Model::simple(Parameters::default()));
        check(&SessionSpec { levels: 3, depth: 1, ..spec }, &Model::hlr(Curves::of_literature(3)));
        check(&SessionSpec { levels: 1, depth: 2, ..spec }, &Model::simple(Parameters::default()));
        check(&SessionSpec { levels: 12, depth: 1, ..spec }, &Model::hlr(Curves::of_literature(2)));
    }
}
