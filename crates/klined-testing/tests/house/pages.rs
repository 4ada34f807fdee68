//! The pages for readers lead to things that exist, and both READMEs say the same.

use std::collections::BTreeSet;
use std::fs;

use klined_testing::repository;

use super::sources::written;

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
    for (path, page) in written(&[".md"]) {
        for target in targets(&page).iter().filter(|target| !target.contains("://")) {
            links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let page_file = repository(&path);
            let file = if file.is_empty() { page_file } else { page_file.parent().unwrap().join(file) };
            let is_there =
                file.exists() && (anchor.is_empty() || anchors(&fs::read_to_string(&file).unwrap()).contains(anchor));
            if !is_there {
                broken.push(format!("{path}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    assert!(links > 100, "only {links} links were found");
}

#[test]
fn both_readmes_are_short_and_show_the_same_commands_and_links() {
    let pages = ["README.md", "README.zh-CN.md"].map(|name| fs::read_to_string(repository(name)).unwrap());
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
