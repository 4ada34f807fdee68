//! A file of keys in which one key gets another secret, and everything else stays as somebody wrote it.

use data_encoding::HEXLOWER;
use thiserror::Error;

use super::keys::{InvalidKeys, Keys, digest};

/// Why a key cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CannotReplace {
    #[error(transparent)]
    Invalid(#[from] InvalidKeys),
    #[error("no key has the id or the name \"{0}\"; `klined keys list` shows the keys")]
    Unknown(String),
    #[error("several keys have the name \"{0}\"; give the id of one of them: {1}")]
    Ambiguous(String, String),
    #[error("the sha256 of key {0} must stand in the file once, as 64 digits; write it so")]
    Digest(String),
}

/// The text of a file of keys with another secret for the key of an id, or of a name that only one key has; and the id.
///
/// # Errors
/// The file is not valid, or there is no such key or more than one.
pub fn with_secret(text: &str, wanted: &str, secret: &str) -> Result<(String, String), CannotReplace> {
    let keys = Keys::parse(text)?;
    let named: Vec<&str> = keys.holders().filter(|(_, holder)| holder.name == wanted).map(|(id, _)| id).collect();
    let id = match (keys.holders().find(|(id, _)| *id == wanted), named.as_slice()) {
        (Some((id, _)), _) | (None, &[id]) => id,
        (None, []) => return Err(CannotReplace::Unknown(wanted.to_owned())),
        (None, ids) => return Err(CannotReplace::Ambiguous(wanted.to_owned(), ids.join(", "))),
    };
    let unusable = || CannotReplace::Digest(id.to_owned());
    let old = keys.holders().find(|(other, _)| *other == id).map(|(_, holder)| HEXLOWER.encode(holder.digest()));
    let old = old.ok_or_else(unusable)?;
    // Letters of ASCII keep their place in small letters.
    let small = text.to_ascii_lowercase();
    let mut places = small.match_indices(&old).map(|(place, _)| place);
    let (Some(place), None) = (places.next(), places.next()) else { return Err(unusable()) };
    let new = HEXLOWER.encode(&digest(secret));
    let replaced = format!("{}{new}{}", &text[..place], &text[place + old.len()..]);
    Keys::parse(&replaced)?;
    Ok((replaced, id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::keys::entry;
    use super::*;

    #[test]
    fn one_key_gets_another_secret_and_the_rest_of_the_file_stays() {
        let limits = "requests_per_second = 5 # of the \"friend\"\n\n";
        let text = format!("# ours\n{}{limits}{}", entry("friend", "abc", "old"), entry("b", "b", "x"));
        for wanted in ["abc", "friend"] {
            let (replaced, id) = with_secret(&text, wanted, "new").unwrap();
            assert_eq!(id, "abc");
            assert_eq!(replaced, format!("# ours\n{}{limits}{}", entry("friend", "abc", "new"), entry("b", "b", "x")));
            let keys = Keys::parse(&replaced).unwrap();
            assert!(keys.find("abc.new").is_some() && keys.find("abc.old").is_none() && keys.find("b.x").is_some());
        }
        let shouted = text.replace(&HEXLOWER.encode(&digest("old")), &HEXLOWER.encode(&digest("old")).to_uppercase());
        assert!(Keys::parse(&with_secret(&shouted, "abc", "new").unwrap().0).unwrap().find("abc.new").is_some());
    }

    #[test]
    fn a_key_that_is_not_there_once_is_not_replaced() {
        let twins = format!("{}{}", entry("a", "a", "same"), entry("a", "b", "same"));
        assert_eq!(with_secret(&twins, "c", "new"), Err(CannotReplace::Unknown("c".to_owned())));
        assert_eq!(with_secret(&twins, "a", "new").err(), Some(CannotReplace::Digest("a".to_owned())));
        let others = format!("{}{}", entry("n", "a", "x"), entry("n", "b", "y"));
        assert_eq!(with_secret(&others, "n", "new"), Err(CannotReplace::Ambiguous("n".to_owned(), "a, b".to_owned())));
        assert!(matches!(with_secret("[[key]]", "n", "new"), Err(CannotReplace::Invalid(_))));
    }
}
