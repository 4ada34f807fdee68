//! The pump: reads what is committed, foresees the open minute and sends it as it passes.
//!
//! One rule holds for every pace: a tick of the open minute is sent when the market's clock reaches it, and at the latest when
//! the pump sees the minute's commit, before its bar. So every tick is sent exactly once, and while no minute is committed the
//! feed stops after the open one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::warn;

use super::builder::UpdateBuilder;
use super::stock::Stock;
use super::update::{Event, MarketEvent};
use super::{Last, Shared, Subscription};
use crate::jobs::{Foreseen, Foresight, JobError, Market, past_tick_facts};
use crate::store::{BarRange, Follow, MarketStatus, StoredBar};
use klined_market::bars::Bar;
use klined_market::bars::ticks::MinuteTicks;
use klined_market::base::{Clock, Interval, MarketClock, Pace, Symbol, UnixNanos, UnixSeconds};
use klined_market::calendar::Minute;

/// The longest pause between two reads of the clock.
pub const WAIT_MAX: Duration = Duration::from_millis(25);
/// The shortest.
const WAIT_MIN: Duration = Duration::from_millis(5);
/// The least number of portions in which a minute of test mode is sent, as far as the follower's step allows.
const PORTIONS: f64 = 20.0;
/// The pause after a failed read of the database.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes updates. A [`super::Hub`] runs a pump in a thread of its own; without a hub, a pump sends only when it is called.
pub struct Pump {
    pub(super) foresight: Foresight,
    pub(super) shared: Arc<Shared>,
    clock: Option<MarketClock>,
    /// The first minute that has not been sent to its end.
    pub(super) open: Option<Minute>,
    /// Whether the stocks have begun the open minute.
    pub(super) is_begun: bool,
    pub(super) stocks: BTreeMap<Symbol, Stock>,
    /// The version of the interest that the pump has included.
    interest: Option<u64>,
    status: Option<MarketStatus>,
    pub(super) builder: UpdateBuilder,
}

impl Pump {
    /// A pump that has read nothing yet.
    #[must_use]
    pub fn new(market: Market) -> Self {
        let shared = Shared::new();
        Self {
            foresight: Foresight::new(market),
            builder: UpdateBuilder::new(shared.clone()),
            shared,
            clock: None,
            open: None,
            is_begun: false,
            stocks: BTreeMap::new(),
            interest: None,
            status: None,
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A subscription to this pump's updates.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(&self.shared)
    }

    /// Counts of the pump's work.
    #[must_use]
    pub fn counts(&self) -> &super::Counts {
        &self.shared.counts
    }

    /// Sends until it is asked to stop.
    pub(super) fn run(&mut self, clock: &dyn Clock, is_over: &dyn Fn() -> bool) {
        let mut follow: Option<Box<dyn Follow>> = None;
        let mut pause = Duration::ZERO;
        let mut is_time = true;
        self.builder.gives_way = true;
        while !is_over() {
            if let Some(market) = self.take_market() {
                self.foresight.go_by(market);
                is_time = true;
            }
            if is_time || self.has_new_interest() {
                match self.look(clock.now_nanos()) {
                    Ok(()) => pause = Duration::ZERO,
                    Err(error) => pause = self.failed(pause, &error),
                }
            }
            self.send_due(clock.now_nanos());
            if pause.is_zero() && follow.is_none() {
                match self.foresight.market().store.follow() {
                    Ok(begun) => follow = Some(begun),
                    Err(error) => pause = self.failed(pause, &error.into()),
                }
            }
            self.shared.is_following.store(pause.is_zero() && follow.is_some(), Ordering::Relaxed);
            let wait = self.wait();
            is_time = match &mut follow {
                Some(following) if pause.is_zero() => match following.wait(wait) {
                    Ok(is_time) => is_time,
                    Err(error) => {
                        follow = None;
                        pause = self.failed(pause, &error.into());
                        false
                    }
                },
                // The ticks that are foreseen already are sent during the pause too.
                _ => {
                    std::thread::sleep(wait);
                    pause = pause.saturating_sub(wait);
                    pause.is_zero()
                }
            };
            if is_time {
                self.shared.generation.fetch_add(1, Ordering::Release);
            }
        }
    }

    fn failed(&self, pause: Duration, error: &JobError) -> Duration {
        if self.shared.counts.failures.fetch_add(1, Ordering::Relaxed).is_multiple_of(60) || pause.is_zero() {
            warn!("the feed cannot follow the market at present: {error}");
        }
        PAUSE
    }

    fn wait(&self) -> Duration {
        match self.clock.map(|clock| clock.pace) {
            Some(Pace::Test { speed }) => {
                Duration::try_from_secs_f64(60.0 / speed / PORTIONS).unwrap_or(WAIT_MAX).clamp(WAIT_MIN, WAIT_MAX)
            }
            _ => WAIT_MAX,
        }
    }

    fn take_market(&self) -> Option<Market> {
        self.shared.state().market.take()
    }

    fn has_new_interest(&self) -> bool {
        self.interest != Some(self.shared.state().interest.version())
    }

    /// Sends the ticks that are due at an instant of the wall clock.
    pub fn send_due(&mut self, wall: UnixNanos) {
        let Some(now) = self.clock.map(|clock| clock.now(wall)) else { return };
        let mut stocks = std::mem::take(&mut self.stocks);
        for (symbol, stock) in stocks.iter_mut().filter(|(_, stock)| stock.is_due(now)) {
            let mut events = Vec::new();
            stock.send_until(now, &mut events);
            self.builder.add(*symbol, events);
        }
        self.stocks = stocks;
        self.builder.send();
    }

    /// Reads what has been committed and which symbols have subscribers, and sends the events that follow.
    ///
    /// # Errors
    /// The database fails, or what is stored cannot be used. The call can be repeated: no event is sent twice.
    pub fn look(&mut self, wall: UnixNanos) -> Result<(), JobError> {
        let (store, calendar) = (self.foresight.market().store.clone(), self.foresight.market().calendar.clone());
        let clock = store.clock()?;
        let status = store.status()?;
        let open = clock.and_then(|clock| calendar.minute_starting(clock.open_minute).ok());
        if let (Some(from), Some(until)) = (self.open, open)
            && from < until
        {
            self.catch_up(from, until, status.is_some_and(|status| status.is_halted))?;
        }
        if let Some(open) = open.filter(|_| self.open == open) {
            self.settle(open)?;
        }
        if self.open != open {
            self.stocks.values_mut().for_each(Stock::forget);
            self.is_begun = false;
            self.open = open;
        }
        self.clock = clock;
        if let Some(status) = status {
            let before = self.status.replace(status).map(|before| (before.span, before.is_halted));
            if before.is_some_and(|before| before != (status.span, status.is_halted)) {
                self.builder.add_for_all(MarketEvent::Status(status));
            }
        }
        self.builder.send();
        self.begin(wall)
    }

    /// Begins the open minute for all symbols with subscribers. New symbols begin with the present instant.
    fn begin(&mut self, wall: UnixNanos) -> Result<(), JobError> {
        let version = self.shared.state().interest.version();
        if self.is_begun && self.interest == Some(version) {
            return Ok(());
        }
        let (Some(open), Some(clock)) = (self.open, self.clock) else {
            self.serve(version);
            return Ok(());
        };
        // When the market has moved on meanwhile, the next read sees it.
        if !self.foresight.prepare(open)? {
            return Ok(());
        }
        let wanted = self.wanted();
        let (start, now) = (open.start().saturating_nanos().previous(), clock.now(wall));
        let (mut known, mut new) = (Vec::new(), Vec::new());
        for &symbol in &wanted {
            match self.stocks.get(&symbol).map(Stock::is_to_begin) {
                Some(true) => known.push((symbol, self.foresee(symbol)?)),
                Some(false) => {}
                None => new.push((symbol, self.foresee(symbol)?)),
            }
        }
        let seed = self.foresight.market().source.seed();
        let begun = new.into_iter().map(|(symbol, foreseen)| {
            let mut stock = Stock::default();
            let event = stock.begin(seed, &symbol, foreseen, now);
            (symbol, stock, event)
        });
        let begun: Vec<_> = begun.collect();
        let mut lasts: Vec<_> = begun.iter().map(|(symbol, stock, _)| (*symbol, stock.last(now))).collect();
        self.complete(&mut lasts, open)?;
        // From here on nothing can fail, so a minute begins once.
        let mut events: BTreeMap<Symbol, Event> = BTreeMap::new();
        for (symbol, foreseen) in known {
            let stock = self.stocks.entry(symbol).or_default();
            events.extend(stock.begin(seed, &symbol, foreseen, start).map(|event| (symbol, event)));
        }
        for (symbol, stock, event) in begun {
            self.stocks.insert(symbol, stock);
            events.extend(event.map(|event| (symbol, event)));
        }
        events.into_iter().for_each(|(symbol, event)| self.builder.add(symbol, vec![event]));
        self.stocks.retain(|symbol, _| wanted.contains(symbol));
        self.foresight.keep_only(|symbol| wanted.contains(symbol));
        self.shared.counts.foreseen.store(self.foresight.computed(), Ordering::Relaxed);
        self.is_begun = true;
        {
            let mut state = self.shared.state();
            state.lasts.retain(|symbol, _| wanted.contains(symbol));
            state.lasts.extend(lasts);
        }
        self.builder.send();
        self.serve(version);
        Ok(())
    }

    /// Foresees a symbol. A checkpoint that cannot be used affects this symbol alone.
    fn foresee(&mut self, symbol: Symbol) -> Result<Option<Foreseen>, JobError> {
        match self.foresight.foresee(symbol) {
            Err(JobError::Checkpoint(error)) => {
                warn!(%symbol, "the symbol cannot be foreseen: {error}");
                Ok(None)
            }
            outcome => outcome,
        }
    }

    fn serve(&mut self, version: u64) {
        self.interest = Some(version);
        self.shared.served.send_replace(version);
    }

    fn wanted(&self) -> BTreeSet<Symbol> {
        let state = self.shared.state();
        let mut wanted: BTreeSet<Symbol> = state.interest.named().collect();
        if state.interest.has_all() {
            wanted.append(&mut self.foresight.traded());
        }
        wanted
    }

    /// Takes the last ticks from bars before, for symbols without a trade in the open minute: the quote from the newest one, the trade from
    /// the newest one with a volume.
    fn complete(&self, lasts: &mut [(Symbol, Last)], open: Minute) -> Result<(), JobError> {
        let market = self.foresight.market();
        let mut bare: BTreeMap<Symbol, &mut Last> =
            lasts.iter_mut().filter(|(_, last)| last.trade.is_none()).map(|(symbol, last)| (*symbol, last)).collect();
        let before = |&symbol: &Symbol| BarRange {
            symbol,
            interval: Interval::Minute1,
            from: UnixSeconds::EPOCH,
            to: open.start(),
        };
        let ranges: Vec<BarRange> = bare.keys().map(before).collect();
        complete_from(market, &mut bare, &ranges, market.store.last_bars(&ranges, 1)?)?;
        let is_quiet = |range: &&BarRange| bare.get(&range.symbol).is_some_and(|last| last.trade.is_none());
        let ranges: Vec<BarRange> = ranges.iter().filter(is_quiet).copied().collect();
        if !ranges.is_empty() {
            complete_from(market, &mut bare, &ranges, market.store.last_traded_bars(&ranges, 1)?)?;
        }
        Ok(())
    }
}

/// Takes what the last ticks of symbols lack from stored bars, each of one of the ranges.
fn complete_from(
    market: &Market,
    lasts: &mut BTreeMap<Symbol, &mut Last>,
    ranges: &[BarRange],
    rows: Vec<StoredBar>,
) -> Result<(), JobError> {
    let mut days: BTreeMap<_, Vec<(Symbol, Bar)>> = BTreeMap::new();
    for row in rows {
        if let Ok(bar) = row.parse(&market.calendar) {
            days.entry(market.calendar.day_of(bar.first)).or_default().push((ranges[row.range].symbol, bar));
        }
    }
    for (day, bars) in days {
        let facts = past_tick_facts(market, &bars.iter().map(|(symbol, _)| *symbol).collect(), day)?;
        for (symbol, bar) in bars {
            let (Some(facts), Some(last)) = (facts.get(&symbol), lasts.get_mut(&symbol)) else { continue };
            let before = Last::at(&MinuteTicks::of(market.source.seed(), &symbol, facts, &bar), UnixNanos::MAX);
            **last = Last { quote: last.quote.or(before.quote), ..before };
        }
    }
    Ok(())
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.shared.state().updates = None;
    }
}
