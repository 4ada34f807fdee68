//! The documents: the server keeps to its OpenAPI document, and the pages for readers lead to things that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::programs::assert_has;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_server_answers_as_its_document_says_whatever_is_asked() {
    let script = root().join("tests/schemathesis.sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_klined")).parent().unwrap();
    let output = Command::new(&script).arg(programs).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert_has(&text, &["schemathesis.sh: ok"]);
}

/// Every page for readers: those of the top level, of `docs/` and of the crates.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![root().to_owned(), root().join("docs")];
    folders.extend(fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// A page without its fenced blocks, and the fenced blocks.
fn parts(page: &str) -> (String, String) {
    let (mut prose, mut code, mut is_code) = (String::new(), String::new(), false);
    for line in page.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else {
            let part = if is_code { &mut code } else { &mut prose };
            part.push_str(line);
            part.push('\n');
        }
    }
    (prose, code)
}

/// The anchors of a page, as forges make them from its headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let (prose, _) = parts(page);
    let headings = prose
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let anchor = |heading: &str| -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
    };
    headings.map(|heading| anchor(heading.trim())).collect()
}

/// The targets of the links and pictures of a page.
fn targets(page: &str) -> Vec<String> {
    let (prose, _) = parts(page);
    let ends = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    ends.map(str::to_owned).collect()
}

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_heading_of_the_repository() {
    let mut links = 0;
    let mut broken = vec![];
    for path in pages() {
        let page = read(&path);
        for target in targets(&page).iter().filter(|target| !target.contains("://")) {
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let is_there = file.exists() && (anchor.is_empty() || anchors(&read(&file)).contains(anchor));
            if !is_there {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    assert!(links > 100, "only {links} links were found");
}

/// Every Rust source of the programs and the crates.
fn sources() -> String {
    fn add(folder: &Path, text: &mut String) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                add(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&read(&path));
            }
        }
    }
    let mut text = String::new();
    add(&root().join("src"), &mut text);
    add(&root().join("crates"), &mut text);
    text
}

#[test]
fn every_type_of_the_glossary_exists_and_every_term_stands_once() {
    let sources = sources();
    let words: Vec<&str> =
        sources.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).collect();
    let pairs = words.windows(2).filter(|pair| ["struct", "enum", "trait", "type"].contains(&pair[0]));
    let types: BTreeSet<&str> = pairs.map(|pair| pair[1]).collect();
    let page = read(&root().join("docs/GLOSSARY.md"));
    let (mut terms, mut found) = (BTreeSet::new(), 0);
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| term |")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [term, name, meaning] = cells[..] else { panic!("not three cells: {row}") };
        assert!(terms.insert(term), "{term} stands twice");
        assert!(meaning.ends_with('.') && meaning.len() > 10, "no sentence: {row}");
        if !name.is_empty() {
            found += 1;
            assert!(types.contains(name.trim_matches('`')), "no type {name} is declared: {row}");
        }
    }
    assert!(terms.len() > 100 && found > 40, "only {} terms and {found} types were found", terms.len());
}

#[test]
fn both_readmes_are_short_and_show_the_same_commands_and_links() {
    let pages = ["README.md", "README.zh-CN.md"].map(|name| read(&root().join(name)));
    let commands = pages.each_ref().map(|page| {
        let (_, code) = parts(page);
        let lines = code.lines().map(|line| line.split(" # ").next().unwrap_or_default().trim_end().to_owned());
        lines.filter(|line| !line.starts_with("//")).collect::<Vec<_>>()
    });
    assert_eq!(commands[0], commands[1]);
    let links = pages
        .each_ref()
        .map(|page| targets(page).into_iter().filter(|target| !target.starts_with("README")).collect::<BTreeSet<_>>());
    assert_eq!(links[0], links[1]);
    for page in pages {
        assert!(page.lines().count() <= 150, "a README has at most 150 lines");
    }
}
