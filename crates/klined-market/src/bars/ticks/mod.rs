//! Ticks: the trades and quotes inside a minute, as a pure function of the seed and the bar.
//!
//! The bar is the truth and the ticks refine it. Rolled up they give it back exactly, so nothing of them is stored: any
//! minute's ticks are made when they are asked for, without its neighbours, and the same every time. Their random
//! numbers are a stream of their own for each symbol and minute.
//!
//! The parts: `times` draws when trades come, `sizes` how many and how large they are, `path` where the price goes, and
//! `top_of_book` bid, ask and side; in a test feed `slots` draws when they come and how large they are. `turnover` decides a bar's turnover and number of trades, and `fit` makes the trades add up
//! to them. Bars without these, of earlier versions, have the trades that were drawn.

mod depth;
mod fit;
mod path;
mod sizes;
mod slots;
mod times;
mod top_of_book;
mod turnover;

use chrono::NaiveDate;
use rand_core::Rng;

pub use self::depth::QueueDepth;
pub use self::slots::with_slot_trades;
pub use self::turnover::{TradedDraws, traded_of};

use self::fit::Goal;
use self::path::PathPoint;
use self::top_of_book::{PricedTrade, TopOfBook};
use super::Bar;
use crate::base::{
    Board, Instrument, Nanos, Ohlcv, Price, PriceBounds, PriceLimits, Seed, Stream, Symbol, TradeLaw, Traded,
    UnixNanos, UnixSeconds,
};
use crate::calendar::Minute;
use crate::model::Model;

/// The most trades that a minute has.
pub const TRADES_MAX: usize = 4000;
/// How often the quote changes in a minute without volume.
const QUOTES_WITHOUT_TRADES: usize = 8;
const NANOS_PER_MINUTE: u64 = Nanos::MINUTE.get().cast_unsigned();

/// The facts about an instrument and its day that ticks need, besides the bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickFacts {
    /// The board, which decides the sizes of orders.
    pub board: Board,
    /// The day's price limits, if there are any: no order waits beyond them.
    pub limits: Option<PriceLimits>,
    /// The prices that the stock never leaves: no order waits beyond them either.
    pub bounds: PriceBounds,
    /// The day's usual queues; none if the sizes of quotes follow from the minute's trades.
    pub depth: Option<QueueDepth>,
    /// How trades are drawn.
    pub law: TradeLaw,
}

impl TickFacts {
    /// The facts of an instrument's day after a close.
    #[must_use]
    pub fn of_day(model: &Model, instrument: &Instrument, day: NaiveDate, previous_close: Price) -> Self {
        Self {
            board: instrument.board,
            limits: model.price_limits(instrument, day, previous_close),
            bounds: instrument.bounds,
            depth: model.has_queues().then(|| QueueDepth::of_day(model.seed, instrument, day, previous_close)),
            law: model.trade_law(),
        }
    }

    /// The facts of a stock of which nothing is known but its board.
    #[must_use]
    pub fn of_board(board: Board) -> Self {
        Self { board, limits: None, bounds: PriceBounds::NONE, depth: None, law: TradeLaw::default() }
    }
}

/// The side of a trade: that of the order that came last, against an order that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A buyer paid the ask.
    Buy,
    /// A seller took the bid's price.
    Sell,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// The number of a trade among all of its symbol: unique, increasing, and computed from the trade's minute and place
/// alone, as (the minute's start / 60 s)·10,000 + place. Until the year 2262 that is below 2⁵³, so a double
/// represents it exactly. The quote that stands before a trade has the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TickId(u64);

impl TickId {
    /// Above every place in a minute.
    const PLACES: u64 = 10_000;

    /// The tick at a place of the minute that starts at an instant in Unix seconds, 1970 or later.
    #[must_use]
    pub fn of(minute_start: UnixSeconds, place: u16) -> Self {
        Self(((minute_start - UnixSeconds::EPOCH) / Minute::SECONDS).cast_unsigned() * Self::PLACES + u64::from(place))
    }

    /// The id with a number. The tick need not exist.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number that clients see.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }

    /// Start of the tick's minute, in Unix seconds.
    #[must_use]
    pub fn minute_start(self) -> UnixSeconds {
        // Divided by 10,000 it has room for the sign, and times 60 too.
        UnixSeconds::EPOCH + Minute::SECONDS * (self.0 / Self::PLACES).cast_signed()
    }

    /// The tick's place in its minute, from 0 on.
    #[must_use]
    pub fn place(self) -> u16 {
        (self.0 % Self::PLACES) as u16
    }
}

/// A trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// The instant, strictly after the trade before.
    pub at: UnixNanos,
    /// The price: that of the ask before it for a buyer, of the bid before it for a seller.
    pub price: Price,
    /// Number of shares; 0 is a print of less than one share, which only a bar with fewer shares than prices has.
    pub shares: i64,
    /// Its place in the minute, from 0 on.
    pub place: u16,
    /// The side of the order that came last.
    pub side: Side,
}

/// Price and size of one side of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// Shares, in the sizes of the board's orders.
    pub shares: i64,
}

/// The best bid and ask from an instant on, until the next quote. Bid < ask; a side that price limits leave empty is
/// none, and at least one side is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestQuote {
    /// Since when; the first of a minute since its start.
    pub at: UnixNanos,
    /// The highest price that a buyer offers, with its size.
    pub bid: Option<Level>,
    /// The lowest price that a seller asks, with its size.
    pub ask: Option<Level>,
    /// Its place in the minute: that of the trade that it stands before.
    pub place: u16,
}

/// One event of the market inside a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// The best bid and ask have changed.
    Quote(BestQuote),
    /// Shares were traded.
    Trade(Trade),
}

impl Trade {
    /// Its number among all trades of the symbol.
    #[must_use]
    pub fn id(&self) -> TickId {
        id(self.at, self.place)
    }

    /// The bar that this trade alone makes.
    #[must_use]
    pub fn as_bar(&self) -> Ohlcv {
        let turnover = self.price.ticks().checked_mul(self.shares);
        let traded = turnover.and_then(|turnover| Traded::new(turnover, 1).ok());
        Ohlcv::spanning(self.price, self.price, self.price, self.price, self.shares.unsigned_abs()).with_traded(traded)
    }
}

impl BestQuote {
    /// Its number among all quotes of the symbol.
    #[must_use]
    pub fn id(&self) -> TickId {
        id(self.at, self.place)
    }
}

impl Tick {
    /// When it happens.
    #[must_use]
    pub fn at(&self) -> UnixNanos {
        match self {
            Self::Quote(quote) => quote.at,
            Self::Trade(trade) => trade.at,
        }
    }
}

fn id(at: UnixNanos, place: u16) -> TickId {
    TickId::of(Minute::label_of(at.seconds()), place)
}

/// All trades and quotes of one symbol's minute, in order of time. Each trade has the quote of its place before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinuteTicks {
    minute: Minute,
    trades: Vec<Trade>,
    quotes: Vec<BestQuote>,
}

impl MinuteTicks {
    /// The ticks of a 1-minute bar. They depend on nothing but the arguments, to the byte and on every platform.
    ///
    /// A bar without volume has quotes only, around its close. Where the bar's turnover and number of trades are known, the trades
    /// have them too, unless no trades of this bar can.
    #[must_use]
    pub fn of(seed: Seed, symbol: &Symbol, facts: &TickFacts, bar: &Bar) -> Self {
        let minute = bar.first;
        let start = minute.start().saturating_nanos();
        let mut stream = seed.minute_stream(Stream::Ticks, symbol, minute.start());
        let ohlcv = &bar.ohlcv;
        let volume = ohlcv.volume().unsigned_abs();
        if volume == 0 {
            let close = Ohlcv::spanning(ohlcv.close(), ohlcv.close(), ohlcv.close(), ohlcv.close(), 0);
            let mut top = TopOfBook::of(facts, &close, 0);
            let times = times::draw(&mut stream, QUOTES_WITHOUT_TRADES - 1);
            let quote = |(place, offset): (u16, u64)| {
                let quoted = top.next(PathPoint::Given(0), 0, stream.next_u64(), stream.next_u64());
                BestQuote { at: start + Nanos::new(offset.cast_signed()), bid: quoted.bid, ask: quoted.ask, place }
            };
            let quotes = (0..).zip(std::iter::once(0).chain(times)).map(quote).collect();
            return Self { minute, trades: Vec::new(), quotes };
        }
        if facts.law == TradeLaw::Slots {
            let drawn = slots::draw(&mut stream, facts, ohlcv);
            if drawn.sums(ohlcv) == *ohlcv {
                let slots::SlotTrades { times, shares, priced, top } = drawn;
                let depths = priced.iter().map(|_| stream.next_u64()).collect();
                return Self::quoted(minute, &top, times, shares, (priced, depths));
            }
            return Self::of(seed, symbol, &TickFacts { law: TradeLaw::Clusters, ..*facts }, bar);
        }
        let order_sizes = facts.board.order_sizes();
        let goal = Goal::of(ohlcv, order_sizes);
        let drawn = sizes::count(&mut stream, volume, order_sizes, path::needed(ohlcv));
        let (count, odd) = goal.map_or((drawn, 0), |goal| (goal.trades, goal.odd));
        let mut shares = sizes::draw(&mut stream, volume - odd, order_sizes, count);
        let times = times::draw(&mut stream, count);
        let points = path::draw(&mut stream, ohlcv, count);
        let mut top = TopOfBook::of(facts, ohlcv, count);
        let (mut priced, mut depths) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for &point in &points {
            priced.push(top.price(point, stream.next_u64()));
            depths.push(stream.next_u64());
        }
        if let Some(goal) = goal
            && !goal.fit(&points, &mut priced, &mut shares)
        {
            // Another program has written a turnover that no trades of the bar can have.
            return Self::of(seed, symbol, facts, &Bar { ohlcv: ohlcv.with_traded(None), ..*bar });
        }
        Self::quoted(minute, &top, times, shares, (priced, depths))
    }

    /// The trades of a minute, each with a quote before it from a random word.
    fn quoted(
        minute: Minute,
        top: &TopOfBook,
        times: Vec<u64>,
        shares: Vec<u64>,
        (priced, depths): (Vec<PricedTrade>, Vec<u64>),
    ) -> Self {
        let (start, count) = (minute.start().saturating_nanos(), times.len());
        let (mut trades, mut quotes) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut before = 0;
        for (place, (((time, shares), priced), depths)) in
            (0..).zip(times.into_iter().zip(shares).zip(priced).zip(depths))
        {
            let quoted = top.quote(priced, shares, depths);
            // Quotes follow a trade sooner rather than later, and always between it and the next.
            let quoted_at = if place == 0 {
                0
            } else {
                before + 1 + ((time - before - 2) as f64 * (quoted.chance * quoted.chance)) as u64
            };
            quotes.push(BestQuote {
                at: start + Nanos::new(quoted_at.cast_signed()),
                bid: quoted.bid,
                ask: quoted.ask,
                place,
            });
            let (at, price, side) = (start + Nanos::new(time.cast_signed()), quoted.price, quoted.side);
            trades.push(Trade { at, price, shares: shares.cast_signed(), place, side });
            before = time;
        }
        Self { minute, trades, quotes }
    }

    /// The minute.
    #[must_use]
    pub fn minute(&self) -> Minute {
        self.minute
    }

    /// All trades; a trade's place is its index. A page of `/trades` goes on after (minute, place) by slicing.
    #[must_use]
    pub fn trades(&self) -> &[Trade] {
        &self.trades
    }

    /// All quotes; a quote's place is its index.
    #[must_use]
    pub fn quotes(&self) -> &[BestQuote] {
        &self.quotes
    }

    /// The trades up to an instant, inclusive.
    #[must_use]
    pub fn trades_until(&self, instant: UnixNanos) -> &[Trade] {
        &self.trades[..self.trades.partition_point(|trade| trade.at <= instant)]
    }

    /// The quote that stands at an instant; none before the minute's start.
    #[must_use]
    pub fn quote_at(&self, instant: UnixNanos) -> Option<BestQuote> {
        self.quotes[..self.quotes.partition_point(|quote| quote.at <= instant)].last().copied()
    }

    /// The bar as far as it has formed at an instant, which counts; none before the first trade.
    #[must_use]
    pub fn until(&self, instant: UnixNanos) -> Option<Ohlcv> {
        rolled_up(self.trades_until(instant))
    }

    /// Trades and quotes after an instant, in order of time.
    pub fn after(&self, instant: UnixNanos) -> impl Iterator<Item = Tick> + '_ {
        let mut trades = self.trades[self.trades_until(instant).len()..].iter().peekable();
        let first = self.quotes.partition_point(|quote| quote.at <= instant);
        let mut quotes = self.quotes[first..].iter().peekable();
        std::iter::from_fn(move || match (quotes.peek(), trades.peek()) {
            (Some(quote), Some(trade)) if trade.at < quote.at => trades.next().copied().map(Tick::Trade),
            (None, _) => trades.next().copied().map(Tick::Trade),
            _ => quotes.next().copied().map(Tick::Quote),
        })
    }

    /// Turnover and number of the trades. None where the turnover is above [`Traded::TURNOVER_MAX`].
    #[must_use]
    pub fn traded(&self) -> Option<Traded> {
        rolled_up(&self.trades).map_or(Some(Traded::NOTHING), |bar| bar.traded())
    }
}

/// The bar that trades make, given in order; none of none.
#[must_use]
pub fn rolled_up(trades: &[Trade]) -> Option<Ohlcv> {
    trades.iter().map(Trade::as_bar).reduce(Ohlcv::then)
}
