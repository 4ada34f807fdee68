//! `klined up` as a new user meets it: what it prints, which port it takes, and how a market begins anew.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::on_every_backend;
use crate::support::api::Api;
use crate::support::clock::Clock;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::at;
use crate::support::programs::{TWO_DAYS, assert_has, assert_same, eventually};
use crate::support::terminal::Terminal;

/// Lines that may stand before the chart's.
const LINES_BEFORE: usize = 3;
/// The address without `--addr`, and the ports that stand in for it.
const DEFAULT_PORT: u16 = 8780;

#[test]
fn the_chart_comes_first_and_one_line_shows_the_market_on_a_terminal() {
    let database = Database::new(Backend::Sqlite);
    let terminal = Terminal::new(120);
    let mut market = database.klined("up --days 2 --speed 600 --addr 127.0.0.1:0").spawn_on(&terminal);
    let mut screen = Vec::new();
    // Between two sessions it is closed for a moment.
    market.until("the state of a session is shown", || {
        screen = terminal.screen();
        screen.iter().any(|line| line.contains(" session ×600  ") && line.contains(" requests"))
    });
    let chart = screen.iter().position(|line| line.starts_with("Chart  http://127.0.0.1:")).unwrap();
    assert!(chart <= LINES_BEFORE && screen.len() < 12, "{screen:#?}");
    let state = screen.iter().find(|line| line.contains(" requests")).unwrap();
    assert_has(state, &[" session ×600  ", " %  "]);
    // The state stands in one line, which is drawn again.
    let drawn = || terminal.raw().matches(" requests").count();
    let before = drawn();
    market.until("it is drawn again", || drawn() > before + 1);
    assert_eq!(terminal.screen().iter().filter(|line| line.contains(" requests")).count(), 1);
    market.signal(Signal::INT);
    market.wait().succeeded();
    assert!(!terminal.screen().iter().any(|line| line.contains(" requests")), "{:#?}", terminal.screen());
}

#[test]
fn a_port_that_is_taken_gives_way_to_the_next_and_is_noticed_before_the_history_is_made() {
    // Another program on this machine may have it already.
    let taken = TcpListener::bind(("127.0.0.1", DEFAULT_PORT));
    let database = Database::new(Backend::Sqlite);
    let api = Api::start(database.klined("up --days 1 --speed 600"));
    let port: u16 = api.address.rsplit(':').next().unwrap().parse().unwrap();
    assert!((DEFAULT_PORT + 1..DEFAULT_PORT + 10).contains(&port), "{port}");
    let fresh = Database::new(Backend::Sqlite);
    fresh.klined("up --addr").with(&api.address).run().failed(&[&api.address, "in use", "--addr"]);
    assert!(!fresh.directory.path().join("market.db").exists());
    api.running.terminate().succeeded();
    drop(taken);
}

on_every_backend! {
    fn nothing_is_said_to_run_before_the_role_is_taken(database: &Database) {
        database.filled();
        let mut generator = database.market_generator("--test --speed 600").spawn();
        generator.until_minutes(1, database);
        let second = database.klined("up --addr 127.0.0.1:0").run().failed(&["another process is this database's writer"]);
        assert_eq!(second.stdout, "");
        generator.terminate().succeeded();
    }

    fn a_filling_that_was_interrupted_is_completed_by_a_start_without_days(database: &Database) {
        database.market_backfill("--days 3").run().succeeded();
        let first = || database.value("SELECT CAST(min(time) AS text) AS text FROM market_klines WHERE interval = '1m'");
        let begun = first();
        // So an interrupted first filling leaves a market: without a status.
        database.execute("DELETE FROM market_status");
        let mut market = database.klined("up --speed 6000 --addr none").spawn();
        market.until_minutes(3, database);
        market.terminate().succeeded();
        assert_eq!(first(), begun);
        assert_has(&database.klined("verify").run().succeeded().stdout, &["clean"]);
    }

    fn days_of_a_market_that_exists_are_not_ignored_in_silence(database: &Database) {
        database.market_backfill("--days 3").run().succeeded();
        for (days, is_said) in [("--days 9", true), ("--days 2", false), ("", false)] {
            let mut market = database.klined("up --speed 6000 --addr none").with(days).spawn();
            market.until_minutes(1, database);
            let ended = market.terminate().succeeded();
            assert_eq!(ended.stderr.contains("--days 9 is for a new market"), is_said, "{days}: {}", ended.stderr);
            assert_eq!(ended.stderr.contains("--fresh --days 9"), is_said, "{}", ended.stderr);
        }
    }

    fn a_market_begins_anew_only_after_a_yes(database: &Database) {
        let before = database.filled().contents();
        let question = ["Remove the market of seed 42", "no terminal", "--yes"];
        for words in ["up --fresh", "reset"] {
            database.klined(words).run().failed(&question);
        }
        assert_same(&database.contents(), &before);
        let seed = || database.value("SELECT seed AS text FROM market_identity");
        let mut market = database.klined("up --fresh --yes --seed 7 --days 2 --speed 6000 --addr none").spawn();
        market.until_it_says("Ctrl-C stops");
        assert_eq!(seed(), "7");
        database.klined("reset --yes").run().failed(&["another process is this database's"]);
        market.terminate().succeeded();
        assert_has(&database.klined("reset --yes").run().succeeded().stdout, &["The market was removed"]);
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines"), "0");
        assert_has(&database.klined("reset --yes").run().succeeded().stdout, &["There is no market"]);
        let mut fresh = database.klined("up --fresh --days 2 --speed 6000 --addr none").spawn();
        fresh.until_it_says("Ctrl-C stops");
        fresh.terminate().succeeded();
        assert_eq!(seed(), "42");
    }
}

on_every_backend! {
    fn a_market_of_test_mode_returns_to_the_clock_with_the_same_bars(database: &Database) {
        database.market_backfill("--from 2026-03-02 --to 2026-03-06").run().succeeded();
        let bars = |until: i64| database.bars(&format!("symbol = 'JPM' AND interval = '1m' AND time < {until}"));
        let clock = Clock::at(database.directory.path(), "2026-03-04 10:14:30");
        let now = at("2026-03-04 10:14:00").get();
        let (before, all) = (bars(now), database.contents());
        let live = |words: &str| clock.shown_to(database.klined(&format!("up --live --addr none {words}")));
        live("").run().failed(&["2026-03-06 14:59", "2 trading days later than now", "--from-now"]);
        live("--from-now").run().failed(&["2 trading days ahead", "no terminal", "--from-now --yes"]);
        assert_same(&database.contents(), &all);
        let mut market = live("--from-now --yes --days 3").spawn();
        market.until_it_says("Ctrl-C stops");
        market.terminate().succeeded();
        assert_same(&bars(now), &before);
        let later = database.value(&format!("SELECT CAST(count(*) AS text) AS text FROM market_klines WHERE time > {now}"));
        assert_eq!(later, "0");
        // It is not ahead any more, and nothing is asked.
        let mut market = live("--from-now").spawn();
        market.until_it_says("Ctrl-C stops");
        market.terminate().succeeded();
        assert_same(&bars(now), &before);
    }
}

#[test]
fn an_exchange_that_is_closed_is_not_said_to_be_open() {
    let database = Database::new(Backend::Sqlite);
    database.market_backfill(TWO_DAYS).run().succeeded();
    let clock = Clock::at(database.directory.path(), "2026-03-08 11:00:00");
    let mut market = clock.shown_to(database.klined("up --live --addr none")).spawn();
    eventually("it says how time runs", || market.has_ended() || market.stdout().contains("Ctrl-C stops"));
    let ended = market.terminate().succeeded();
    assert_has(&ended.stdout, &["live; the exchange is closed until 2026-03-09 09:30:00"]);
}
