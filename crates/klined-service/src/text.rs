//! Text files as editors of all systems write them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most bytes that a configuration file may have.
pub const BYTES_MAX: u64 = 16 << 20;

/// Reads a text file. Byte-order marks are understood (UTF-8 and UTF-16), and every line break becomes `\n`.
///
/// # Errors
/// The file cannot be read, is longer than [`BYTES_MAX`], or is not UTF-8 and has no mark of UTF-16; the message says in which line.
pub fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(invalid(format!("it has more than {BYTES_MAX} bytes")));
    }
    decode(&bytes).map_err(invalid)
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// Makes a text of a file's bytes, as [`read`] does.
///
/// # Errors
/// The bytes are not UTF-8 and have no mark of UTF-16.
pub fn decode(bytes: &[u8]) -> Result<String, String> {
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest)?,
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        bytes => utf8(bytes)?,
    };
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        format!("line {line} is not UTF-8, but another encoding such as GBK; save it as UTF-8")
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16(&units)
        .ok()
        .filter(|_| rest.is_empty())
        .ok_or_else(|| "it begins as UTF-16 and is not; save it as UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `名称` in GBK.
    const GBK: [u8; 4] = [0xC3, 0xFB, 0xB3, 0xC6];

    #[test]
    fn all_editors_and_systems_write_the_same_text() {
        let text = "name = \"名\"\nb = 1\n";
        let utf16 = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| {
            [mark.to_vec(), text.encode_utf16().flat_map(unit).collect::<Vec<u8>>()].concat()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            text.replace('\n', "\r\n").into_bytes(),
            text.replace('\n', "\r").into_bytes(),
            utf16([0xFF, 0xFE], u16::to_le_bytes),
            utf16([0xFE, 0xFF], u16::to_be_bytes),
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok(text), "{bytes:?}");
        }
        assert_eq!(decode(b""), Ok(String::new()));
    }

    #[test]
    fn another_encoding_is_refused_with_the_line() {
        let error = decode(&[&b"symbol,name\nA,"[..], &GBK].concat()).unwrap_err();
        assert!(error.contains("line 2") && error.contains("save it as UTF-8"), "{error}");
        for bytes in [&[0xFF, 0xFE, 0x41][..], &[0xFF, 0xFE, 0x00, 0xD8]] {
            assert!(decode(bytes).unwrap_err().contains("save it as UTF-8"));
        }
    }
}
