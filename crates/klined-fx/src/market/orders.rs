//! Orders that walk the book, and what they leave of it.
//!
//! The orders of a minute are drawn for the whole market. Each walks the book that is shown just before it, up to its
//! limit; what it eats is gone until makers quote the level anew. So no two orders eat the same size. A minute begins
//! with what the last ten seconds of the minute before, taken by themselves, have left.

use klined_market::base::seed::open_unit;
use klined_market::model::math::{exp, ln};
use klined_market::model::normal::quantile;
use rand_core::Rng;

use super::book::Book;
use super::day::{Day, Minute};
use super::ecn::Ecn;
use super::ladder::{Hole, Ladder, SIZE_UNIT, SPARE_LEVELS, Side, SizeTable};
use super::pair_day::PairDay;
use crate::base::normal_draws::uniform;
use crate::base::{PAIRS, Pair, Part, Streams, TICKS_PER_PIP};

/// Orders of all pairs in a second, both bounds included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRate {
    pub least: u32,
    pub most: u32,
}

/// Median of an order's size in the base currency, standard deviation of its logarithm, and bounds.
const SIZE_MEDIAN: f64 = 500_000.0;
const SIZE_DEVIATION: f64 = 1.2;
const SIZE_BOUNDS: (f64, f64) = (100_000.0, 100_000_000.0);
/// Mean seconds until the best level is quoted anew when it is eaten, and the most for any level.
const REFILL_SECONDS: f64 = 0.6;
const REFILL_SECONDS_MAX: f64 = 8.0;
/// Seconds of the minute before that a minute looks back on: more than a level can be missing.
const LOOK_BACK: usize = 10;
/// How much likelier than even a buyer can be in a minute, apart from what takers know.
const TIDE: f64 = 0.15;
/// Share of orders with a limit close to the best price.
const PASSIVE: f64 = 0.4;

/// An order before it meets the book.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pair: Pair,
    /// Second of the minute, and the microsecond of the second.
    second: usize,
    micros: i64,
    words: [u64; 8],
    id: u128,
    /// How much likelier than even a buyer is, because buyers or sellers prevail in the pair's minute.
    tide: f64,
}

/// What an order has traded with one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fill {
    pub pair: Pair,
    pub ecn: Ecn,
    /// When the order met the book, in Unix microseconds.
    pub ordered_micros: i64,
    /// When it was filled, in Unix nanoseconds; lies in the order's second.
    pub nanos: i64,
    pub trade_id: u128,
    pub order_id: u128,
    /// Whether the taker buys.
    pub is_buy: bool,
    /// Whether the limit was close to the best price.
    pub is_passive: bool,
    pub price: f64,
    /// In the base currency.
    pub quantity: f64,
    /// The taker, by its place in the pool of legal entities.
    pub entity_word: u32,
}

/// Cumulative turnover of the pairs.
fn turnover() -> [f64; PAIRS] {
    let mut sum = 0.0;
    Pair::all().map(|pair| {
        sum += pair.facts().turnover;
        sum
    })
}

impl Order {
    /// The orders of a minute, by second.
    pub(super) fn of_minute(streams: Streams, rate: OrderRate, day: &Day, minute: &Minute) -> Vec<Self> {
        let mut stream = streams.market(Part::Orders, minute.start);
        let tides: [f64; PAIRS] = std::array::from_fn(|_| TIDE * (2.0 * uniform(&mut stream) - 1.0));
        // A uniform number to this power lies near 0 when little is going on.
        let quiet = 1.0 / day.profile.activity[minute.index];
        let turnover = turnover();
        let all = turnover[PAIRS - 1];
        let mut orders = Vec::new();
        for second in 0..60 {
            let choices = f64::from(rate.most - rate.least + 1);
            let part = exp(quiet * quiet * ln(uniform(&mut stream)));
            let count = rate.least as usize + (choices * part) as usize;
            for place in 0..count {
                let share = uniform(&mut stream) * all;
                let pair = Pair::all()[turnover.partition_point(|&sum| sum < share).min(PAIRS - 1)];
                // A microsecond in the order's own part of the second, so that no two orders meet at one instant.
                let micros = ((place as f64 + uniform(&mut stream)) * 1e6 / count as f64) as i64;
                let words = std::array::from_fn(|_| stream.next_u64());
                let id = (u128::from(stream.next_u64()) << 64) | u128::from(stream.next_u64());
                orders.push(Self { pair, second, micros: micros.min(999_999), words, id, tide: tides[pair.index()] });
            }
        }
        orders
    }
}

/// One pair's trade in one minute.
#[derive(Debug, Clone, Default)]
pub(super) struct PairTrade {
    /// Ordered by order, not by time of fill.
    pub fills: Vec<Fill>,
    pub holes: Vec<Hole>,
}

/// What the books of a minute are made of.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub streams: Streams,
    pub table: &'a SizeTable,
    pub day: &'a Day,
    pub minute: &'a Minute,
    pub orders: &'a [Order],
}

impl PairTrade {
    /// A minute's trade of a pair, given the minute before it on the same day.
    pub(super) fn of(setting: Setting, before: Option<Setting>, context: &PairDay, scratch: &mut Scratch) -> Self {
        let mut trade = Self::default();
        if let Some(before) = before {
            trade.walk(before, context, 60 - LOOK_BACK, scratch);
            trade.fills.clear();
            let start = setting.minute.start * 1_000_000;
            trade.holes.retain(|hole| hole.until > start);
        }
        trade.walk(setting, context, 0, scratch);
        trade
    }

    fn walk(&mut self, setting: Setting, context: &PairDay, from_second: usize, scratch: &mut Scratch) {
        let mut filled_second = usize::MAX;
        let ours = |order: &&Order| order.pair == context.pair && order.second >= from_second;
        let Scratch { ladders, book } = scratch;
        let ladder = &mut ladders[context.pair.index()];
        for order in setting.orders.iter().filter(ours) {
            if order.second != filled_second {
                filled_second = order.second;
                ladder.second = setting.minute.start + order.second as i64;
                let path = &setting.minute.paths[order.second];
                ladder.fill(setting.streams, setting.table, context, setting.day, setting.minute, path);
                ladder.set_holes(&self.holes);
            }
            self.trade(order, setting.minute.start, ladder, book);
        }
    }

    fn trade(&mut self, order: &Order, minute_start: i64, ladder: &mut Ladder, book: &mut Book) {
        let [size, venue, side, kind, limit, delay, refill, bias] = order.words.map(open_unit);
        let strain = ladder.strain(order.micros);
        // Takers ask for less when makers show less.
        let usual = SIZE_MEDIAN / strain.max(1.0);
        let size = (usual * exp(SIZE_DEVIATION * quantile(size))).clamp(SIZE_BOUNDS.0, SIZE_BOUNDS.1);
        let ecn = Ecn::of_order(venue, size);
        let manner = ecn.manner();
        let mut rest = (size / manner.lot).round().max(1.0) * manner.lot;
        let outlook = ladder.outlook(order.micros);
        let is_buy = side < 0.5 + order.tide + manner.information * outlook;
        let is_passive = kind < PASSIVE;
        let pips = if is_passive { 2.0 * limit } else { 3.0 + 7.0 * limit };
        let second = minute_start + order.second as i64;
        let now = second * 1_000_000 + order.micros;
        // A fill stays in its order's second.
        let delay = ecn.delay_nanos(delay).min((1_000_000 - order.micros) * 1_000 - 1);
        if manner.has_last_look && bias < 0.8 {
            let later = (order.micros + delay / 1_000).min(999_999);
            let moved = ladder.mid_ticks(later) - ladder.mid_ticks(order.micros);
            if (if is_buy { moved } else { -moved }) > 0.1 {
                return;
            }
        }
        ladder.book(order.micros, SPARE_LEVELS + 1, book);
        let (side, prices, sizes) = if is_buy {
            (Side::Ask, book.ask_prices(), book.ask_sizes())
        } else {
            (Side::Bid, book.bid_prices(), book.bid_sizes())
        };
        let gone: Vec<usize> = ladder.gone(side, order.micros).collect();
        let mut gone_count = gone.len();
        let standing: Vec<usize> =
            ladder.levels().filter(|level| !gone.contains(level)).take(SPARE_LEVELS + 1).collect();
        let reach = pips * TICKS_PER_PIP / ladder.pair.facts().ticks_per_unit();
        for ((&price, &shown), level) in prices.iter().zip(sizes).zip(standing) {
            if rest <= 0.0 || (price - prices[0]).abs() > reach + 1e-9 {
                break;
            }
            let within = rest.min(shown);
            let mut quantity = if ecn == Ecn::Ebs { (within / manner.lot).floor() * manner.lot } else { within };
            if quantity >= shown && gone_count == SPARE_LEVELS {
                // A ladder keeps as many levels as a book must show.
                quantity = shown - SIZE_UNIT;
            }
            if quantity <= 0.0 {
                continue;
            }
            let left = if quantity >= shown { 0.0 } else { 1.0 - quantity / shown };
            let wait = (-REFILL_SECONDS * ln(refill) * (1.0 + 0.3 * level as f64)).min(REFILL_SECONDS_MAX);
            let until = now + 1 + (wait * 1e6) as i64;
            let hole = Hole { side, level, after: now, until, left };
            self.holes.push(hole);
            ladder.add_hole(hole);
            gone_count += usize::from(hole.is_all());
            let place = self.fills.len() as u128;
            self.fills.push(Fill {
                pair: order.pair,
                ecn,
                ordered_micros: now,
                nanos: now * 1_000 + delay,
                trade_id: version_4(scramble(order.id, place)),
                order_id: version_4(order.id),
                is_buy,
                is_passive,
                price,
                quantity,
                entity_word: (order.words[7] >> 12) as u32,
            });
            rest -= quantity;
        }
    }
}

/// A number of 128 bits as a random UUID (RFC 9562, version 4).
fn version_4(bits: u128) -> u128 {
    (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62)
}

/// Another number of 128 bits for each place, by the finalizer of SplitMix64 on both halves.
fn scramble(id: u128, place: u128) -> u128 {
    let mix = |word: u64| {
        let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let (high, low) = ((id >> 64) as u64, id as u64);
    let step = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (u128::from(mix(high.wrapping_add(step))) << 64) | u128::from(mix(low ^ step.rotate_left(32)))
}

/// Room to work in, kept between minutes.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    ladders: Vec<Ladder>,
    book: Box<Book>,
}

impl Scratch {
    pub(super) fn with_levels(levels: usize) -> Self {
        Self { ladders: Pair::all().map(|pair| Ladder::empty(pair, levels)).to_vec(), book: Box::default() }
    }
}
