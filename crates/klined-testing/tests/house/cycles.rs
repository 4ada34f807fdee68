//! No two files need each other, directly or by way of others.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Names, Use, house};
use super::sources::{SOURCES, Source};

/// Whether a use counts. Unit tests may use anything, and a file may use the head of its own folder, which says what the files of
/// the folder share and puts them together.
fn counts(found: &Use, sources: &[Source]) -> bool {
    let (user, used) = (&sources[found.user], &sources[found.used]);
    let is_own_head = user.krate == used.krate && user.module.split_last().is_some_and(|(_, head)| head == used.module);
    !found.is_test && !is_own_head
}

/// Which files each one needs.
fn graph(uses: &[Use], sources: &[Source]) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut graph: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for found in uses.iter().filter(|found| counts(found, sources)) {
        graph.entry(found.user).or_default().insert(found.used);
    }
    graph
}

/// Everything that a file needs, by way of others too.
fn reach(graph: &BTreeMap<usize, BTreeSet<usize>>, from: usize) -> BTreeSet<usize> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        open.extend(graph.get(&file).into_iter().flatten().copied().filter(|&next| reached.insert(next)));
    }
    reached
}

/// The sets of files that need each other.
fn knots(uses: &[Use], sources: &[Source]) -> Vec<BTreeSet<usize>> {
    let graph = graph(uses, sources);
    let reached: BTreeMap<usize, BTreeSet<usize>> = graph.keys().map(|&file| (file, reach(&graph, file))).collect();
    let knot = |file: usize| -> BTreeSet<usize> {
        reached[&file]
            .iter()
            .copied()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(&file)))
            .collect()
    };
    let knots: BTreeSet<BTreeSet<usize>> = graph.keys().map(|&file| knot(file)).filter(|knot| knot.len() > 1).collect();
    knots.into_iter().collect()
}

#[test]
fn no_two_files_need_each_other() {
    let (uses, lost) = Names::of(&SOURCES).uses();
    assert!(lost.is_empty(), "paths that lead nowhere, so that this check is blind to them:\n{}", lost.join("\n"));
    let mut report = String::new();
    for knot in knots(&uses, &SOURCES) {
        report.push_str("\nthese files need each other:\n");
        for found in uses.iter().filter(|found| counts(found, &SOURCES)) {
            if knot.contains(&found.user) && knot.contains(&found.used) {
                let (user, used) = (&SOURCES[found.user].path, &SOURCES[found.used].path);
                report.push_str(&format!("  {user} -> {used} ({})\n", found.path));
            }
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn a_cycle_is_found_and_a_module_that_hands_its_children_on_is_none() {
    let found = |files: &[(&str, &str)]| {
        let sources = house(files);
        let named =
            |knot: &BTreeSet<usize>| knot.iter().map(|&file| sources[file].module.join("::")).collect::<Vec<_>>();
        knots(&Names::of(&sources).uses().0, &sources).iter().map(named).collect::<Vec<_>>()
    };
    let root = ("", "mod a; mod b; mod c;");
    let through_three = [root, ("a", "use crate::b::B; pub struct A;"), ("b", "use crate::c::C; pub struct B;")];
    let closed = [&through_three[..], &[("c", "pub struct C; fn f() -> crate::a::A {}")]].concat();
    assert_eq!(found(&closed), [["a", "b", "c"]]);
    let open = [&through_three[..], &[("c", "pub struct C; #[cfg(test)] mod tests { use crate::a::A; }")]].concat();
    assert!(found(&open).is_empty());
    let handed_on = [
        root,
        ("a", "mod one; mod two; pub use one::One; pub use two::Two;"),
        ("a::one", "use super::Two; pub struct One;"),
    ];
    assert!(found(&[&handed_on[..], &[("a::two", "pub struct Two;")]].concat()).is_empty());
    let both_ways = [&handed_on[..], &[("a::two", "pub struct Two; use super::One;")]].concat();
    assert_eq!(found(&both_ways), [["a::one", "a::two"]]);
}
