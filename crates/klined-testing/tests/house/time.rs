//! Time's scales and the exchange's zone stand in one place each.

use super::sources::written;

/// The tests of all crates reckon the zone once more.
const RECKONS_AGAIN: &str = "crates/klined-testing/";
/// What only one file, or the files of one folder, may spell.
const OWNED: [(&str, &[&str]); 2] = [
    ("crates/klined-market/src/base/time", &["1_000_000_000", "1000000000", "1e9", "86_400", "86400"]),
    (
        "crates/klined-market/src/calendar/",
        &["chrono_tz", "FixedOffset", "Asia/Shanghai", "28_800", "28800", "8 * 3600", "8 * 3_600"],
    ),
];

/// What a file ships: without its tests and without comments.
fn shipped(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Whether a text has a word that is no part of a longer one.
fn spells(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

#[test]
fn scales_and_the_zone_are_spelt_in_one_place() {
    let is_shipped = |path: &str| path.starts_with("examples/") || path.starts_with("src/") || path.contains("/src/");
    let files = written(&[".rs"]);
    let mut strays = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| is_shipped(name) && !name.starts_with(RECKONS_AGAIN)) {
        let code = shipped(text);
        for (owner, words) in OWNED.into_iter().filter(|(owner, _)| !name.starts_with(owner)) {
            let found = words.iter().filter(|word| spells(&code, word));
            strays.extend(found.map(|word| format!("{name} spells {word}, which is for {owner}")));
        }
    }
    assert!(strays.is_empty(), "\n{}", strays.join("\n"));
}

#[test]
fn a_word_is_found_by_itself_and_in_code_only() {
    for (text, is_spelt) in [
        ("x * 1_000_000_000;", true),
        ("1_000_000_000_i64", false),
        ("60_000_000_000", false),
        ("11_000_000_000", false),
        ("", false),
    ] {
        assert_eq!(spells(text, "1_000_000_000"), is_spelt, "{text}");
    }
    assert_eq!(shipped("a // 86400\nb\n#[cfg(test)]\nmod tests { 86400 }"), "a \nb");
}
