//! Numbers as TDX writes them: signed whole numbers of a varying length, and floating-point numbers of 32 bits.

/// Bits of a number that its first byte has, beside its sign.
const FIRST_BITS: u32 = 6;
/// Bits that each further byte has.
const FURTHER_BITS: u32 = 7;
const SIGN: u8 = 0x40;
const CONTINUES: u8 = 0x80;

/// Appends a whole number: the sign and the lowest six bits, then seven bits a byte while there are more.
pub fn put_signed(to: &mut Vec<u8>, number: i64) {
    let mut rest = number.unsigned_abs();
    let mut byte = (rest & ((1 << FIRST_BITS) - 1)) as u8;
    rest >>= FIRST_BITS;
    if number < 0 {
        byte |= SIGN;
    }
    while rest > 0 {
        to.push(byte | CONTINUES);
        byte = (rest & ((1 << FURTHER_BITS) - 1)) as u8;
        rest >>= FURTHER_BITS;
    }
    to.push(byte);
}

/// Appends a number of 16 bits.
pub fn put_short(to: &mut Vec<u8>, number: u16) {
    to.extend(number.to_le_bytes());
}

/// Appends a number of volumes and turnovers, to the nearest of 24 bits.
pub fn put_float(to: &mut Vec<u8>, number: f64) {
    to.extend((number as f32).to_le_bytes());
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a whole number as clients do. Gives what follows it.
    pub fn read_signed(bytes: &[u8]) -> Option<(i64, &[u8])> {
        let (first, mut rest) = bytes.split_first()?;
        let (mut number, mut shift, mut byte) = (i128::from(first & 0x3f), FIRST_BITS, *first);
        while byte & CONTINUES != 0 {
            let (next, after) = rest.split_first()?;
            number += i128::from(next & 0x7f) << shift;
            (shift, byte, rest) = (shift + FURTHER_BITS, *next, after);
        }
        let signed = if first & SIGN == 0 { number } else { -number };
        Some((i64::try_from(signed).ok()?, rest))
    }

    proptest! {
        #[test]
        fn a_whole_number_is_read_as_it_was_written(numbers in prop::collection::vec(any::<i64>(), 1..5)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|number| put_signed(&mut bytes, *number));
            let mut rest = &bytes[..];
            for number in numbers {
                let (read, after) = read_signed(rest).unwrap();
                prop_assert_eq!(read, number);
                rest = after;
            }
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn numbers_are_those_that_the_vendor_sends() {
        // From the comments of a published client: an answer of minutes begins with 2829, and goes on with 2 and 131.
        for (number, bytes) in
            [(0_i64, &[0x00_u8][..]), (546, &[0xa2, 0x08]), (-206, &[0xce, 0x03]), (2829, &[0x8d, 0x2c])]
        {
            let mut written = Vec::new();
            put_signed(&mut written, number);
            assert_eq!(written, bytes, "{number}");
        }
        let mut written = Vec::new();
        put_float(&mut written, 355_341.0);
        assert_eq!(written, [0xa0, 0x81, 0xad, 0x48]);
    }
}
