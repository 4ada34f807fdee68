//! One symbol's run: the bars of minute after minute, day after day.
//!
//! This is the only way bars are made. Backfill runs far without waiting, the live generator runs a minute at a time, a
//! restart runs again from the day's open to where it was: all three give the same bytes. A run belongs to one symbol
//! and shares nothing with any other, so runs may be driven in any order and by any number of threads.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Bar;
use super::ticks::{TickFacts, TradedDraws, with_slot_trades};
use crate::base::instrument::InstrumentParameters;
use crate::base::{AnnualDrift, Instrument, InvalidInstrument, Ohlcv, Price, Symbol, TradeLaw, UnixSeconds};
use crate::calendar::{Calendar, CalendarError, Minute};
use crate::model::{DayPath, Model, Regime, StateOfOtherModel, SymbolState};

/// The state of a symbol at the start of a day. The whole day can be made again from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The symbol.
    pub symbol: Symbol,
    /// The trading day.
    pub day: NaiveDate,
    /// Its state and parameters at the open.
    pub opening: Opening,
}

/// Why a run cannot continue from a checkpoint: the stored rows were changed by another program.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidCheckpoint {
    /// The instrument's parameters are out of range.
    #[error(transparent)]
    Parameters(#[from] InvalidInstrument),
    /// The state is of another model than the market's.
    #[error(transparent)]
    Model(#[from] StateOfOtherModel),
    /// The last bar is of a later day than the checkpoint.
    #[error("{symbol} has its last bar at {last_bar}, but its checkpoint is of the earlier day {day}")]
    Behind {
        /// The symbol.
        symbol: Symbol,
        /// The checkpoint's day.
        day: NaiveDate,
        /// The last bar's minute, in local time.
        last_bar: String,
    },
}

/// The part of a [`Checkpoint`] that is stored as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// The instrument as it was when the day opened.
    pub parameters: InstrumentParameters,
    /// The model's state before the day's first minute.
    pub state: SymbolState,
}

/// A symbol's state after a bar, as `stock_state` and `stock_realtime_price` show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SymbolSnapshot {
    /// The symbol.
    pub symbol: Symbol,
    /// Close of the last bar, in ticks.
    pub price: Price,
    /// Standard deviation of a day's return in the present regime and under events, as a fraction.
    pub volatility: f64,
    /// Drift of the present regime and of the stock together.
    pub trend: AnnualDrift,
    /// The present regime.
    pub regime: Regime,
    /// Start of the last bar, in Unix seconds.
    pub last_bar: UnixSeconds,
    /// Change against the close of the day before, in per cent.
    pub change_percent: f64,
    /// Shares traded since the day's open.
    pub day_volume: i64,
    /// Whether an event halts its trade at the end of the last minute.
    pub is_halted: bool,
}

/// A time within one trading day in which a symbol does not trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halt {
    /// The symbol.
    pub symbol: Symbol,
    /// Start of the first minute without trade, in Unix seconds.
    pub from: UnixSeconds,
    /// End of the last, in Unix seconds. It may lie ahead of the market's last minute.
    pub until: UnixSeconds,
}

impl Halt {
    /// Whether an instant lies in it.
    #[must_use]
    pub fn holds(&self, now: UnixSeconds) -> bool {
        self.from <= now && now < self.until
    }
}

/// The computation of one symbol's bars, minute after minute and day after day.
#[derive(Debug, Clone)]
pub struct SymbolRun {
    model: Model,
    instrument: Instrument,
    day: NaiveDate,
    opening: SymbolState,
    previous_close: Price,
    path: DayPath,
    traded: TradedDraws,
    law: TradeLaw,
    /// Trading minutes of the day.
    minutes: u16,
    /// Index of the next minute in the day: 0 before the open, the number of the day's minutes after the close.
    next_index: u16,
    last_bar: Option<Minute>,
    /// Minute index at which the last reported halt ends.
    reported_halt_end: u16,
    day_volume: i64,
}

impl SymbolRun {
    /// A symbol before the open of its first trading day.
    #[must_use]
    pub fn list(model: Model, instrument: Instrument, first_day: NaiveDate) -> Self {
        let opening = model.first_state(&instrument, first_day);
        let path = model.open_first_day(&instrument, first_day);
        Self::before_open(model, instrument, first_day, opening, path, None)
    }

    /// A symbol after its last written bar: the day is made again up to that bar.
    ///
    /// `last_bar` is none, or lies before the checkpoint's day, when the day has no bar yet.
    ///
    /// # Errors
    /// The checkpoint's parameters are out of range, its state is of another model, or the last bar is of a later day.
    pub fn resume(
        model: Model,
        calendar: &Calendar,
        checkpoint: Checkpoint,
        last_bar: Option<Minute>,
    ) -> Result<Self, InvalidCheckpoint> {
        let Checkpoint { symbol, day, opening } = checkpoint;
        let instrument = opening.parameters.instrument(symbol)?;
        let path = model.open_day(&instrument, &opening.state, day)?;
        let mut run = Self::before_open(model, instrument, day, opening.state, path, last_bar);
        let made = match last_bar {
            Some(minute) if calendar.day_of(minute) > day => {
                return Err(InvalidCheckpoint::Behind { symbol, day, last_bar: calendar.local_minute(minute) });
            }
            Some(minute) if calendar.day_of(minute) == day => calendar.index_in_day(minute) + 1,
            _ => 0,
        };
        for _ in 0..made {
            run.step();
        }
        Ok(run)
    }

    /// Goes to the open of another day, with the instrument as it is now. The rest of the present day is made without giving
    /// its bars.
    pub fn open_day(&mut self, instrument: Instrument, day: NaiveDate) {
        while !self.is_day_over() {
            self.step();
        }
        let path = self.model.open_next_day(&instrument, &self.path, day);
        *self = Self::before_open(self.model.clone(), instrument, day, self.path.state(), path, self.last_bar);
    }

    /// Appends the bars of the present day up to the minute index `until` (exclusive, at most the number of its minutes) to `bars`. Returns the halts
    /// that begin in these minutes, each in its full length; after a resumption it returns a halt again.
    ///
    /// # Errors
    /// The present day is not a trading day of the calendar.
    pub fn bars_until(
        &mut self,
        calendar: &Calendar,
        until: u16,
        bars: &mut Vec<(Symbol, Bar)>,
    ) -> Result<Vec<Halt>, CalendarError> {
        calendar.open_of(self.day)?;
        let mut halts = Vec::new();
        let symbol = self.instrument.symbol;
        let until = until.min(self.minutes);
        for first in calendar.minutes_of(self.day).take(usize::from(until)).skip(usize::from(self.next_index)) {
            if let Some(end) = self.path.halted_until().filter(|_| self.reported_halt_end <= self.next_index) {
                let last = calendar.minute_of(self.day, end - 1)?;
                halts.push(Halt { symbol, from: first.start(), until: last.end() });
                self.reported_halt_end = end;
            }
            if let Some(ohlcv) = self.step() {
                bars.push((symbol, Bar { first, ohlcv }));
                self.last_bar = Some(first);
            }
        }
        Ok(halts)
    }

    /// The bar of the next minute; none in a halt.
    fn step(&mut self) -> Option<Ohlcv> {
        self.next_index += 1;
        if self.path.halted_until().is_some() {
            self.path.pass();
            self.traded.pass();
            return None;
        }
        let ohlcv = self.traded.next(self.path.step());
        let ohlcv = if self.law == TradeLaw::Slots { self.slot_bar(ohlcv) } else { ohlcv };
        self.day_volume = self.day_volume.saturating_add(ohlcv.volume());
        Some(ohlcv)
    }

    /// The bar of the minute before the next one, with what the trades of a test feed add up to.
    fn slot_bar(&self, ohlcv: Ohlcv) -> Ohlcv {
        // A path has no more minutes than its day.
        let Ok(first) = self.model.calendar().minute_of(self.day, self.next_index - 1) else { return ohlcv };
        with_slot_trades(self.model.seed, &self.instrument.symbol, &self.tick_facts(), &Bar { first, ohlcv })
    }

    /// The instrument as it was when the present day opened.
    #[must_use]
    pub fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// The trading day that the run is in.
    #[must_use]
    pub fn day(&self) -> NaiveDate {
        self.day
    }

    /// Index of the next minute in the day, from 0; the number of the day's minutes after the last.
    #[must_use]
    pub fn next_index(&self) -> u16 {
        self.next_index
    }

    /// The minute of the last bar; none before the first.
    #[must_use]
    pub fn last_bar(&self) -> Option<Minute> {
        self.last_bar
    }

    /// Whether the day's last bar has been made.
    #[must_use]
    pub fn is_day_over(&self) -> bool {
        self.next_index >= self.minutes
    }

    /// The facts about the present day that ticks need.
    #[must_use]
    pub fn tick_facts(&self) -> TickFacts {
        TickFacts::of_day(&self.model, &self.instrument, self.day, self.previous_close)
    }

    /// The checkpoint of the present day.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            symbol: self.instrument.symbol,
            day: self.day,
            opening: Opening { parameters: InstrumentParameters::of(&self.instrument), state: self.opening.clone() },
        }
    }

    /// The symbol's state after its last minute, which must be `after`; none before its first bar.
    #[must_use]
    pub fn snapshot(&self, after: Minute) -> Option<SymbolSnapshot> {
        let price = self.path.price();
        let regime = self.path.regime();
        let change = (price.ticks() - self.previous_close.ticks()) as f64 / self.previous_close.ticks() as f64;
        Some(SymbolSnapshot {
            symbol: self.instrument.symbol,
            price,
            volatility: self.instrument.base_volatility.per_day() * self.path.volatility_factor(),
            trend: AnnualDrift(regime.drift().0 + self.instrument.drift.0),
            regime,
            last_bar: self.last_bar?.start(),
            change_percent: change * 100.0,
            day_volume: self.day_volume,
            is_halted: self.model.is_halted(&self.instrument, after.end()),
        })
    }

    fn before_open(
        model: Model,
        instrument: Instrument,
        day: NaiveDate,
        opening: SymbolState,
        path: DayPath,
        last_bar: Option<Minute>,
    ) -> Self {
        let previous_close = path.price();
        let (next_index, reported_halt_end, day_volume) = (0, 0, 0);
        let minutes = model.calendar().minutes_on(day);
        let law = model.trade_law();
        let traded = TradedDraws::of_day(model.seed, &instrument.symbol, instrument.board, day);
        Self {
            model,
            instrument,
            day,
            opening,
            previous_close,
            path,
            traded,
            law,
            minutes,
            next_index,
            last_bar,
            reported_halt_end,
            day_volume,
        }
    }
}
