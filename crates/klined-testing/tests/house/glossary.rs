//! The glossary: every term stands in it once, with a sentence, and every type that it names exists.

use std::collections::{BTreeSet, HashSet};
use std::fs;

use klined_testing::repository;

use super::sources::SOURCES;
use super::tokens::is_word;

/// The words that begin an item which the column "type" may name.
const ITEMS: [&str; 4] = ["struct", "enum", "trait", "type"];

/// The rows of a page's tables, as their cells; headings and rules left out.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| term |"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
}

/// The names in a cell: whatever stands there in backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether all words of a name, those of a path and of its arguments, are types or modules that sources define.
fn exists(name: &str, defined: &HashSet<&str>) -> bool {
    let mut words = name.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| is_word(word));
    words.all(|word| defined.contains(word))
}

fn defined() -> HashSet<&'static str> {
    let pairs = SOURCES.iter().flat_map(|source| source.tokens.windows(2));
    let items = pairs.filter(|pair| ITEMS.contains(&pair[0].as_str())).map(|pair| pair[1].as_str());
    items.chain(SOURCES.iter().flat_map(|source| source.module.iter().map(String::as_str))).collect()
}

#[test]
fn every_type_of_the_glossary_exists_and_every_term_stands_once() {
    let defined = defined();
    let page = fs::read_to_string(repository("docs/GLOSSARY.md")).unwrap();
    let (mut terms, mut found) = (BTreeSet::new(), 0);
    for row in rows(&page) {
        let [term, types, meaning] = row[..] else { panic!("not three cells: {row:?}") };
        assert!(terms.insert(term), "{term} stands twice");
        assert!(meaning.ends_with('.') && meaning.len() > 10, "no sentence: {row:?}");
        assert_eq!(types.is_empty(), names(types).next().is_none(), "a type stands in backticks: {row:?}");
        for name in names(types) {
            found += 1;
            assert!(exists(name, &defined), "no type {name} is declared: {row:?}");
        }
    }
    assert!(terms.len() > 100 && found > 40, "only {} terms and {found} types were found", terms.len());
}

#[test]
fn names_are_read_from_their_column_and_a_stranger_is_noticed() {
    let page = "# Words\n| term | type | meaning |\n|---|---|---|\n| bar | `Bar` | a `K`-line |\n\
                | tick | `ticks::Trade`, `Side` | |\ntext | `y`";
    let found: Vec<_> = rows(page).flat_map(|row| names(row[1]).collect::<Vec<_>>()).collect();
    assert_eq!(found, ["Bar", "ticks::Trade", "Side"]);
    let defined = defined();
    assert!(found.iter().all(|name| exists(name, &defined)));
    assert!(!exists("Candlestick", &defined) && !exists("bars::Candlestick", &defined));
}
