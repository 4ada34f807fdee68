//! The last trading day of many stocks, and the trading day before it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Reader;
use super::errors::{Failure, Refusal};
use super::{DayFigures, ShownBar};
use crate::store::{BarRange, BarStore, StoredBar};
use klined_market::base::{Interval, Symbol, UnixSeconds};
use klined_market::calendar::Calendar;

/// The most stocks of one read.
pub(super) const STOCKS_AT_ONCE: usize = 512;
/// The most attempts to read while roll-ups are written at the same time.
const TRIES: usize = 5;

/// A stock's last trading day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayBars {
    pub symbol: Symbol,
    /// The day so far, up to the last minute that is committed.
    pub day: ShownBar,
    /// The trading day before; none when its bars are not kept.
    pub previous: Option<ShownBar>,
    /// The last minute.
    pub minute: ShownBar,
    /// The last minute with a volume, of whatever day.
    pub traded: Option<ShownBar>,
}

impl DayBars {
    /// The figures of the day so far.
    #[must_use]
    pub fn figures(&self) -> DayFigures {
        let ShownBar { open, high, low, close, volume, traded, .. } = self.day;
        let previous_close = self.previous.map(|previous| previous.close);
        DayFigures { last: self.minute.start, open, high, low, close, volume, traded, previous_close }
    }
}

impl Reader {
    /// The last day of each of these stocks that has a bar, in the order given: from the roll-ups, and from the minutes that
    /// they do not hold yet.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn days(&self, symbols: Vec<Symbol>) -> Result<Vec<DayBars>, Refusal> {
        let read = move |store: &dyn BarStore, calendar: &Calendar| {
            let chunks = symbols.chunks(STOCKS_AT_ONCE).map(|chunk| days(store, calendar, chunk));
            Ok(chunks.collect::<Result<Vec<_>, Failure>>()?.concat())
        };
        self.ask(read).await
    }
}

/// Ranges of these stocks from an instant on that depends on a stock's place and symbol.
fn ranges(symbols: &[Symbol], interval: Interval, from: impl Fn(usize, &Symbol) -> UnixSeconds) -> Vec<BarRange> {
    let range = |(place, symbol): (usize, &Symbol)| {
        let (symbol, from) = (*symbol, from(place, symbol));
        BarRange { symbol, interval, from, to: UnixSeconds::MAX }
    };
    symbols.iter().enumerate().map(range).collect()
}

/// The last day of each of at most [`STOCKS_AT_ONCE`] stocks that has a bar.
pub(super) fn days(store: &dyn BarStore, calendar: &Calendar, symbols: &[Symbol]) -> Result<Vec<DayBars>, Failure> {
    let mut last: Vec<Option<StoredBar>> = vec![None; symbols.len()];
    for bar in store.last_bars(&ranges(symbols, Interval::Minute1, |_, _| UnixSeconds::EPOCH), 1)? {
        last[bar.range] = Some(bar).filter(StoredBar::is_priced);
    }
    // A bar whose time has no date, which only an operator can have written, belongs to no day.
    let dates: Vec<Option<NaiveDate>> =
        last.iter().map(|bar| bar.and_then(|bar| calendar.date_of(bar.time).ok())).collect();
    let newest = dates.iter().flatten().max().copied();
    if newest.is_none() {
        return Ok(Vec::new());
    }
    // Each stock's own last days, though its last bar may be older than that of others.
    let mut since: BTreeMap<Option<NaiveDate>, UnixSeconds> = BTreeMap::new();
    for date in &dates {
        if since.contains_key(date) {
            continue;
        }
        let first_day = date.or(newest).and_then(|date| calendar.first_of_days_ending(date, 2));
        since.insert(*date, first_day.map_or(Ok(UnixSeconds::EPOCH), |day| calendar.midnight(day))?);
    }
    let mut watermarks = store.watermarks()?;
    for _ in 0..TRIES {
        let rolled = store.last_bars(&ranges(symbols, Interval::Day, |_, _| UnixSeconds::EPOCH), 2)?;
        let fresh_from = |place: usize, symbol: &Symbol| {
            let since = since[&dates[place]];
            watermarks.get(symbol).map_or(since, |folded_to| since.max(folded_to.next()))
        };
        let most = symbols.len() * 2 * usize::from(calendar.hours().minutes_per_day()) + symbols.len();
        let fresh = store.bars(&ranges(symbols, Interval::Minute1, fresh_from), most)?;
        // With other watermarks a minute might be counted twice, or not at all.
        let after = store.watermarks()?;
        if symbols.iter().all(|symbol| watermarks.get(symbol) == after.get(symbol)) {
            let mut found = put_together(calendar, symbols, &last, &rolled, &fresh);
            find_traded(store, &mut found)?;
            return Ok(found);
        }
        watermarks = after;
    }
    Err(Refusal::Busy.into())
}

/// Reads the last minute with a volume of those stocks whose last one has none.
fn find_traded(store: &dyn BarStore, days: &mut [DayBars]) -> Result<(), Failure> {
    let mut quiet: Vec<&mut DayBars> = days.iter_mut().filter(|day| day.traded.is_none()).collect();
    if quiet.is_empty() {
        return Ok(());
    }
    let symbols: Vec<Symbol> = quiet.iter().map(|day| day.symbol).collect();
    for bar in store.last_traded_bars(&ranges(&symbols, Interval::Minute1, |_, _| UnixSeconds::EPOCH), 1)? {
        quiet[bar.range].traded = Some(ShownBar::from(bar)).filter(ShownBar::is_priced);
    }
    Ok(())
}

fn put_together(
    calendar: &Calendar,
    symbols: &[Symbol],
    last: &[Option<StoredBar>],
    rolled: &[StoredBar],
    fresh: &[StoredBar],
) -> Vec<DayBars> {
    let mut of: Vec<BTreeMap<NaiveDate, ShownBar>> = vec![BTreeMap::new(); symbols.len()];
    let mut minutes: Vec<Option<ShownBar>> = last.iter().map(|bar| bar.map(ShownBar::from)).collect();
    for bar in rolled.iter().filter(|bar| bar.is_priced()) {
        let Ok(date) = calendar.date_of(bar.time) else { continue };
        of[bar.range].insert(date, ShownBar::from(*bar));
    }
    for bar in fresh.iter().filter(|bar| bar.is_priced()) {
        let Ok(date) = calendar.date_of(bar.time) else { continue };
        let bar_of_minute = ShownBar::from(*bar);
        minutes[bar.range] = Some(bar_of_minute);
        let day = of[bar.range].entry(date);
        day.and_modify(|day| *day = day.then(&bar_of_minute)).or_insert(bar_of_minute);
    }
    let mut found = Vec::with_capacity(symbols.len());
    for ((symbol, days), minute) in symbols.iter().zip(of).zip(minutes) {
        let mut newest = days.into_values().rev();
        let (day, previous) = (newest.next(), newest.next());
        let traded = minute.filter(|minute| minute.volume > 0);
        found.extend(day.zip(minute).map(|(day, minute)| DayBars { symbol: *symbol, day, previous, minute, traded }));
    }
    found
}
