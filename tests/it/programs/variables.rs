//! Variables: every one is documented, and all switches and empty variables are read by the same rules in every program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory};
use klined::config::{AggregatorArgs, ApiArgs, BackfillArgs, GeneratorArgs, KlinedArgs};

use crate::programs::cli::{IN_MEMORY, PROGRAMS, commands};
use crate::support::programs::Program;

/// The pages that may hold the table of variables.
const PAGES: [&str; 2] = ["README.md", "docs/CONFIGURATION.md"];
/// What each of [`PROGRAMS`] needs so that it gets as far as its database, and fails there at once.
const FIRST_WORDS: [&str; 5] = ["", "", "--days 1", "", ""];
const NO_DATABASE: &str = "--db-url sqlite:///missing/market.db";
const ON: [&str; 6] = ["1", "true", "yes", "on", "TRUE", "On"];
const OFF: [&str; 6] = ["0", "false", "no", "off", "FALSE", "Off"];

/// The arguments of a command and of its subcommands that have a variable.
fn with_variables(command: &Command) -> Vec<&Arg> {
    let mut found: Vec<&Arg> = command.get_arguments().filter(|arg| arg.get_env().is_some()).collect();
    command.get_subcommands().for_each(|subcommand| found.extend(with_variables(subcommand)));
    found
}

fn variable(arg: &Arg) -> &str {
    arg.get_env().unwrap().to_str().unwrap()
}

fn is_switch(arg: &Arg) -> bool {
    !arg.get_action().takes_values()
}

fn is_ours(word: &str) -> bool {
    word == "DATABASE_URL" || word.starts_with("DB_") || word.starts_with("KLINED_")
}

/// The variables that begin a row of a table, in any of the pages.
fn documented() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let texts = PAGES.iter().filter_map(|page| fs::read_to_string(root.join(page)).ok());
    let rows = texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let cells = rows.filter_map(|row| row.strip_prefix("| ").and_then(|row| row.split('|').next()).map(str::to_owned));
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .filter(|word| is_ours(word))
        .collect()
}

#[test]
fn every_flag_has_a_variable_but_those_that_say_what_one_command_is_to_do() {
    let without = |command: &Command, but: &[&str]| {
        let flags = command.get_arguments().filter(|argument| argument.get_env().is_none());
        let flags: Vec<&str> = flags.filter_map(|argument| argument.get_long()).collect();
        assert!(flags.iter().all(|flag| but.contains(flag)), "{}: {flags:?}", command.get_name());
    };
    without(&GeneratorArgs::command(), &[]);
    without(&AggregatorArgs::command(), &["fill-turnover", "interval-only"]);
    without(&BackfillArgs::command(), &["days", "from", "to", "symbol", "clear", "yes"]);
    without(&ApiArgs::command(), &[]);
    without(&KlinedArgs::command(), &["fresh", "from-now", "yes"]);
    for subcommand in KlinedArgs::command().get_subcommands().filter(|of| !IN_MEMORY.contains(&of.get_name())) {
        let some = ["dry-run", "keep-edits", "from", "to", "minutes", "chaos", "sample", "fresh", "from-now", "yes"];
        without(subcommand, &some);
    }
}

#[test]
fn the_table_of_variables_is_that_of_the_programs() {
    let commands = commands();
    let known: BTreeSet<String> = commands
        .iter()
        .flat_map(with_variables)
        .map(|arg| variable(arg).to_owned())
        .filter(|name| is_ours(name))
        .collect();
    assert!(known.len() > 30, "{known:?}");
    let documented = documented();
    let (missing, unknown): (Vec<_>, Vec<_>) =
        (known.difference(&documented).collect(), documented.difference(&known).collect());
    assert!(missing.is_empty(), "no row of a table in {PAGES:?} begins with {missing:?}");
    assert!(unknown.is_empty(), "the table has {unknown:?}, which no program reads");
}

#[test]
fn every_switch_of_every_program_takes_the_same_words() {
    let mut switches = 0;
    for command in commands() {
        for switch in with_variables(&command).into_iter().filter(|arg| is_switch(arg)) {
            switches += 1;
            let name = format!("{} of {}", variable(switch), command.get_name());
            // The value of the variable goes through the switch's own parser; so does that of a flag with this parser.
            let value =
                Arg::new("value").long("value").action(ArgAction::Set).value_parser(switch.get_value_parser().clone());
            let read = |word: &str| {
                let command = Command::new("switch").arg(value.clone());
                let matches = command.try_get_matches_from(["switch", &format!("--value={word}")]);
                matches.ok().map(|matches| *matches.get_one::<bool>("value").unwrap())
            };
            ON.iter().for_each(|word| assert_eq!(read(word), Some(true), "{name} {word}"));
            OFF.iter().for_each(|word| assert_eq!(read(word), Some(false), "{name} {word}"));
            ["maybe", "2", "truee", " "].iter().for_each(|word| assert_eq!(read(word), None, "{name} {word}"));
        }
    }
    assert!(switches > 20, "{switches}");
}

#[test]
fn programs_read_their_switches_from_the_environment() {
    let place = tempfile::tempdir().unwrap();
    for ((program, first), command) in PROGRAMS.into_iter().zip(FIRST_WORDS).zip(commands()) {
        let switches = command.get_arguments().filter(|arg| arg.get_env().is_some() && is_switch(arg));
        for switch in switches.map(variable) {
            // A market of test symbols needs no database, but symbols.
            let program = |place| program(place).variable("FAKE_DATA_SYMBOLS", "no symbol");
            let run = |word: &str| program(place.path()).with(first).with(NO_DATABASE).variable(switch, word).run();
            for word in ["1", "off", ""] {
                let ended = run(word);
                assert_eq!(ended.status.code(), Some(1), "{switch}={word}: {}", ended.stderr);
            }
            run("maybe").was_misused(&["'maybe'", "true or false"]);
        }
    }
}

#[test]
fn every_variable_that_is_empty_counts_as_unset() {
    let place = tempfile::tempdir().unwrap();
    for ((program, first), command) in PROGRAMS.into_iter().zip(FIRST_WORDS).zip(commands()) {
        let empty = with_variables(&command).into_iter().map(variable);
        let started =
            empty.fold(program(place.path()).with(first).with(NO_DATABASE), |program, name| program.variable(name, ""));
        started.run().failed(&["there is no d", "missing"]);
    }
    // A default stands again; nothing is made of the empty text.
    let seeded = |value: &str| Program::klined(place.path()).variable("KLINED_SEED", value);
    let universe = |value: &str| seeded(value).with("universe ashare:3").run().succeeded().stdout;
    assert_eq!(universe(""), universe("42"));
    assert_ne!(universe(""), universe("43"));
}
