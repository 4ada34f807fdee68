//! What the operator has at hand: the scripts for psql, roles with few rights, backups, and a page that knows every error.

mod backup;
mod monitoring;
mod repair;
mod roles;
mod trust;
mod verify;

use crate::support::database::{Backend, Database};
use crate::support::market_builder::{assert_clean, market};
use crate::support::programs::assert_has;
use crate::support::psql::{program, psql_at, psql_fails, repository};

fn bars(database: &Database) -> i64 {
    database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines").parse().unwrap()
}

#[test]
fn the_script_removes_old_months_only_on_request() {
    let database = Database::new(Backend::Postgres);
    database.market_backfill("--from 2026-01-20 --to 2026-03-03 --model gbm").run().succeeded();
    let script = |flags: &[&str]| psql_at(database.url(), flags, "sql_scripts/retention.sql");
    let before = bars(&database);
    assert_has(&script(&["-v", "keep_months=1"]), &["market_klines_2026_01", "Nothing was removed"]);
    let misused = |flags: &[&str], said: &str| {
        let (status, stderr) = psql_fails(database.url(), flags, "sql_scripts/retention.sql");
        assert_eq!(status, Some(3), "{flags:?}: {stderr}");
        assert_has(&stderr, &[said]);
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    };
    misused(&[], "say how many full months to keep: -v keep_months=12");
    for wrong in ["0", "-1", "1; DROP TABLE market_klines", "many", ""] {
        let flag = format!("keep_months={wrong}");
        misused(&["-v", &flag, "-v", "drop=yes"], "keep_months must be a whole number from 1 to 9999");
    }
    for wrong in ["YES", "true", ""] {
        misused(&["-v", "keep_months=1", "-v", &format!("drop={wrong}")], "drop must be yes or no");
    }
    assert_eq!(bars(&database), before);
    assert_has(&script(&["-v", "keep_months=1", "-v", "drop=yes"]), &["Done"]);
    assert!(bars(&database) < before);
    let partitions = "SELECT count(*)::text AS text FROM pg_class WHERE relname = 'market_klines_2026_01'";
    assert_eq!(database.value(partitions), "0");
    assert_clean(&market(&database));
    let after = bars(&database);
    script(&["-v", "keep_months=1", "-v", "drop=yes"]);
    script(&["-v", "keep_months=1000", "-v", "drop=yes"]);
    assert_eq!(bars(&database), after);
}

/// The first words of each message in a source of errors: of its first part that has three words and no value in it.
fn heads(source: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository(source)).unwrap();
    let messages = text.split("#[error(").skip(1).filter(|rest| !rest.starts_with("transparent"));
    messages
        .map(|rest| {
            let quoted = rest[rest.find('"').unwrap() + 1..].replace("\\\"", "”");
            let message = quoted.split('"').next().unwrap().replace("\\\n", "");
            let mut parts: Vec<&str> = message.split(['{', '}']).step_by(2).collect();
            let is_long = |part: &&str| part.split_whitespace().count() >= 3;
            let part = match parts.iter().copied().find(is_long) {
                Some(part) => part,
                None => {
                    parts.sort_by_key(|part| part.len());
                    parts.last().unwrap()
                }
            };
            let words: Vec<&str> = part.split_whitespace().take(5).collect();
            words.join(" ").trim_matches([' ', ':', ';', ',', '.', '”', '(', ')']).to_owned()
        })
        .collect()
}

#[test]
fn the_page_for_operators_has_a_remedy_for_every_error() {
    let page = std::fs::read_to_string(repository("docs/OPERATIONS.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
    for source in
        ["src/store/error.rs", "src/store/url.rs", "src/jobs/error.rs", "crates/klined-market/src/calendar/error.rs"]
    {
        let heads = heads(source);
        assert!(!heads.is_empty(), "{source}");
        for head in heads {
            assert!(head.len() > 8, "{source}: {head}");
            assert!(rows.iter().any(|row| row.contains(&head)), "no row of the tables has \"{head}\" of {source}");
        }
    }
}

#[test]
fn every_script_of_the_repository_is_there_for_the_operator() {
    let page = std::fs::read_to_string(repository("docs/OPERATIONS.md")).unwrap();
    // The folders are those of the other markets' databases, which have pages of their own.
    let scripts = std::fs::read_dir(repository("sql_scripts")).unwrap().map(Result::unwrap);
    for script in scripts.filter(|script| script.file_type().unwrap().is_file()) {
        let name = format!("sql_scripts/{}", script.file_name().to_str().unwrap());
        assert!(page.contains(&name), "{name}");
    }
    assert!(program("psql").exists());
}
