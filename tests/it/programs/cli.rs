//! The command lines: what they take, what they refuse, and that every refusal can be read.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use clap::Command;
use klined::config::{AggregatorArgs, ApiArgs, BackfillArgs, GeneratorArgs, KlinedArgs};
use klined::jobs::{Generator, Market, Stop};
use klined_market::calendar::Calendar;
use klined_market::model::ModelKind;
use klined_service::command_line::command;
use tempfile::TempDir;

use crate::on_every_backend;
use crate::support::cluster::Cluster;
use crate::support::database::{Backend, Database};
use crate::support::programs::{Program, TWO_DAYS, assert_has, assert_same};
use crate::support::{SHANGHAI, date};

/// A program, still without the directory that it runs in.
pub type Start = fn(&Path) -> Program;
/// A program, a wrong command line, and what the message about it names.
type Misuse = (Start, &'static str, &'static [&'static str]);

/// These say on their command lines all that they do.
pub const IN_MEMORY: [&str; 2] = ["realism", "sample"];
pub const PROGRAMS: [Start; 5] = [
    Program::market_generator,
    Program::data_aggregator,
    Program::market_backfill,
    Program::klined,
    Program::market_api,
];
/// What each of them but the server, which only reads, needs to hear so that it does something and ends.
const FIRST_WORDS: [&str; 4] = ["", "--once", "--days 1", ""];
/// Each flag that a variable can stand for.
const VARIABLES: [(&str, &str); 30] = [
    ("addr", "KLINED_API_ADDR"),
    ("connections", "KLINED_API_CONNECTIONS"),
    ("connections-per-address", "KLINED_API_CONNECTIONS_PER_ADDRESS"),
    ("client-timeout", "KLINED_API_CLIENT_TIMEOUT"),
    ("request-timeout", "KLINED_API_REQUEST_TIMEOUT"),
    ("rate", "KLINED_API_RATE"),
    ("api-keys", "KLINED_API_KEYS"),
    ("cors", "KLINED_API_CORS"),
    ("external-url", "KLINED_API_EXTERNAL_URL"),
    ("public-page", "KLINED_PUBLIC_PAGE"),
    ("upstream-polygon", "KLINED_UPSTREAM_POLYGON"),
    ("retain-months", "KLINED_RETAIN_MONTHS"),
    ("retain-days", "KLINED_RETAIN_DAYS"),
    ("speed", "KLINED_SPEED"),
    ("interval", "KLINED_AGGREGATE_MINUTES"),
    ("db-url", "DATABASE_URL"),
    ("db-pool-size", "DB_POOL_SIZE"),
    ("db-timeout", "DB_TIMEOUT_SECONDS"),
    ("seed", "KLINED_SEED"),
    ("universe", "KLINED_UNIVERSE"),
    ("scenario", "KLINED_SCENARIO"),
    ("calendar-file", "KLINED_CALENDAR_FILE"),
    ("strict-calendar", "KLINED_STRICT_CALENDAR"),
    ("health-addr", "KLINED_HEALTH_ADDR"),
    ("check", "KLINED_CHECK"),
    ("log", "KLINED_LOG"),
    ("log-format", "KLINED_LOG_FORMAT"),
    ("log-dir", "KLINED_LOG_DIR"),
    ("no-log-files", "KLINED_NO_LOG_FILES"),
    ("worker-threads", "KLINED_WORKER_THREADS"),
];

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The command lines of [`PROGRAMS`], in their order, as the programs read them.
pub fn commands() -> [Command; 5] {
    [
        command::<GeneratorArgs>(),
        command::<AggregatorArgs>(),
        command::<BackfillArgs>(),
        command::<KlinedArgs>(),
        command::<ApiArgs>(),
    ]
}

#[test]
fn the_command_lines_are_consistent() {
    commands().into_iter().for_each(Command::debug_assert);
}

#[test]
fn the_help_of_each_program_lists_each_flag_and_its_variable() {
    let place = place();
    let check = |command: &Command, help: &str| {
        // Lines are broken wherever the terminal's width has it.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
            assert_has(&help, &[&format!("--{flag}")]);
            let variable = VARIABLES.iter().find(|(name, _)| *name == flag && !IN_MEMORY.contains(&command.get_name()));
            variable.inspect(|(_, variable)| assert_has(&help, &[&format!("[env: {variable}")]));
        }
    };
    for (program, command) in PROGRAMS.into_iter().zip(commands()) {
        check(&command, &program(place.path()).with("--help").run().succeeded().stdout);
        // `export` runs a program of another crate, which is not built beside these.
        for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "export") {
            let words = format!("{} --help", subcommand.get_name());
            check(subcommand, &program(place.path()).with(&words).run().succeeded().stdout);
        }
    }
    let secret = Program::klined(place.path()).variable("DATABASE_URL", "postgresql://u:s3cret@h/db").with("--help");
    assert!(!secret.run().succeeded().stdout.contains("s3cret"));
}

#[test]
fn wrong_input_is_status_2_and_named() {
    let place = place();
    for (program, first) in PROGRAMS.into_iter().zip(FIRST_WORDS) {
        program(place.path()).with("--sped 3").run().was_misused(&["--sped"]);
        for url in ["market.db", "mysql://u:s3cret@h/db", "sqlite://m.db", "postgresql://u:s3cret@h", "sqlite:///"] {
            program(place.path())
                .with(first)
                .with("--db-url")
                .with(url)
                .run()
                .was_misused(&["--db-url", "not a database URL"]);
        }
    }
    let misused: [Misuse; 17] = [
        (Program::market_backfill, "--days 0", &["'0'", "--days", "1..=20000"]),
        (Program::market_backfill, "--days -1", &["'-1'", "--days", "1..=20000"]),
        (Program::market_backfill, "--days 20001", &["'20001'", "--days", "1..=20000"]),
        (Program::market_backfill, "--days many", &["'many'", "--days"]),
        (Program::market_backfill, "--from 2026-02-30", &["2026-02-30", "--from"]),
        (Program::market_backfill, "--days 1 --yes", &["--clear"]),
        (Program::market_backfill, "--days 1 --from 2026-03-02", &["--days", "--from"]),
        (Program::market_backfill, "--to 2026-03-02", &["--from"]),
        (Program::market_backfill, "", &["--days", "--from"]),
        (Program::market_backfill, "--days 1 --symbol A,B", &["\"A,B\"", "--symbol"]),
        (Program::market_generator, "--symbols AAPL,B'C", &["\"B'C\"", "--symbols"]),
        (Program::market_generator, "--speed 0", &["'0'", "--speed", "0.01 to 60000"]),
        (Program::market_generator, "--speed -2", &["'-2'", "--speed", "0.01 to 60000"]),
        (Program::market_generator, "--speed NaN", &["'NaN'", "--speed"]),
        (Program::data_aggregator, "--interval 0", &["'0'", "--interval"]),
        (Program::data_aggregator, "--symbol ABCDEFGHIJKLMNOPQRSTU", &["ABCDEFGHIJKLMNOPQRSTU", "--symbol"]),
        (Program::klined, "--speed 5 verify", &["verify", "--speed"]),
    ];
    for (program, words, named) in misused {
        program(place.path()).with(words).run().was_misused(named);
    }
    let switch = Program::klined(place.path()).variable("KLINED_STRICT_CALENDAR", "maybe");
    switch.with("calendar --from 2026-01-01 --to 2026-01-31").run().was_misused(&["--strict-calendar"]);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "a wrong command line leaves nothing behind");
}

#[test]
fn a_database_that_cannot_be_used_is_a_readable_failure() {
    let place = place();
    fs::write(place.path().join("letter.db"), "Dear Sir, this is a letter and no database.\n".repeat(100)).unwrap();
    let port = Cluster::shared().port;
    let read_only = place.path().join("read-only");
    fs::create_dir(&read_only).unwrap();
    let mut permissions = fs::metadata(&read_only).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&read_only, permissions).unwrap();
    let mut cases: Vec<(String, Vec<&str>)> = vec![
        ("postgresql://u:s3cret@127.0.0.1:1/db".to_owned(), vec!["cannot reach", "u:***@127.0.0.1:1/db", "refused"]),
        (
            format!("postgresql://postgres:s3cret@127.0.0.1:{port}/nowhere"),
            vec!["\"nowhere\" does not exist", "createdb nowhere"],
        ),
        ("sqlite:///missing/m.db".to_owned(), vec!["there is no directory missing"]),
        ("sqlite:////proc/m.db".to_owned(), vec!["sqlite:////proc/m.db", "must be readable and writable"]),
        ("sqlite:///letter.db".to_owned(), vec!["letter.db", "is not a database"]),
    ];
    if !rustix::process::getuid().is_root() {
        cases.push(("sqlite:///read-only/m.db".to_owned(), vec!["must be readable and writable"]));
    }
    for (url, words) in &cases {
        for (program, first) in PROGRAMS.into_iter().zip(FIRST_WORDS) {
            program(place.path()).with(first).with("--db-url").with(url).run().failed(words);
        }
        // Verify makes no file, so it never finds out that it could not.
        let is_unwritable = words.contains(&"must be readable and writable");
        let words = if is_unwritable { &vec!["there is no database"] } else { words };
        Program::klined(place.path()).with("verify --db-url").with(url).run().failed(words);
    }
}

#[test]
fn logs_that_cannot_be_written_are_a_readable_failure() {
    let place = place();
    for (program, first) in PROGRAMS.into_iter().zip(FIRST_WORDS) {
        let words = &["/proc/logs", "--log-dir", "--no-log-files"];
        program(place.path()).with(first).with("--log-dir /proc/logs").run().failed(words);
        program(place.path())
            .with(first)
            .with("--log klined=loud")
            .run()
            .failed(&["klined=loud", "not a valid filter"]);
    }
}

on_every_backend! {
    fn a_stock_that_cannot_be_traded_is_named(database: &Database) {
        database.filled();
        for program in [
            database.market_generator("--test --symbols AAPL,NOPE"),
            database.data_aggregator("--once --symbol NOPE"),
            database.market_backfill("--days 1 --symbol NOPE"),
        ] {
            program.run().failed(&["no stock NOPE", "AAPL, AMZN"]);
        }
        database.execute(
            "INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) VALUES ('FREE', 'Free', 0, 0.02)",
        );
        let ended = database.market_backfill("--days 1 --symbol FREE").run().failed(&["stock FREE", "not valid"]);
        assert_has(&ended.stderr, &["FREE: base_price 0 must be above 0"]);
    }

    fn a_window_that_cannot_be_filled_is_refused_and_nothing_is_written(database: &Database) {
        for (window, words) in [
            ("--from 2026-03-04 --to 2026-03-02", ["2026-03-04", "2026-03-02"]),
            ("--from 1980-01-01 --to 1980-01-31", ["1980-01-01", "1980-01-31"]),
            ("--from 2026-03-07 --to 2026-03-08", ["2026-03-07", "no trading minute"]),
            ("--from 2099-01-05", ["2099-01-05", "over by now"]),
            ("--days 20000", ["--days 20000", "1990-12-19"]),
        ] {
            database.market_backfill(window).run().failed(&words);
        }
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines"), "0");
        database.filled().market_backfill("--from 2026-02-02").run().failed(&["AAPL already has bars from 2026-03-02"]);
    }

    fn nothing_is_removed_without_a_yes(database: &Database) {
        let before = database.filled().contents();
        for words in ["--days 1 --clear", "--days 1 --clear --symbol AAPL"] {
            database.market_backfill(words).run().failed(&["Remove all bars", "no terminal", "--clear --yes"]);
        }
        assert_same(&database.contents(), &before);
        database.market_backfill("--from 2026-03-04 --to 2026-03-04 --clear --yes --seed 7").run().succeeded();
        let first = database.value("SELECT CAST(min(time) AS text) AS text FROM market_klines WHERE interval = '1m'");
        assert_eq!(first, SHANGHAI.open_of(date("2026-03-04")).unwrap().start().to_string());
        assert_eq!(database.value("SELECT seed AS text FROM market_identity"), "7");
    }

    fn another_seed_is_refused(database: &Database) {
        let before = database.filled().contents();
        for program in [
            database.market_generator("--test --seed 7"),
            database.market_backfill("--days 1 --seed 7"),
            database.klined("up --seed 7"),
        ] {
            program.run().failed(&["seed 42", "seed 7"]);
        }
        assert_same(&database.contents(), &before);
    }

    fn live_mode_refuses_bars_of_the_future_and_says_what_to_do(database: &Database) {
        let calendar = Arc::new(Calendar::shanghai());
        let market = Market::claim(database.open(), calendar, ModelKind::Gbm, None).unwrap();
        let mut generator = Generator::start(market, &[], date("2090-03-01"), &Stop::default()).unwrap();
        generator.advance(generator.next().unwrap(), &Stop::default()).unwrap();
        drop(generator);
        let before = database.contents();
        let words = ["2090-03-01 09:30", "later than now", "--test", "--clear"];
        database.market_generator("").run().failed(&words);
        assert_same(&database.contents(), &before);
        database.klined("up --live").run().failed(&words);
    }

    fn verify_asks_for_a_schema(database: &Database) {
        if database.backend == Backend::Sqlite {
            database.klined("verify").run().failed(&["there is no database sqlite:///", "market.db"]);
            database.execute("SELECT 1");
        }
        database.klined("verify").run().failed(&["tables", "migrations have not been run"]);
        database.open();
        assert_has(&database.klined("verify").run().succeeded().stdout, &["0 symbols", "clean"]);
    }

    fn verify_finds_what_is_off(database: &Database) {
        let clean = database.filled().klined("verify").run().succeeded();
        assert_has(&clean.stdout, &["4800 1-minute bars", "1600 roll-ups", "10 symbols", "clean"]);
        database.execute(
            "CREATE TABLE kept_klines AS SELECT * FROM market_klines; CREATE TABLE kept_state AS SELECT * FROM stock_state",
        );
        let at = |index| SHANGHAI.minute_of(date("2026-03-02"), index).unwrap().start();
        let minute = format!("symbol = 'JPM' AND interval = '1m' AND time = {}", at(7));
        let hour = format!("symbol = 'JPM' AND interval = '60m' AND time = {}", at(120));
        for (damage, found) in [
            (format!("DELETE FROM market_klines WHERE {minute}"), ["JPM 1m 2026-03-02 09:37:00", "is missing"]),
            (
                format!("UPDATE market_klines SET high = open - 0.01 WHERE {minute}"),
                ["JPM 1m 2026-03-02 09:37:00", "high"],
            ),
            (
                format!("UPDATE market_klines SET volume = volume + 1 WHERE {hour}"),
                ["JPM 60m 2026-03-02 13:00:00", "but its minutes make"],
            ),
            (format!("DELETE FROM market_klines WHERE {hour}"), ["JPM 60m 2026-03-02 13:00:00", "is missing, though"]),
            (
                "UPDATE stock_state SET current_price = current_price + 1 WHERE symbol = 'JPM'".to_owned(),
                ["JPM 1m 2026-03-03 14:59:00", "stock_state shows"],
            ),
        ] {
            database.execute(&damage);
            let report = database.klined("verify").run();
            assert_eq!(report.status.code(), Some(1), "{damage}: {}{}", report.stdout, report.stderr);
            assert_has(&report.stdout, &found);
            assert_has(&report.stdout, &["problems"]);
            assert!(!report.stdout.lines().any(|line| line == "clean"), "{}", report.stdout);
            database.execute(
                "DELETE FROM market_klines; INSERT INTO market_klines SELECT * FROM kept_klines; \
                 DELETE FROM stock_state; INSERT INTO stock_state SELECT * FROM kept_state",
            );
        }
        assert_eq!(database.klined("verify").run().succeeded().stdout, clean.stdout);
    }
}

#[test]
fn a_wrong_calendar_file_is_a_readable_failure() {
    let place = place();
    fs::write(place.path().join("days.txt"), "closed 2027-02-05\nopen yesterday\n").unwrap();
    for (program, first) in PROGRAMS.into_iter().zip(FIRST_WORDS) {
        let run = |file: &str| program(place.path()).with(first).with("--calendar-file").with(file).run();
        run("days.txt").failed(&["days.txt", "line 2", "yesterday"]);
        run("none.txt").failed(&["none.txt", "No such file"]);
    }
    let calendar = |words: &str| Program::klined(place.path()).with("calendar").with(words).run();
    calendar("--from 2026-01-01 --to 2026-01-31 --calendar-file days.txt").failed(&["days.txt", "line 2"]);
    let beyond = "--from 2026-12-01 --to 2027-01-31";
    calendar(beyond).succeeded();
    calendar(&format!("{beyond} --strict-calendar")).failed(&["2026-12-31", "2027-01-31"]);
    calendar("--from 1980-01-01 --to 1980-01-31").failed(&["1990-12-19", "1980-01-01"]);
    calendar("--from 2026-02-01 --to 2026-01-01").failed(&["2026-02-01", "later than"]);
    for word in ["1", "true", "yes"] {
        let strict = Program::klined(place.path()).variable("KLINED_STRICT_CALENDAR", word);
        strict.with("calendar").with(beyond).run().failed(&["2026-12-31"]);
    }
}

#[test]
fn the_calendar_prints_days_and_minutes() {
    let place = place();
    let january = || Program::klined(place.path()).with("calendar --from 2026-01-01 --to 2026-01-31");
    let days = january().run().succeeded().stdout;
    let expected: Vec<String> =
        SHANGHAI.days(date("2026-01-01"), date("2026-01-31")).iter().map(ToString::to_string).collect();
    assert_eq!(days.lines().collect::<Vec<_>>(), expected);
    assert_eq!((days.lines().next(), days.lines().count()), (Some("2026-01-05"), 20));

    let minutes = january().with("--minutes").run().succeeded().stdout;
    let seconds: Vec<i64> = minutes.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(seconds.len(), 240 * 20);
    // 2026-01-05 09:30 and 2026-01-30 14:59 in UTC+8.
    assert_eq!((seconds[0], seconds[4799]), (1_767_576_600, 1_769_756_340));
    assert!(seconds.is_sorted_by(|a, b| a < b));
}

#[test]
fn variables_come_from_the_env_file_unless_they_are_set() {
    let database = Database::new(Backend::Sqlite);
    let directory = database.directory.path();
    let backfill = || Program::market_backfill(directory).with(TWO_DAYS);
    fs::write(directory.join(".env"), "DATABASE_URL=sqlite:///filed.db\nKLINED_SEED=7\nKLINED_NO_LOG_FILES=1\n")
        .unwrap();
    backfill().run().succeeded();
    assert!(directory.join("filed.db").exists() && !directory.join("logs").exists());
    backfill().variable("DATABASE_URL", database.url()).variable("KLINED_SEED", "8").run().succeeded();
    assert_eq!(database.value("SELECT seed AS text FROM market_identity"), "8");
    // The file's seed is still that of the file's database.
    backfill().with("--seed 8").run().failed(&["seed 7", "seed 8"]);

    for (line, words) in [
        ("DATABASE_URL='postgresql://u:s3cret@h/db", ["line 1", "DATABASE_URL"]),
        ("s3cret and more", ["line 1", "NAME=VALUE"]),
    ] {
        fs::write(directory.join(".env"), line).unwrap();
        PROGRAMS.into_iter().for_each(|program| drop(program(directory).run().failed(&words)));
    }
}
