//! Texts in GBK, as clients of Chinese vendors read them.

use encoding_rs::GBK;

/// A text in GBK. A letter that GBK does not have is a question mark.
#[must_use]
pub fn gbk(text: &str) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len());
    for letter in text.chars() {
        let mut buffer = [0; 4];
        match GBK.encode(letter.encode_utf8(&mut buffer)) {
            (bytes, _, false) => encoded.extend_from_slice(&bytes),
            (_, _, true) => encoded.push(b'?'),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gbk_does_not_have_is_a_question_mark() {
        assert_eq!(gbk("浦发 A😀"), b"\xc6\xd6\xb7\xa2 A?");
    }
}
