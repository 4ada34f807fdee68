//! One pair's book through one second.
//!
//! A second has eight frames. At their borders the middle price, the spread and the size of every level are known; in
//! between, the middle price and the spread go linearly and each level takes its next size at a moment of its own. So
//! the book at any microsecond is found without the ones before. What orders have eaten is a list of [`Hole`]s.

use klined_market::model::math::exp;
use rand_core::Rng;

use super::book::{Best, Book};
use super::day::{Day, FRAMES, Minute};
use super::levels::{LEVELS_MAX, Reason};
use super::pair_day::{PairDay, lanes};
use crate::base::currency::correlation;
use crate::base::{LEGS, Pair, Part, Streams, TICKS_PER_PIP};

/// The unit of a size, in the base currency: sizes are whole multiples of it before orders eat of them.
pub const SIZE_UNIT: f64 = 100_000.0;

/// Microseconds of a frame.
pub const FRAME_MICROS: i64 = 1_000_000 / FRAMES as i64;
const SIZE_TABLE: usize = 4096;
/// Standard deviation of a size's logarithm.
const SIZE_DEVIATION: f64 = 0.75;
/// 1.5 · 2⁵²: adding and subtracting it rounds to the nearest whole number.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// Which side of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    Bid,
    Ask,
}

/// What an order has eaten of a level until makers quote it anew.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hole {
    pub side: Side,
    pub level: usize,
    /// Unix microseconds, the first excluded.
    pub after: i64,
    pub until: i64,
    /// The share of the level that is left, 0 to 1.
    pub left: f64,
}

impl Hole {
    /// Whether nothing is left of the level.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.left <= 0.0
    }
}

/// Quantiles of a log-normal size with median 1.
#[derive(Debug, Clone)]
pub struct SizeTable(Box<[f64; SIZE_TABLE]>);

impl Default for SizeTable {
    fn default() -> Self {
        let quantile = klined_market::model::normal::quantile;
        let value = |place: usize| exp(SIZE_DEVIATION * quantile((place as f64 + 0.5) / SIZE_TABLE as f64));
        Self(Box::new(std::array::from_fn(value)))
    }
}

/// One pair's book through one second.
#[derive(Debug, Clone)]
pub struct Ladder {
    pub pair: Pair,
    /// The second, in Unix seconds.
    pub second: i64,
    pub reason: Reason,
    ticks_per_unit: f64,
    lanes: usize,
    /// In ticks, at the frames' borders.
    mid: [f64; FRAMES + 1],
    half_spread: [f64; FRAMES + 1],
    gap: [f64; FRAMES + 1],
    /// How much wider than in London's afternoon the spread is.
    strain: [f64; FRAMES + 1],
    /// Where the price will be about a second later, in its own standard deviations.
    outlook: [f64; FRAMES + 1],
    /// Levels' distance from the best in gaps, bid then ask.
    distance: Vec<f64>,
    /// Sizes in the base currency, by frame border, side and level.
    sizes: Vec<f64>,
    /// The part of each frame after which a level shows its next size, by side and level.
    turn: Vec<f64>,
    holes: Vec<Hole>,
}

impl Ladder {
    /// A ladder that holds nothing yet.
    #[must_use]
    pub fn empty(pair: Pair, levels: usize) -> Self {
        let lanes = lanes(levels);
        let none = [0.0; FRAMES + 1];
        Self {
            pair,
            second: 0,
            reason: Reason::Normal,
            ticks_per_unit: pair.facts().ticks_per_unit(),
            lanes,
            mid: none,
            half_spread: none,
            gap: none,
            strain: none,
            outlook: none,
            distance: vec![0.0; 2 * lanes],
            sizes: vec![0.0; (FRAMES + 1) * 2 * lanes],
            turn: vec![0.0; 2 * lanes],
            holes: Vec::new(),
        }
    }

    /// Makes the ladder that of a second of a minute. `path` are the legs at the borders of the second's frames.
    pub fn fill(
        &mut self,
        streams: Streams,
        table: &SizeTable,
        context: &PairDay,
        day: &Day,
        minute: &Minute,
        path: &[[f64; LEGS]; FRAMES + 1],
    ) {
        let facts = self.pair.facts();
        let (base, quote) = (facts.base.leg(), facts.quote.leg());
        let of = |legs: &[f64; LEGS], leg: Option<usize>| leg.map_or(0.0, |leg| legs[leg]);
        let start = (self.second - context.day_start) as f64;
        let in_minute = (self.second - minute.start) as usize;
        let ahead = facts.log_price(&minute.levels[(in_minute + 2).min(60)]);
        let (vb, vq) = (of(&minute.second_variance, base), of(&minute.second_variance, quote));
        let together = base.zip(quote).map_or(0.0, |(b, q)| correlation(b, q));
        let deviation = (vb + vq - 2.0 * together * (vb * vq).sqrt()).sqrt() * 1.5;
        let usual_spread = facts.spread_pips * TICKS_PER_PIP;
        let activity = exp(0.4 * klined_market::model::math::ln(day.profile.activity[minute.index]));
        self.reason = context.reason(day, start);
        self.holes.clear();
        for side in 0..2 {
            self.distance[side * self.lanes..][..self.lanes].copy_from_slice(&context.distance[side]);
        }
        let mut lean = [[1.0; 2]; FRAMES + 1];
        for (border, lean) in lean.iter_mut().enumerate() {
            let log = facts.log_price(&path[border]);
            let strain = context.log_strain(day, start + border as f64 / FRAMES as f64);
            let wide = exp(strain);
            self.mid[border] = exp(log) * self.ticks_per_unit;
            self.strain[border] = wide;
            // Rounding outwards adds one tick to what is asked for here.
            self.half_spread[border] = 0.5 * (usual_spread * wide - 1.0).max(0.2);
            self.gap[border] = (0.6 * usual_spread * wide.sqrt()).max(1.0);
            let outlook = ((ahead - log) / deviation).clamp(-2.0, 2.0);
            self.outlook[border] = outlook;
            let thin = exp(-0.8 * strain) * activity;
            let tilt = exp(0.2 * outlook);
            *lean = [thin * tilt, thin / tilt];
        }
        let mut bits = [0_u8; 2 * 2 * (LEVELS_MAX + 8)];
        let bits = &mut bits[..4 * self.lanes];
        let mut stream = streams.pair(Part::Sizes, self.pair, self.second);
        for (border, lean) in lean[..FRAMES].iter().enumerate() {
            stream.fill_bytes(bits);
            self.fill_sizes(border, bits, table, context, lean);
        }
        stream.fill_bytes(bits);
        for (turn, word) in self.turn.iter_mut().zip(bits.chunks_exact(2)) {
            *turn = f64::from(u16::from_le_bytes([word[0], word[1]])) * (1.0 / 65_536.0);
        }
        // The last border is the first one of the next second.
        streams.pair(Part::Sizes, self.pair, self.second + 1).fill_bytes(bits);
        self.fill_sizes(FRAMES, bits, table, context, &lean[FRAMES]);
    }

    fn fill_sizes(&mut self, border: usize, bits: &[u8], table: &SizeTable, context: &PairDay, lean: &[f64; 2]) {
        let lanes = self.lanes;
        let of_border = &mut self.sizes[border * 2 * lanes..][..2 * lanes];
        for side in 0..2 {
            let sizes = of_border[side * lanes..][..lanes].iter_mut();
            let words = bits[side * 2 * lanes..].chunks_exact(2);
            for ((size, word), usual) in sizes.zip(words).zip(&context.size) {
                let place = usize::from(u16::from_le_bytes([word[0], word[1]])) % SIZE_TABLE;
                let units = table.0[place] * usual * lean[side];
                *size = ((units + ROUNDER) - ROUNDER).max(1.0) * SIZE_UNIT;
            }
        }
    }

    /// Sets what orders have eaten in this second.
    pub fn set_holes(&mut self, holes: &[Hole]) {
        let (start, end) = (self.second * 1_000_000, (self.second + 1) * 1_000_000);
        self.holes.clear();
        self.holes.extend(holes.iter().filter(|hole| hole.after < end && hole.until > start));
    }

    /// Adds what an order has eaten.
    pub fn add_hole(&mut self, hole: Hole) {
        self.holes.push(hole);
    }

    /// Frame and part of it at a microsecond of the second.
    fn place(micros: i64) -> (usize, f64) {
        let frame = micros / FRAME_MICROS;
        (frame as usize, (micros - frame * FRAME_MICROS) as f64 * (1.0 / FRAME_MICROS as f64))
    }

    fn between(nodes: &[f64; FRAMES + 1], (frame, part): (usize, f64)) -> f64 {
        nodes[frame] + (nodes[frame + 1] - nodes[frame]) * part
    }

    /// The unrounded middle price at the borders of the second's frames, in ticks.
    #[must_use]
    pub fn mids(&self) -> &[f64; FRAMES + 1] {
        &self.mid
    }

    /// The unrounded middle price at a microsecond of the second, in ticks.
    #[must_use]
    pub fn mid_ticks(&self, micros: i64) -> f64 {
        Self::between(&self.mid, Self::place(micros))
    }

    /// How much wider than in London's afternoon the spread is.
    #[must_use]
    pub fn strain(&self, micros: i64) -> f64 {
        Self::between(&self.strain, Self::place(micros))
    }

    /// Where the price will be about a second later, in its own standard deviations, −2 to 2.
    #[must_use]
    pub fn outlook(&self, micros: i64) -> f64 {
        Self::between(&self.outlook, Self::place(micros))
    }

    /// Writes the book at a microsecond of the second.
    #[inline]
    pub fn book(&self, micros: i64, levels: usize, book: &mut Book) {
        if self.holes.is_empty() {
            self.whole_book(micros, levels, book);
        } else {
            self.eaten_book(micros, levels, book);
        }
        book.levels = levels;
    }

    #[inline]
    fn whole_book(&self, micros: i64, levels: usize, book: &mut Book) {
        let place @ (frame, part) = Self::place(micros);
        let mid = Self::between(&self.mid, place);
        let half = Self::between(&self.half_spread, place);
        let gap = Self::between(&self.gap, place);
        let lanes = self.lanes;
        let count = levels.next_multiple_of(4).min(lanes);
        let (now, next) = self.sizes[frame * 2 * lanes..][..4 * lanes].split_at(2 * lanes);
        // Adding half a tick outwards before rounding to the nearest rounds outwards.
        let (best_bid, best_ask) = (mid - half - 0.5, mid + half + 0.5);
        let per_unit = self.ticks_per_unit;
        for ((price, distance), (size, ((now, next), turn))) in
            book.bid_prices[..count].iter_mut().zip(&self.distance[..count]).zip(
                book.bid_sizes[..count]
                    .iter_mut()
                    .zip(now[..count].iter().zip(&next[..count]).zip(&self.turn[..count])),
            )
        {
            *price = ((best_bid - gap * distance + ROUNDER) - ROUNDER) / per_unit;
            *size = if part < *turn { *now } else { *next };
        }
        for ((price, distance), (size, ((now, next), turn))) in
            book.ask_prices[..count].iter_mut().zip(&self.distance[lanes..][..count]).zip(
                book.ask_sizes[..count]
                    .iter_mut()
                    .zip(now[lanes..][..count].iter().zip(&next[lanes..][..count]).zip(&self.turn[lanes..][..count])),
            )
        {
            *price = ((best_ask + gap * distance + ROUNDER) - ROUNDER) / per_unit;
            *size = if part < *turn { *now } else { *next };
        }
    }

    /// The book with holes: levels that are gone make room for those behind them.
    fn eaten_book(&self, micros: i64, levels: usize, book: &mut Book) {
        self.whole_book(micros, self.lanes, book);
        let now = self.second * 1_000_000 + micros;
        let mut gone = [[false; LEVELS_MAX + 8]; 2];
        let mut is_any_gone = [false; 2];
        for hole in self.holes.iter().filter(|hole| hole.after < now && now <= hole.until) {
            let (side, sizes) = match hole.side {
                Side::Bid => (0, &mut book.bid_sizes),
                Side::Ask => (1, &mut book.ask_sizes),
            };
            if hole.is_all() {
                gone[side][hole.level] = true;
                is_any_gone[side] = true;
            } else {
                let size = &mut sizes[hole.level];
                *size = (*size * (hole.left * 1e-3)).round().max(1.0) * 1e3;
            }
        }
        for (side, prices, sizes) in
            [(0, &mut book.bid_prices, &mut book.bid_sizes), (1, &mut book.ask_prices, &mut book.ask_sizes)]
        {
            if !is_any_gone[side] {
                continue;
            }
            let mut to = 0;
            for from in 0..self.lanes {
                if !gone[side][from] {
                    prices[to] = prices[from];
                    sizes[to] = sizes[from];
                    to += 1;
                }
            }
            debug_assert!(to >= levels);
        }
    }

    /// The best prices and sizes at a microsecond of the second: those of the book.
    #[must_use]
    pub fn best(&self, micros: i64, scratch: &mut Book) -> Best {
        self.book(micros, 1, scratch);
        scratch.best()
    }

    /// The levels that the ladder keeps, spare ones included.
    pub(super) fn levels(&self) -> std::ops::Range<usize> {
        0..self.lanes
    }

    /// Which levels of the ladder are gone from a side at a microsecond of the second.
    pub(super) fn gone(&self, side: Side, micros: i64) -> impl Iterator<Item = usize> {
        let now = self.second * 1_000_000 + micros;
        let is_gone = move |hole: &&Hole| hole.is_all() && hole.side == side && hole.after < now && now <= hole.until;
        self.holes.iter().filter(is_gone).map(|hole| hole.level)
    }
}
