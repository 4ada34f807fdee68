//! Every name in the glossary's second column exists in the sources.

use std::collections::HashSet;
use std::fs;

use klined_testing::repository;

use super::sources::SOURCES;
use super::tokens::is_word;

/// The names in the second column of a page's tables: whatever stands there in backticks.
fn names(page: &str) -> Vec<&str> {
    let cells =
        page.lines().filter(|line| line.trim_start().starts_with('|')).filter_map(|line| line.split('|').nth(2));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// The words of a name: those of a path and of its arguments.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| is_word(word))
}

/// What sources define, by the words that begin an item, and the variants and fields in them.
fn defined() -> HashSet<&'static str> {
    let tokens = SOURCES.iter().flat_map(|source| source.tokens.windows(2));
    let items = ["struct", "enum", "trait", "type", "const", "static", "fn", "mod"];
    let found =
        tokens.filter(|pair| items.contains(&pair[0].as_str()) && is_word(&pair[1])).map(|pair| pair[1].as_str());
    found.chain(SOURCES.iter().map(|source| source.krate.as_str())).collect()
}

#[test]
fn every_name_in_the_glossary_exists() {
    let defined = defined();
    let Ok(page) = fs::read_to_string(repository("docs/GLOSSARY.md")) else { return };
    let unknown: Vec<&str> =
        names(&page).into_iter().filter(|name| !words(name).all(|word| defined.contains(word))).collect();
    assert!(unknown.is_empty(), "docs/GLOSSARY.md names what no source defines: {}", unknown.join(", "));
}

#[test]
fn names_are_read_from_the_second_column() {
    let page = "# Words\n| term | type | meaning |\n|---|---|---|\n| bar | `Bar` | a `K`-line |\n| run |  | `x` |\n\
                | tick | `ticks::Tick`, `Side` | |\ntext | `y`";
    assert_eq!(names(page), ["Bar", "ticks::Tick", "Side"]);
    assert_eq!(words("ticks::Tick<8>").collect::<Vec<_>>(), ["ticks", "Tick"]);
    let defined = defined();
    assert!(words("bars::Bar").all(|word| defined.contains(word)) && !defined.contains("Candlestick"));
}
