//! The commands of `klined`.

use std::process::ExitCode;

use anyhow::{Context, bail};

use klined_service::{ProgramInfo, blocking, output, say, say_error};

use super::keys::{self, NewKey};
use super::{export, inspect, realism, renew, sample};
use crate::access::chaos;
use crate::access::keys::Allowed;
use crate::config::{
    CalendarCommand, KeyCommand, KeyFileArgs, KeysCommand, KlinedArgs, KlinedCommand, ReplaceKeyArgs, ResetCommand,
    UniverseCommand,
};
use klined_market::base::Seed;
use klined_market::universe::csv;

/// Runs `klined`.
///
/// # Errors
/// The command fails.
pub async fn run(args: KlinedArgs, program: ProgramInfo) -> anyhow::Result<ExitCode> {
    match args.command.unwrap_or(KlinedCommand::Up(Box::new(args.up))) {
        KlinedCommand::Up(args) => klined_service::serve(*args, &program).await,
        KlinedCommand::Calendar(args) => calendar(&args),
        KlinedCommand::Universe(args) => universe(&args),
        KlinedCommand::Export(args) => export::run(&args),
        KlinedCommand::Verify(args) => inspect::verify(args).await,
        KlinedCommand::Repair(args) => inspect::repair(args).await,
        KlinedCommand::Reset(args) => blocking(move || reset(&args)).await?,
        KlinedCommand::Key(args) => key(&args),
        KlinedCommand::Keys(KeysCommand::List(file)) => list_keys(&file),
        KlinedCommand::Keys(KeysCommand::Replace(args)) => replace_key(&args),
        KlinedCommand::Sample(args) => blocking(move || sample::run(&args)).await?.map(|()| ExitCode::SUCCESS),
        KlinedCommand::Realism(args) => blocking(move || realism::run(&args)).await?,
    }
}

fn calendar(args: &CalendarCommand) -> anyhow::Result<ExitCode> {
    let calendar = args.changes.calendar(args.calendar)?;
    if args.from > args.to {
        bail!("--from {} is later than --to {}", args.from, args.to);
    }
    if args.from < calendar.first_day() || args.to > calendar.last_day() {
        bail!(
            "the calendar covers {} to {}; --from {} --to {} reaches beyond it",
            calendar.first_day(),
            calendar.last_day(),
            args.from,
            args.to
        );
    }
    if calendar.is_projected(args.to) {
        say_error!(
            "warning: the holidays after {} are projected, not published; give the exchange's holidays with --calendar-file",
            calendar.known_until()
        );
    }
    printed(output::print(|out| {
        calendar.days(args.from, args.to).iter().try_for_each(|&day| {
            if args.minutes {
                calendar.minutes_of(day).try_for_each(|minute| writeln!(out, "{}", minute.start()))
            } else {
                writeln!(out, "{day}")
            }
        })
    }))
}

fn universe(args: &UniverseCommand) -> anyhow::Result<ExitCode> {
    let rows = args.universe()?.rows(Seed(args.seed), args.calendar);
    printed(output::print(|out| csv::write(&rows, out)))
}

fn reset(args: &ResetCommand) -> anyhow::Result<ExitCode> {
    match renew::reset(&args.database, args.yes, "--yes", None, None, None)? {
        true => say!("The market was removed. The next `klined up` begins a new one."),
        false => say!("There is no market in {}.", args.database.db_url),
    }
    Ok(ExitCode::SUCCESS)
}

fn key(args: &KeyCommand) -> anyhow::Result<ExitCode> {
    let key = NewKey::draw()?;
    say_error!("The key, which is shown only now: {}", key.text());
    let chaos = args.chaos.map(chaos::example).unwrap_or_default();
    printed(output::print(|out| write!(out, "{}{chaos}", key.entry(&args.name))))
}

fn list_keys(file: &KeyFileArgs) -> anyhow::Result<ExitCode> {
    let keys = keys::read(&file.api_keys)?;
    printed(output::print(|out| {
        writeln!(
            out,
            "{:<34} {:<24} {:>8} {:>8} {:>11} {:>13} faults",
            "id", "name", "rate", "burst", "connections", "subscriptions"
        )?;
        keys.holders().try_for_each(|(id, holder)| {
            let Allowed { rate, connections, subscriptions } = holder.allowed;
            let faults = if holder.chaos.is_some() { "yes" } else { "no" };
            let (burst, rate) = (rate.burst, rate.to_string());
            writeln!(
                out,
                "{id:<34} {:<24} {rate:>8} {burst:>8} {connections:>11} {subscriptions:>13} {faults}",
                holder.name
            )
        })
    }))
}

fn replace_key(args: &ReplaceKeyArgs) -> anyhow::Result<ExitCode> {
    let key = keys::replace(&args.file.api_keys, &args.key)?;
    say_error!("The new key, which is shown only now. A server takes it on SIGHUP, and then refuses the old one.");
    printed(output::print(|out| writeln!(out, "{key}")))
}

/// The end of a command that prints.
fn printed(outcome: std::io::Result<()>) -> anyhow::Result<ExitCode> {
    outcome.map(|()| ExitCode::SUCCESS).context(inspect::CANNOT_PRINT)
}
