//! What every manifest has, so that each crate can be published and found.

use super::sources::written;

/// Keys of `[package]`, by their names; a dot and `workspace` may follow.
const KEYS: [&str; 8] =
    ["description", "readme", "keywords", "categories", "version", "edition", "rust-version", "license"];
/// What a registry takes.
const KEYWORDS_MAX: usize = 5;
const KEYWORD_MAX: usize = 20;

/// The text of `[package]`.
fn package(manifest: &str) -> Option<&str> {
    let begun = manifest.split_once("[package]\n")?.1;
    Some(begun.split("\n[").next().unwrap_or(begun))
}

#[test]
fn every_manifest_says_what_the_crate_is() {
    let manifests: Vec<_> = written(&["Cargo.toml"]).into_iter().filter(|(_, text)| package(text).is_some()).collect();
    assert!(manifests.len() > 10, "{}", manifests.len());
    let files: Vec<String> = written(&["README.md"]).into_iter().map(|(path, _)| path).collect();
    let mut missing = Vec::new();
    for (path, text) in &manifests {
        let lines: Vec<&str> = package(text).unwrap_or_default().lines().collect();
        let of = |key: &str| {
            let value = |line: &&str| {
                line.strip_prefix(key).is_some_and(|rest| rest.starts_with(" =") || rest.starts_with(".workspace"))
            };
            lines.iter().copied().find(value)
        };
        missing.extend(KEYS.iter().filter(|key| of(key).is_none()).map(|key| format!("{path} has no {key}")));
        let readme = path.replace("Cargo.toml", "README.md");
        if !files.contains(&readme) {
            missing.push(format!("there is no {readme}"));
        }
        let words: Vec<&str> = of("keywords").unwrap_or_default().split('"').skip(1).step_by(2).collect();
        if words.is_empty() || words.len() > KEYWORDS_MAX || words.iter().any(|word| word.len() > KEYWORD_MAX) {
            missing.push(format!(
                "{path}: a registry takes 1 to {KEYWORDS_MAX} keywords of at most {KEYWORD_MAX} letters, not {words:?}"
            ));
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}
