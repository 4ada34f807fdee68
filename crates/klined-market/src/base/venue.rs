//! The exchange that a code of an A-share belongs to.

use super::Symbol;

/// An exchange of A-shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Venue {
    /// The Shanghai Stock Exchange.
    Shanghai,
    /// The Shenzhen Stock Exchange.
    Shenzhen,
    /// The Beijing Stock Exchange.
    Beijing,
}

impl Venue {
    /// The exchange of a code of six digits; none of any other symbol.
    #[must_use]
    pub fn of(symbol: &Symbol) -> Option<Self> {
        let code = symbol.as_str().as_bytes();
        let is_code = code.len() == 6 && code.iter().all(u8::is_ascii_digit);
        match code.first().filter(|_| is_code)? {
            b'6' => Some(Self::Shanghai),
            b'0' | b'3' => Some(Self::Shenzhen),
            b'4' | b'8' | b'9' => Some(Self::Beijing),
            _ => None,
        }
    }

    /// As codes have it before or after them: `SH`.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::Shanghai => "SH",
            Self::Shenzhen => "SZ",
            Self::Beijing => "BJ",
        }
    }

    /// The abbreviation of its name: `SSE`.
    #[must_use]
    pub fn long(self) -> &'static str {
        match self {
            Self::Shanghai => "SSE",
            Self::Shenzhen => "SZSE",
            Self::Beijing => "BSE",
        }
    }
}
