//! Which file a name comes from: every path of a source is followed, through re-exports, to the file that defines the item.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::iter::once;

use super::sources::Source;
use super::tokens::{closing, is_word, tokens};

/// A crate's name and the names of modules below it.
type ModulePath = Vec<String>;

/// What a name stands for in a module.
#[derive(Debug, Clone, PartialEq)]
enum Meaning {
    /// A module below.
    Module,
    /// Something that the module's file defines.
    Item,
    /// What was imported, as the path that was written.
    Import(Vec<String>),
}

/// Where a path leads.
enum Reached {
    Module(ModulePath),
    /// An item of this module.
    ItemOf(ModulePath),
    /// Something that is not in these sources.
    Outside,
    /// No name of these sources.
    Nothing,
}

/// A module and the names in it.
#[derive(Debug, Default)]
struct Module {
    /// The source's place among all.
    file: usize,
    /// One name may be a module's and an item's.
    names: HashMap<String, Vec<Meaning>>,
    /// The paths in its code, without those of modules inside.
    paths: Vec<Vec<String>>,
    is_test: bool,
    /// Whether a macro is called where items stand: it may define any name.
    has_macro: bool,
}

impl Module {
    fn define(&mut self, name: &str, meaning: Meaning) {
        self.names.entry(name.to_owned()).or_default().push(meaning);
    }
}

/// That a file uses something which another one defines, or a module of another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub user: usize,
    pub used: usize,
    /// The path as it is written.
    pub path: String,
    /// Whether only unit tests need it.
    pub is_test: bool,
}

/// All modules of all crates.
pub struct Names(BTreeMap<ModulePath, Module>);

/// The end of a path that brings in everything.
const ALL: &str = "*";
/// The words that begin an item with a name.
const DEFINES: [&str; 9] = ["struct", "enum", "union", "trait", "type", "const", "static", "fn", "macro_rules"];

impl Names {
    pub fn of(sources: &[Source]) -> Self {
        let mut names = Self(BTreeMap::new());
        for (file, source) in sources.iter().enumerate() {
            let path = [std::slice::from_ref(&source.krate), &source.module].concat();
            names.read(&source.tokens, &path, file, false);
        }
        names.export_macros(sources);
        names.mark_test_files();
        names
    }

    /// Macros with `#[macro_export]` have a name in their crate's root, too.
    fn export_macros(&mut self, sources: &[Source]) {
        for source in sources.iter().filter(|source| source.tokens.iter().any(|token| token == "macro_export")) {
            let defined = source.tokens.windows(3).filter(|words| words[0] == "macro_rules" && words[1] == "!");
            for name in defined.map(|words| words[2].clone()) {
                let path = [&[source.krate.clone()][..], &source.module, std::slice::from_ref(&name)].concat();
                self.0.entry(vec![source.krate.clone()]).or_default().define(&name, Meaning::Import(path));
            }
        }
    }

    /// A module's names and paths, and those of the modules inside it.
    fn read(&mut self, tokens: &[String], at: &ModulePath, file: usize, is_test: bool) {
        let mut module = Module { file, is_test, ..Module::default() };
        let (mut place, mut depth, mut is_test_item, mut is_exported) = (0, 0_usize, false, false);
        while let Some(token) = tokens.get(place) {
            let next = tokens.get(place + 1).map_or("", String::as_str);
            match token.as_str() {
                "!" if depth == 0 && matches!(next, "{" | "(" | "[") => module.has_macro = true,
                "#" if depth == 0 => {
                    let end = closing(tokens, place + 1 + usize::from(next == "!"));
                    is_test_item |= tokens[place..end].iter().any(|word| word == "cfg")
                        && tokens[place..end].iter().any(|word| word == "test");
                    is_exported |= tokens[place..end].iter().any(|word| word == "macro_export");
                    place = end;
                }
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth = depth.saturating_sub(1),
                "use" if is_word(next) || next == "{" || next == "::" => {
                    let end = place + tokens[place..].iter().position(|token| token == ";").unwrap_or_default();
                    for (path, name) in imports(&tokens[place + 1..end]) {
                        if depth == 0 && path.last().is_some_and(|last| last != ALL) {
                            module.define(&name, Meaning::Import(path.clone()));
                        }
                        // What is only handed on is not used here.
                        if !is_handed_on(tokens, place) {
                            module.paths.push(path);
                        }
                    }
                    place = end;
                }
                "mod" if depth == 0 && is_word(next) => {
                    module.define(next, Meaning::Module);
                    let below = [at.as_slice(), &[next.to_owned()]].concat();
                    if tokens[place + 2] == "{" {
                        let end = closing(tokens, place + 2);
                        self.read(&tokens[place + 3..end], &below, file, is_test || is_test_item);
                        place = end;
                    } else if is_test_item {
                        self.0.entry(below).or_default().is_test = true;
                    }
                }
                word if depth == 0 && DEFINES.contains(&word) => {
                    let name = if next == "!" { tokens.get(place + 2).map_or("", String::as_str) } else { next };
                    // `const fn` has its name later; `fn(…)` is a type and has none. An exported macro is the crate's.
                    if word == "macro_rules" && is_exported {
                        let path = [&["crate".to_owned()], &at[1..], &[name.to_owned()]].concat();
                        self.0.entry(at[..1].to_vec()).or_default().define(name, Meaning::Import(path));
                    }
                    if is_word(name) && !DEFINES.contains(&name) {
                        module.define(name, Meaning::Item);
                    }
                }
                word if is_word(word) && next == "::" && !follows_a_path(tokens, place) => {
                    let path = path_at(tokens, place);
                    place += 2 * path.len() - 2;
                    module.paths.push(path);
                }
                _ => {}
            }
            if depth == 0 && matches!(tokens.get(place).map(String::as_str), Some(";" | "}")) {
                (is_test_item, is_exported) = (false, false);
            }
            place += 1;
        }
        // It may have been met before, where it was declared or where a macro was exported.
        if let Some(known) = self.0.remove(at) {
            module.is_test |= known.is_test;
            module.names.extend(known.names);
        }
        self.0.insert(at.clone(), module);
    }

    /// What lies inside a module of tests is of tests.
    fn mark_test_files(&mut self) {
        let tests: HashSet<ModulePath> =
            self.0.iter().filter(|(_, module)| module.is_test).map(|(path, _)| path.clone()).collect();
        for (path, module) in &mut self.0 {
            module.is_test |= (1..path.len()).any(|length| tests.contains(&path[..length]));
        }
    }

    /// Where a path leads from a module on: to a module or, unless one is meant, rather to an item of that name.
    fn follow(&self, path: &[String], from: &[String], to_module: bool, limit: u8) -> Reached {
        let (Some(limit), Some((first, rest))) = (limit.checked_sub(1), path.split_first()) else {
            return Reached::Nothing;
        };
        let mut at: ModulePath = match first.as_str() {
            "crate" => from[..1].to_vec(),
            "self" => from.to_vec(),
            "super" => from[..from.len() - 1].to_vec(),
            // The name of a crate, unless something here has it.
            name if !self.0[from].names.contains_key(name) => match self.0.get(&path[..1]) {
                Some(_) => path[..1].to_vec(),
                None => return Reached::Outside,
            },
            name => match self.step(from, name, to_module || !rest.is_empty(), limit) {
                Reached::Module(reached) => reached,
                other => return other,
            },
        };
        for (name, left) in rest.iter().zip((0..rest.len()).rev()) {
            match name.as_str() {
                ALL => break,
                "super" => drop(at.pop()),
                name => match self.step(&at, name, to_module || left > 0, limit) {
                    Reached::Module(reached) => at = reached,
                    other => return other,
                },
            }
        }
        Reached::Module(at)
    }

    /// One name further from a module on.
    fn step(&self, at: &[String], name: &str, to_module: bool, limit: u8) -> Reached {
        let Some(module) = self.0.get(at) else { return Reached::Nothing };
        let reached = |meaning: &Meaning| match meaning {
            Meaning::Module => Reached::Module(at.iter().cloned().chain(once(name.to_owned())).collect()),
            Meaning::Item => Reached::ItemOf(at.to_vec()),
            // `use a` of a crate.
            Meaning::Import(import) if import.len() == 1 && import[0] == name => Reached::Outside,
            Meaning::Import(import) => self.follow(import, at, to_module, limit),
        };
        let mut all: Vec<Reached> = module.names.get(name).into_iter().flatten().map(reached).collect();
        all.sort_by_key(|reached| matches!(reached, Reached::Module(_)) != to_module);
        match all.into_iter().next() {
            Some(reached) => reached,
            None if module.has_macro => Reached::ItemOf(at.to_vec()),
            None => Reached::Nothing,
        }
    }

    /// Every use of an item that another file defines, and every path that cannot be followed: to a name that is not there, or
    /// to everything in another file.
    pub fn uses(&self) -> (Vec<Use>, Vec<String>) {
        let (mut uses, mut lost) = (Vec::new(), Vec::new());
        for (from, module) in &self.0 {
            for path in &module.paths {
                let (reached, is_item) = match self.follow(path, from, false, 16) {
                    Reached::Outside => continue,
                    Reached::Nothing => {
                        lost.push(format!("{} in {}", path.join("::"), from.join("::")));
                        continue;
                    }
                    Reached::Module(reached) => (reached, false),
                    Reached::ItemOf(reached) => (reached, true),
                };
                let target = &self.0[&reached];
                if path.last().is_some_and(|last| last == ALL) && target.file != module.file && !module.is_test {
                    lost.push(format!("{} in {}", path.join("::"), from.join("::")));
                }
                // Who only names a module uses nothing yet: what he takes out of it is a path of its own.
                if is_item && target.file != module.file {
                    let (user, used, is_test) = (module.file, target.file, module.is_test);
                    uses.push(Use { user, used, path: path.join("::"), is_test });
                }
            }
        }
        uses.sort();
        uses.dedup();
        (uses, lost)
    }
}

/// Whether the `use` at a place makes names known further up.
fn is_handed_on(tokens: &[String], place: usize) -> bool {
    place > 0 && matches!(tokens[place - 1].as_str(), "pub" | ")")
}

/// Whether the word at a place goes on with a path or a field, or is a lifetime.
fn follows_a_path(tokens: &[String], place: usize) -> bool {
    place > 0 && matches!(tokens[place - 1].as_str(), "::" | "." | "'")
}

/// The words that `::` joins, from a place on.
fn path_at(tokens: &[String], place: usize) -> Vec<String> {
    let mut path = vec![tokens[place].clone()];
    let mut at = place + 1;
    while tokens.get(at).is_some_and(|token| token == "::") && tokens.get(at + 1).is_some_and(|next| is_word(next)) {
        path.push(tokens[at + 1].clone());
        at += 2;
    }
    path
}

/// The paths that a `use` brings in, each with its name here.
fn imports(tree: &[String]) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    branch(tree, &[], &mut found);
    found
}

fn branch(tree: &[String], before: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let mut path = before.to_vec();
    let mut place = 0;
    while let Some(token) = tree.get(place) {
        match token.as_str() {
            "::" => {}
            "{" => {
                let end = closing(tree, place);
                for part in parts(&tree[place + 1..end]) {
                    branch(part, &path, found);
                }
                return;
            }
            "as" => {
                found.push((path, tree[place + 1].clone()));
                return;
            }
            // `use a::{self}` is a itself.
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        place += 1;
    }
    if let Some(name) = path.last().cloned() {
        found.push((path, name));
    }
}

/// What commas separate, outside of brackets.
fn parts(tree: &[String]) -> Vec<&[String]> {
    let (mut parts, mut start, mut place) = (Vec::new(), 0, 0);
    while place < tree.len() {
        match tree[place].as_str() {
            "{" => place = closing(tree, place),
            "," => {
                parts.push(&tree[start..place]);
                start = place + 1;
            }
            _ => {}
        }
        place += 1;
    }
    parts.push(&tree[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

/// Sources of a crate `house`, from modules and texts.
#[cfg(test)]
pub fn house(files: &[(&str, &str)]) -> Vec<Source> {
    let source = |&(module, text): &(&str, &str)| Source {
        krate: "house".to_owned(),
        path: format!("{module}.rs"),
        module: module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        tokens: tokens(text),
    };
    files.iter().map(source).collect()
}

#[test]
fn a_name_is_followed_to_the_file_that_defines_it() {
    let sources = house(&[
        ("", "pub mod a; pub mod b; mod c; pub fn root() {}"),
        ("a", "mod deep; pub use deep::Deep; pub(crate) use deep::{self as renamed, other}; pub struct Own;"),
        (
            "a::deep",
            "pub struct Deep; pub fn other() { super::Own; } const fn third() {} #[macro_export] macro_rules! made { () => {} }",
        ),
        (
            "b",
            "use crate::a::Deep; fn f() { let x: Vec<Deep> = crate::root(); std::mem::drop(x) } // crate::a::Own\n\
             #[cfg(test)] mod tests { use super::*; use house::a::{renamed::other, Own}; }",
        ),
        ("c::both", "use crate::a; pub fn a() { a::other(); crate::made!() }"),
        ("c", "mod both; use super::a; fn f() { a::other(); call!(\"{}\", crate::b::f()) } make! { Made }"),
        (
            "d",
            "use crate::{\n    a::{Own, nothing},\n    b::{self, f},\n    c::{self, Made},\n};\n fn g() { c::both::a() }",
        ),
    ]);
    let (uses, lost) = Names::of(&sources).uses();
    let shown = |file: usize| sources[file].path.trim_end_matches(".rs");
    let shown: Vec<String> = uses
        .iter()
        .map(|Use { user, used, path, is_test }| {
            format!("{} {} {path}{}", shown(*user), shown(*used), if *is_test { " test" } else { "" })
        })
        .collect();
    assert_eq!(
        shown,
        [
            "a::deep a super::Own",
            "b  crate::root",
            "b a house::a::Own test",
            "b a::deep crate::a::Deep",
            "b a::deep house::a::renamed::other test",
            "c::both a::deep a::other",
            "c::both a::deep crate::made",
            "c a::deep a::other",
            "c b crate::b::f",
            "d a crate::a::Own",
            "d b crate::b::f",
            "d c::both c::both::a",
            "d c crate::c::Made",
        ]
    );
    assert_eq!(lost, ["crate::a::nothing in house::d"]);
}
