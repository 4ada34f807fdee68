//! The market of a choice: stocks that are walked through from the day of their listing on.

use std::sync::Arc;

use chrono::NaiveDate;
use klined_market::bars::ticks::MinuteTicks;
use klined_market::bars::{Bar, Rollup, SymbolRun};
use klined_market::base::{Instrument, Interval, Symbol};
use klined_market::calendar::{Calendar, CalendarError};
use klined_market::model::Model;
use klined_market::universe::{UniverseChoice, UniverseRow};

use super::choice::{InvalidMarket, Listed, MarketChoice, chosen, model, with_scenarios};
use super::days::trading_days;
use super::universe::stocks;
use crate::source::{Flow, Source};

/// A market that is made from its seed, of some stocks and days.
#[derive(Debug, Clone)]
pub struct MadeMarket {
    model: Model,
    calendar: Arc<Calendar>,
    universe: UniverseChoice,
    rows: Vec<UniverseRow>,
    instruments: Vec<Instrument>,
    symbols: Vec<Symbol>,
    days: Vec<NaiveDate>,
    listed: NaiveDate,
}

impl MadeMarket {
    /// The market of a choice: the stocks of some symbols, all when none is named, on the trading days from one date to another, both
    /// included.
    ///
    /// # Errors
    /// The choice contradicts itself, a symbol is unknown, or the range cannot be used.
    pub fn new(
        choice: MarketChoice,
        symbols: &[Symbol],
        from: NaiveDate,
        to: NaiveDate,
        listed: Listed,
    ) -> Result<Self, InvalidMarket> {
        let MarketChoice { seed, universe, kind, parameters, calendar, scenarios } = choice;
        let days = trading_days(&calendar, from, to)?.to_vec();
        let first = days.first().copied().unwrap_or(from);
        let listed = match listed {
            Listed::WithTheRange => first,
            Listed::On(date) => trading_days(&calendar, date, calendar.last_day())?.first().copied().unwrap_or(date),
        };
        if listed > first {
            return Err(InvalidMarket::ListedLate { listed, from });
        }
        let calendar = Arc::new(calendar);
        let model = model(seed, kind, parameters, calendar.clone())?;
        let (rows, universe) = (stocks(&universe, seed, calendar.hours()), universe.choice().clone());
        let model = with_scenarios(model, &scenarios, listed, &rows, &universe)?;
        let instruments = chosen(&rows, symbols, &universe)?;
        let symbols = instruments.iter().map(|instrument| instrument.symbol).collect();
        Ok(Self { model, calendar, universe, rows, instruments, symbols, days, listed })
    }

    /// The trading days of the range.
    #[must_use]
    pub fn days(&self) -> &[NaiveDate] {
        &self.days
    }

    /// The day on which the stocks are listed.
    #[must_use]
    pub fn listed(&self) -> NaiveDate {
        self.listed
    }

    /// The stocks of the universe, those that are not asked for included, in order of symbol.
    #[must_use]
    pub fn rows(&self) -> &[UniverseRow] {
        &self.rows
    }

    /// What the numbers follow from, as names and values for the metadata of a file.
    #[must_use]
    pub fn provenance(&self) -> Vec<(&'static str, String)> {
        vec![
            ("klined:seed", self.model.seed.0.to_string()),
            ("klined:model", self.model.version()),
            ("klined:universe", self.universe.to_string()),
            ("klined:calendar", self.calendar.hours().to_string()),
            ("klined:listed", self.listed.to_string()),
        ]
    }
}

/// A stock on its way through its days.
#[derive(Debug)]
pub struct MadeWalk {
    instrument: Instrument,
    /// None before its first day.
    run: Option<SymbolRun>,
    minutes: Vec<Bar>,
    /// The bars of a day as the run gives them.
    made: Vec<(Symbol, Bar)>,
}

impl MadeMarket {
    /// Adds the bars of a day's minutes to those of the walk. The day follows the walk's day or is its first.
    fn make_day<'w>(&self, walk: &'w mut MadeWalk, day: NaiveDate) -> Result<&'w SymbolRun, CalendarError> {
        let MadeWalk { instrument, run, minutes, made } = walk;
        let run = run.get_or_insert_with(|| SymbolRun::list(self.model.clone(), *instrument, self.listed));
        while run.day() < day {
            run.open_day(*instrument, self.calendar.day_after(run.day())?);
        }
        made.clear();
        run.bars_until(&self.calendar, u16::MAX, made)?;
        minutes.extend(made.iter().map(|(_, bar)| *bar));
        Ok(run)
    }

    /// Folds the minutes of the walk, which are those of whole buckets.
    fn fold(&self, walk: &MadeWalk, interval: Interval, folded: &mut Vec<Bar>) {
        let mut rollup = Rollup::new(&self.calendar);
        let mut take = |of: Interval, bar: Bar| folded.extend((of == interval).then_some(bar));
        for bar in &walk.minutes {
            rollup.push(bar, &mut take);
        }
        rollup.current().for_each(|(of, bar)| take(of, bar));
    }
}

impl Source for MadeMarket {
    type Walk = MadeWalk;
    type Error = CalendarError;

    fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    fn begin(&self, place: usize) -> Result<MadeWalk, CalendarError> {
        Ok(MadeWalk { instrument: self.instruments[place], run: None, minutes: Vec::new(), made: Vec::new() })
    }

    fn bars(
        &self,
        walk: &mut MadeWalk,
        interval: Interval,
        days: &[NaiveDate],
        take: &mut dyn FnMut(&[Bar]) -> Flow,
    ) -> Result<(), CalendarError> {
        let mut folded = Vec::new();
        for &day in days {
            walk.minutes.clear();
            let bucket = self.calendar.bucket(self.calendar.open_of(day)?, interval);
            // The bar of the day's week or month begins with an earlier day.
            if self.calendar.day_of(bucket.first) < day {
                continue;
            }
            let last_day = self.calendar.day_of(bucket.last);
            for &day in self.calendar.days(day, last_day) {
                self.make_day(walk, day)?;
            }
            let flow = if interval == Interval::Minute1 {
                take(&walk.minutes)
            } else {
                folded.clear();
                self.fold(walk, interval, &mut folded);
                take(&folded)
            };
            if flow == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    fn ticks(
        &self,
        walk: &mut MadeWalk,
        days: &[NaiveDate],
        take: &mut dyn FnMut(&MinuteTicks) -> Flow,
    ) -> Result<(), CalendarError> {
        for &day in days {
            walk.minutes.clear();
            let facts = self.make_day(walk, day)?.tick_facts();
            for bar in &walk.minutes {
                let ticks = MinuteTicks::of(self.model.seed, &walk.instrument.symbol, &facts, bar);
                if take(&ticks) == Flow::Stop {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
