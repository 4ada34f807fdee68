//! `klined sample`: bars of each regime, without a database.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{Days, NaiveDate};
use klined_service::output;

use super::inspect;
use crate::config::{self, SampleCommand};
use klined_market::bars::{Bar, SymbolRun};
use klined_market::base::{Instrument, Seed};
use klined_market::calendar::Calendar;
use klined_market::model::{Effect, FullParameters, Model, ModelKind, Regime, ScenarioEvent, Scope};

/// Runs the command.
///
/// # Errors
/// The universe cannot be read or does not have the stock, the calendar does not have the days, or nothing can be printed.
pub fn run(args: &SampleCommand) -> anyhow::Result<()> {
    let stock = stock(args)?;
    let calendar = Arc::new(Calendar::of(args.calendar));
    let days = days(&calendar, args)?;
    let model = match args.model {
        ModelKind::Gbm => Model::gbm(Seed(args.seed), calendar.clone()),
        ModelKind::Full => Model::full(Seed(args.seed), FullParameters::default(), calendar.clone()),
    };
    output::print(|out| {
        writeln!(out, "{} of {}, seed {}", stock.symbol, model.version(), args.seed)?;
        let regimes: Vec<Regime> = args.regime.map_or_else(|| Regime::ALL.to_vec(), |regime| vec![regime]);
        regimes.into_iter().try_for_each(|regime| {
            let bars = bars(&model, &stock, &calendar, regime, days).map_err(io::Error::other)?;
            print(out, &stock, &calendar, regime, bars.iter().take(args.bars as usize))
        })
    })
    .context(inspect::CANNOT_PRINT)
}

fn stock(args: &SampleCommand) -> anyhow::Result<Instrument> {
    let rows = config::universe(&args.universe)?.rows(Seed(args.seed), args.calendar);
    let is_wanted = |symbol: &str| args.symbol.is_none_or(|wanted| wanted.as_str() == symbol);
    match rows.iter().find(|row| is_wanted(&row.symbol)) {
        Some(row) => Ok(row.instrument()?),
        None => {
            let known = rows.iter().take(20).map(|row| row.symbol.as_str()).collect::<Vec<_>>().join(", ");
            let asked = args.symbol.map(|symbol| symbol.to_string()).unwrap_or_default();
            bail!("there is no stock {asked} in the universe {}; it has {known}", args.universe)
        }
    }
}

/// The trading days that the bars lie in.
fn days<'a>(calendar: &'a Calendar, args: &SampleCommand) -> anyhow::Result<&'a [NaiveDate]> {
    if args.from < calendar.first_day() || args.from > calendar.last_day() {
        bail!(
            "the calendar covers {} to {}; --from {} lies beyond it",
            calendar.first_day(),
            calendar.last_day(),
            args.from
        );
    }
    let days = calendar.days(args.from, calendar.last_day());
    let mut minutes = 0;
    let enough = days.iter().position(|&day| {
        minutes += u32::from(calendar.minutes_on(day));
        minutes >= args.bars
    });
    match enough {
        Some(last) => Ok(&days[..=last]),
        None => bail!("from {} on the calendar has {minutes} minutes, fewer than --bars {}", args.from, args.bars),
    }
}

/// The bars of some days in which one regime lasts.
fn bars(
    model: &Model,
    stock: &Instrument,
    calendar: &Calendar,
    regime: Regime,
    days: &[NaiveDate],
) -> anyhow::Result<Vec<Bar>> {
    let (Some(&first), Some(&last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
    let (from, until) = (calendar.midnight(first)?, calendar.midnight(last + Days::new(1))?);
    let event = ScenarioEvent { scope: Scope::Market, effect: Effect::Regime(regime), from, until };
    let mut run = SymbolRun::list(model.clone().with_events(&[event]), *stock, first);
    let mut bars = Vec::new();
    for &day in days {
        if day != first {
            run.open_day(*stock, day);
        }
        run.bars_until(calendar, u16::MAX, &mut bars)?;
    }
    Ok(bars.into_iter().map(|(_, bar)| bar).collect())
}

fn print<'a>(
    out: &mut dyn Write,
    stock: &Instrument,
    calendar: &Calendar,
    regime: Regime,
    bars: impl Iterator<Item = &'a Bar>,
) -> io::Result<()> {
    // Per cent, in the four decimals that a drift has.
    let drift = ((regime.drift().0 + stock.drift.0) * 10_000.0).round() / 100.0;
    writeln!(out, "\n{regime}: drift {drift:+} % a year, {} times the base volatility", regime.volatility_factor())?;
    writeln!(out, "{:<19} {:>11} {:>11} {:>11} {:>11} {:>12}", "time", "open", "high", "low", "close", "volume")?;
    for Bar { first, ohlcv } in bars {
        let [open, high, low, close] =
            [ohlcv.open(), ohlcv.high(), ohlcv.low(), ohlcv.close()].map(|it| it.to_string());
        let time = calendar.local_time(first.start());
        writeln!(out, "{time:<19} {open:>11} {high:>11} {low:>11} {close:>11} {:>12}", ohlcv.volume())?;
    }
    Ok(())
}
