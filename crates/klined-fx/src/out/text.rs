//! Instants and numbers as text.

use std::io::Write;

/// Appends an instant in Unix nanoseconds as ISO 8601 in UTC with so many decimals of a second.
pub fn push_instant(text: &mut Vec<u8>, nanos: i64, decimals: usize) {
    let (second, nanos) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let fraction = format!("{nanos:09}");
    let instant = chrono::DateTime::from_timestamp(second, 0).unwrap_or_default();
    push(text, format_args!("{}.{}Z", instant.format("%Y-%m-%dT%H:%M:%S"), &fraction[..decimals]));
}

/// Appends what is formatted.
pub fn push(text: &mut Vec<u8>, what: std::fmt::Arguments) {
    // Writing to a vector cannot fail.
    let _ = text.write_fmt(what);
}

/// The canonical form of a UUID.
#[must_use]
pub fn uuid(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
