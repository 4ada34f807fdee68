//! What programs print when nobody reads it, and what they show on a terminal.

use std::path::Path;

use crate::support::database::{Backend, Database};
use crate::support::programs::{Program, TWO_DAYS, assert_has, eventually};
use crate::support::terminal::Terminal;

/// A backfill that takes long enough to show its progress.
const A_YEAR: &str = "--from 2025-01-01 --to 2025-12-31";
/// Widths of terminals: a narrow one cuts the line.
const COLUMNS: [u16; 3] = [24, 40, 132];

/// The longest piece of a text that is written without a new line or a return to the line's beginning, without its codes.
fn longest_line(raw: &str) -> usize {
    let plain = |piece: &str| {
        let mut is_code = false;
        let letters = piece.chars().filter(|&letter| {
            let was_code = is_code;
            is_code = letter == '\u{1b}' || (is_code && !letter.is_ascii_alphabetic());
            !was_code && !is_code
        });
        letters.count()
    };
    raw.split(['\r', '\n']).map(plain).max().unwrap_or_default()
}

#[test]
fn a_program_without_a_reader_does_its_work_and_ends_well() {
    let database = Database::new(Backend::Sqlite);
    let ends_well = |program: Program| program.spawn_unheard().wait().succeeded();
    ends_well(database.market_backfill(TWO_DAYS));
    for words in [
        "verify",
        "repair --yes",
        "universe ashare:500",
        "calendar --from 2020-01-01 --to 2026-12-31",
        "key somebody",
        "--help",
        "up --help",
        "--version",
        "verify",
    ] {
        ends_well(database.klined(words));
    }
    ends_well(database.data_aggregator("--once"));
    ends_well(database.market_api("--check"));
    for program in [
        database.market_generator("--test --speed 6000 --verbose"),
        database.klined("up --speed 6000 --verbose --addr 127.0.0.1:0"),
    ] {
        let mut running = program.spawn_unheard();
        running.until_minutes(3, &database);
        running.terminate().succeeded();
    }
    let wrong = database.klined("--sped 3").spawn_unheard().wait();
    assert_eq!(wrong.status.code(), Some(2));
    let fresh = Database::new(Backend::Sqlite);
    let mut market = fresh.klined("up --days 2 --speed 6000 --addr 127.0.0.1:0").spawn_unheard();
    let file = Path::new(fresh.url().trim_start_matches("sqlite:///"));
    eventually("there is a market", || {
        market.has_ended() || file.exists() && fresh.try_execute("DELETE FROM stock_state WHERE 0").is_ok()
    });
    market.until_minutes(3, &fresh);
    market.terminate().succeeded();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = tempfile::tempdir().unwrap();
    let all = "calendar --from 1990-12-19 --to 2026-12-31 --minutes";
    let ended = Program::klined(place.path()).with(all).run_with_closed_output().succeeded();
    assert_eq!(ended.stderr, "");
}

#[test]
fn progress_fits_the_terminal_and_leaves_nothing_behind() {
    for columns in COLUMNS {
        let database = Database::new(Backend::Sqlite);
        let run = |program: Program| {
            let terminal = Terminal::new(columns);
            let ended = program.spawn_on(&terminal).wait();
            assert!(ended.status.code().is_some(), "{}", terminal.raw());
            (terminal.raw(), terminal.screen())
        };
        let (raw, screen) = run(database.market_backfill(A_YEAR).with("--log warn"));
        assert_has(&raw, &["  0 %  0 of 583,200"]);
        assert!(longest_line(&raw) <= usize::from(columns), "{columns}: {raw:?}");
        assert_eq!(screen, [""; 0], "{raw:?}");
        // A line of the log stands above the progress, whole.
        let (raw, screen) = run(database.market_backfill("--days 1 --clear --yes --log-format json"));
        assert_has(&raw, &["%  0 of"]);
        assert!(screen.iter().all(|line| line.starts_with('{') && line.ends_with('}')), "{screen:?}");

        let (raw, screen) = run(database.klined("realism --model gbm --days 30 --universe ashare:30 --json card.json"));
        assert_has(&raw, &["  0 %  0 of 30"]);
        assert!(!screen.iter().any(|line| line.contains(" of 30 stocks")), "{screen:?}");
    }
}

#[test]
fn nothing_is_drawn_where_there_is_no_terminal() {
    let database = Database::new(Backend::Sqlite);
    let ended = database.market_backfill(TWO_DAYS).run().succeeded();
    assert!(!ended.stderr.contains(['\r', '\u{1b}']), "{:?}", ended.stderr);
    let dumb = Terminal::new(80);
    database.market_backfill("--days 1").variable("TERM", "dumb").spawn_on(&dumb).wait().succeeded();
    assert!(!dumb.raw().contains('\u{1b}'), "{:?}", dumb.raw());
}

#[test]
fn no_color_means_no_colours() {
    let has_colours =
        |program: Program, no_color: Option<&str>| {
            let terminal = Terminal::new(120);
            let program = program.variable("TERM", "xterm");
            let program = no_color.into_iter().fold(program, |program, value| program.variable("NO_COLOR", value));
            program.spawn_on(&terminal).wait();
            // A colour or a weight ends with m; other codes erase a line.
            terminal.raw().split('\u{1b}').skip(1).any(|code| {
                code.trim_start_matches(|c: char| c == '[' || c == ';' || c.is_ascii_digit()).starts_with('m')
            })
        };
    let database = Database::new(Backend::Sqlite);
    for is_wrong in [false, true] {
        let program = || if is_wrong { database.klined("--sped") } else { database.market_backfill(TWO_DAYS) };
        assert!(has_colours(program(), None));
        assert!(has_colours(program(), Some("")), "set and empty counts as unset");
        assert!(!has_colours(program(), Some("1")));
    }
}
