//! Comparisons of whole tables and long texts that say in a line what is wrong.

use std::fmt::Debug;

/// How much of a text a failure shows, in characters.
const SHOWN_MAX: usize = 4_000;

/// Where two sequences differ first, in words; none when they are equal.
#[must_use]
pub fn first_difference<T: PartialEq + Debug>(ours: &[T], theirs: &[T]) -> Option<String> {
    let place = ours.iter().zip(theirs).position(|(our, their)| our != their);
    let place = place.or_else(|| (ours.len() != theirs.len()).then(|| ours.len().min(theirs.len())))?;
    let show = |items: &[T]| items.get(place).map_or_else(|| "nothing more".to_owned(), |item| format!("{item:?}"));
    let (our, their) = (show(ours), show(theirs));
    Some(format!("at {place} of {} and {}:\n  ours:   {our}\n  theirs: {their}", ours.len(), theirs.len()))
}

/// Two sequences are equal.
///
/// # Panics
/// They are not; the message shows the first difference only.
#[track_caller]
pub fn assert_same<T: PartialEq + Debug>(ours: &[T], theirs: &[T]) {
    if let Some(difference) = first_difference(ours, theirs) {
        panic!("the two differ {difference}");
    }
}

/// A text has all of these words.
///
/// # Panics
/// One is missing; the message shows the beginning of the text.
#[track_caller]
pub fn assert_has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no \"{word}\" in: {}", text.chars().take(SHOWN_MAX).collect::<String>());
    }
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn the_first_difference_is_found_also_where_one_side_ends() {
        assert_eq!(first_difference(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(first_difference::<u8>(&[], &[]), None);
        let of = |ours: &[u8], theirs: &[u8]| first_difference(ours, theirs).unwrap_or_default();
        assert_eq!(of(&[1, 2, 3], &[1, 5, 6]), "at 1 of 3 and 3:\n  ours:   2\n  theirs: 5");
        assert_eq!(of(&[1, 2], &[1, 2, 7]), "at 2 of 2 and 3:\n  ours:   nothing more\n  theirs: 7");
        assert_eq!(of(&[4], &[]), "at 0 of 1 and 0:\n  ours:   4\n  theirs: nothing more");
    }
}
