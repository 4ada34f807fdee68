//! One grammar of configuration: `.env`, lists, misspelt variables, and text files of all editors and systems.

use std::fs;

use clap::{Command, Parser};
use klined::config::{ApiArgs, GeneratorArgs, KlinedArgs, KlinedCommand};
use tempfile::TempDir;

use crate::programs::cli::{PROGRAMS, commands};
use crate::support::programs::{Program, assert_has};

/// A calendar, a scenario and a universe as their writers meant them.
const DAYS: &str = "# the exchange's days\nclosed 2027-02-05\nknown-until 2027-12-31\n";
const SCENARIO: &str = "name = \"halt\"\n[[event]]\nkind = \"halt\"\nfrom = \"day 1 10:00\"\nuntil = \"day 1 10:30\"\n";
const UNIVERSE: &str = "symbol,name,sector,base_price,base_volatility\nABC,名称,Banks,10.00,0.02\n";
/// The name of [`UNIVERSE`] in GBK.
const GBK: [u8; 4] = [0xC3, 0xFB, 0xB3, 0xC6];

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A text as editors write it: with and without a byte-order mark, with the line breaks of all systems, and as UTF-16.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let utf16 = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| {
        [mark.to_vec(), text.encode_utf16().flat_map(unit).collect::<Vec<u8>>()].concat()
    };
    vec![
        text.as_bytes().to_vec(),
        format!("\u{feff}{text}").into_bytes(),
        text.replace('\n', "\r\n").into_bytes(),
        format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes(),
        utf16([0xFF, 0xFE], u16::to_le_bytes),
        utf16([0xFE, 0xFF], u16::to_be_bytes),
    ]
}

#[test]
fn text_files_of_all_editors_read_alike_and_another_encoding_is_refused() {
    let place = place();
    let path = |name: &str| place.path().join(name);
    let key = Program::klined(place.path()).with("key somebody").run().succeeded().stdout;
    let cases: [(&str, &str, &dyn Fn() -> Program); 5] = [
        ("days.txt", DAYS, &|| {
            Program::klined(place.path()).with("calendar --from 2027-02-01 --to 2027-02-10 --calendar-file days.txt")
        }),
        ("stocks.csv", UNIVERSE, &|| Program::klined(place.path()).with("universe stocks.csv")),
        ("scenario.toml", SCENARIO, &|| {
            Program::market_generator(place.path()).with("--test --check --scenario scenario.toml")
        }),
        ("keys.toml", &key, &|| Program::market_api(place.path()).with("--check --addr 0 --api-keys keys.toml")),
        (".env", "KLINED_STRICT_CALENDAR=true\nKLINED_SEED=7\n", &|| {
            Program::klined(place.path()).with("universe ashare:5")
        }),
    ];
    for (name, text, program) in cases {
        let mut read = Vec::new();
        for bytes in spellings(text) {
            fs::write(path(name), bytes).unwrap();
            let said = program().run().succeeded().stdout;
            // For how many more days the holidays are known changes at midnight.
            read.push(said.split_inclusive('\n').filter(|line| !line.contains(" calendar: ")).collect::<String>());
        }
        assert!(read.iter().all(|of| *of == read[0]), "{name}: {read:#?}");
        fs::write(path(name), [&b"# "[..], &GBK, text.as_bytes()].concat()).unwrap();
        let ended = program().run();
        assert_eq!(ended.status.code(), Some(1), "{name}");
        assert_has(&format!("{}{}", ended.stdout, ended.stderr), &["UTF-8", "save", "as UTF-8"]);
        fs::remove_file(path(name)).unwrap();
    }
}

#[test]
fn lists_may_have_blanks_around_their_commas() {
    let args = GeneratorArgs::try_parse_from(["x", "--symbols", "AAPL , V", "--scenario", "a.toml, b.toml "]).unwrap();
    assert_eq!(args.symbols.iter().map(|symbol| symbol.as_str()).collect::<Vec<_>>(), ["AAPL", "V"]);
    assert_eq!(args.model.scenario, ["a.toml", "b.toml"].map(std::path::PathBuf::from));
    let args = KlinedArgs::try_parse_from(["klined", "realism", "--seed", "21, 22"]).unwrap();
    assert!(matches!(args.command, Some(KlinedCommand::Realism(args)) if args.seed == [21, 22]));
    let args = ApiArgs::try_parse_from(["market-api", "--fake-data-symbols", "FAKE, TEST "]).unwrap();
    let symbols: Vec<String> = args.fake.stocks().unwrap().into_iter().map(|row| row.symbol).collect();
    assert_eq!(symbols, ["FAKE", "TEST"]);
    // Those are all lists: a new one belongs here.
    fn lists(command: &Command) -> Vec<String> {
        let own = command.get_arguments().filter(|arg| arg.get_value_delimiter().is_some());
        let below = command.get_subcommands().flat_map(lists);
        own.map(|arg| arg.get_id().to_string()).chain(below).collect()
    }
    let found: std::collections::BTreeSet<String> = commands().iter().flat_map(lists).collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["fake_data_symbols", "host", "scenario", "seed", "symbols"]);
}

#[test]
fn a_misspelt_variable_is_refused_in_the_env_file_and_warned_of_in_the_environment() {
    let place = place();
    let calendar = || Program::klined(place.path()).with("calendar --from 2026-01-05 --to 2026-01-05");
    let warning = "warning: there is no variable KLINED_SPED; the nearest one is KLINED_SPEED";
    let ended = calendar().variable("KLINED_SPED", "7").run().succeeded();
    assert_eq!((ended.stdout.trim(), ended.stderr.trim()), ("2026-01-05", warning));
    assert_eq!(calendar().variable("DB_HOST", "h").variable("KLINED_SPEED", "7").run().succeeded().stderr, "");
    fs::write(place.path().join(".env"), "# mine\nKLINED_SEED=7\nexport KLINED_SPED=s3cret\n").unwrap();
    for program in PROGRAMS {
        program(place.path()).run().failed(&[".env", "line 3", "no variable KLINED_SPED", "KLINED_SPEED"]);
    }
    // A variable of another program is none that is misspelt.
    fs::write(place.path().join(".env"), "KLINED_TEST=1\nKLINED_API_RATE=5\nKLINED_DAYS=\nDB_HOST=h\n").unwrap();
    calendar().run().succeeded();
}

#[test]
fn a_dollar_sign_in_the_env_file_is_one() {
    let place = place();
    fs::write(place.path().join(".env"), "DATABASE_URL=sqlite:///pa$$wd${HOME}.db\nKLINED_NO_LOG_FILES=1\n").unwrap();
    Program::market_backfill(place.path()).with("--days 1").run().succeeded();
    assert!(place.path().join("pa$$wd${HOME}.db").exists());
}
