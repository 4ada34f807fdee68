//! Names of variables that are misspelt, and which one is meant.

use std::collections::BTreeSet;

/// The least likeness, from 0 to 1, of a name that is suggested.
const LIKENESS_MIN: f64 = 0.8;
/// The least likeness of a name with [`SHARED`] that is taken for a misspelt one.
const MISSPELT_MIN: f64 = 0.95;
/// The beginning of names that no other program uses.
const OURS: &str = "KLINED_";
/// The beginning of names that other programs use too.
const SHARED: &str = "DB_";

/// Whether a variable that is not among those of the programs is a misspelt one of theirs.
pub fn is_misspelt(name: &str, known: &BTreeSet<String>) -> bool {
    let is_near = || known.iter().any(|known| strsim::jaro_winkler(name, known) >= MISSPELT_MIN);
    !known.contains(name) && (name.starts_with(OURS) || name.starts_with(SHARED) && is_near())
}

/// The end of a message about a name that is not known: the nearest one, where one is near.
pub fn nearest(name: &str, known: &BTreeSet<String>) -> String {
    let likeness = |known: &&String| strsim::jaro_winkler(name, known);
    let best = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match best.filter(|best| likeness(best) >= LIKENESS_MIN) {
        Some(best) => format!("; the nearest one is {best}"),
        None => "; docs/CONFIGURATION.md lists all".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let known = BTreeSet::from(["KLINED_SPEED", "KLINED_SEED", "KLINED_API_ADDR"].map(str::to_owned));
        for (name, found) in [
            ("KLINED_SPED", "KLINED_SPEED"),
            ("KLINED_SEDE", "KLINED_SEED"),
            ("KLINED_API_ADDRESS", "KLINED_API_ADDR"),
            ("KLINED_APIADDR", "KLINED_API_ADDR"),
        ] {
            assert_eq!(nearest(name, &known), format!("; the nearest one is {found}"), "{name}");
        }
        assert!(nearest("KLINED_QXZW", &BTreeSet::new()).contains("CONFIGURATION"));
    }

    #[test]
    fn names_of_other_programs_are_left_alone() {
        let known = BTreeSet::from(["KLINED_SPEED", "DB_POOL_SIZE", "DB_TIMEOUT_SECONDS"].map(str::to_owned));
        for (name, is_wrong) in [
            ("KLINED_X", true),
            ("DB_POOLSIZE", true),
            ("DB_TIMEOUT_SECOND", true),
            ("KLINED_SPEED", false),
            ("DB_HOST", false),
            ("DB_PASSWORD", false),
            ("DATABASE_URL", false),
            ("PATH", false),
        ] {
            assert_eq!(is_misspelt(name, &known), is_wrong, "{name}");
        }
    }
}
