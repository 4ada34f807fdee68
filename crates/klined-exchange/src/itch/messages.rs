//! The messages. All numbers are big-endian; times are nanoseconds since midnight in six bytes.

use thiserror::Error;

use crate::event::Side;

/// The longest message that is made here.
pub const MESSAGE_BYTES_MAX: usize = 39;

/// A stock of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// What messages name it by, from 1 on.
    pub locate: u16,
    /// The symbol, padded with blanks.
    pub name: [u8; 8],
    /// Of a ten-thousandth of a dollar.
    pub tick_size: u32,
}

/// A price that the format has no room for: it has four decimals, from 0 to 429,496.7295.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a price of {price_ticks} ticks of {tick_size} ten-thousandths is none that ITCH can hold")]
pub struct PriceRange {
    pub price_ticks: i32,
    pub tick_size: u32,
}

impl Stock {
    /// A stock by its symbol; nothing where that has more than eight characters.
    #[must_use]
    pub fn new(locate: u16, symbol: &str, tick_size: u32) -> Option<Self> {
        let mut name = [b' '; 8];
        let fits = symbol.len() <= name.len() && symbol.is_ascii() && !symbol.is_empty();
        fits.then(|| {
            name[..symbol.len()].copy_from_slice(symbol.as_bytes());
            Self { locate, name, tick_size }
        })
    }

    /// A price in ten-thousandths of a dollar.
    pub(crate) fn price(&self, price_ticks: i32) -> Result<u32, PriceRange> {
        let price = i64::from(price_ticks) * i64::from(self.tick_size);
        let range = PriceRange { price_ticks, tick_size: self.tick_size };
        u32::try_from(price).ok().filter(|price| *price > 0).ok_or(range)
    }
}

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// S: `O` start of messages, `S` of system hours, `Q` of market hours; `M`, `E` and `C` their ends.
    SystemEvent { ts_ns: u64, code: u8 },
    /// R: a stock that trades.
    StockDirectory { ts_ns: u64, stock: Stock },
    /// H: the stock trades.
    TradingAction { ts_ns: u64, stock: Stock },
    /// A: an order without attribution. The price in ten-thousandths of a dollar.
    AddOrder { ts_ns: u64, stock: Stock, reference: u64, side: Side, shares: u32, price: u32 },
    /// D: an order leaves the book.
    OrderDelete { ts_ns: u64, stock: Stock, reference: u64 },
    /// E: an order is executed at its price.
    OrderExecuted { ts_ns: u64, stock: Stock, reference: u64, shares: u32, match_number: u64 },
}

/// A buffer for one message.
struct Bytes {
    bytes: [u8; MESSAGE_BYTES_MAX],
    length: usize,
}

impl Bytes {
    fn put(&mut self, part: &[u8]) -> &mut Self {
        self.bytes[self.length..self.length + part.len()].copy_from_slice(part);
        self.length += part.len();
        self
    }

    fn head(kind: u8, locate: u16, ts_ns: u64) -> Self {
        let mut bytes = Self { bytes: [0; MESSAGE_BYTES_MAX], length: 0 };
        // No tracking number: that is the exchange's own.
        bytes.put(&[kind]).put(&locate.to_be_bytes()).put(&[0, 0]).put(&ts_ns.to_be_bytes()[2..]);
        bytes
    }
}

impl Message {
    /// Gives the message's bytes to `each`.
    pub fn encode<T>(&self, each: impl FnOnce(&[u8]) -> T) -> T {
        let mut bytes;
        match *self {
            Self::SystemEvent { ts_ns, code } => {
                bytes = Bytes::head(b'S', 0, ts_ns);
                bytes.put(&[code]);
            }
            Self::StockDirectory { ts_ns, stock } => {
                bytes = Bytes::head(b'R', stock.locate, ts_ns);
                // Category Q, status normal, round lots of one, all lots, common stock, live, no short sale threshold, no IPO, LULD tier
                // 1, no ETP, no leverage.
                bytes
                    .put(&stock.name)
                    .put(b"QN")
                    .put(&1u32.to_be_bytes())
                    .put(b"NCZ PN 1N")
                    .put(&0u32.to_be_bytes())
                    .put(b"N");
            }
            Self::TradingAction { ts_ns, stock } => {
                bytes = Bytes::head(b'H', stock.locate, ts_ns);
                bytes.put(&stock.name).put(b"T     ");
            }
            Self::AddOrder { ts_ns, stock, reference, side, shares, price } => {
                bytes = Bytes::head(b'A', stock.locate, ts_ns);
                let side = if side == Side::Bid { b"B" } else { b"S" };
                bytes.put(&reference.to_be_bytes()).put(side).put(&shares.to_be_bytes()).put(&stock.name);
                bytes.put(&price.to_be_bytes());
            }
            Self::OrderDelete { ts_ns, stock, reference } => {
                bytes = Bytes::head(b'D', stock.locate, ts_ns);
                bytes.put(&reference.to_be_bytes());
            }
            Self::OrderExecuted { ts_ns, stock, reference, shares, match_number } => {
                bytes = Bytes::head(b'E', stock.locate, ts_ns);
                bytes.put(&reference.to_be_bytes()).put(&shares.to_be_bytes()).put(&match_number.to_be_bytes());
            }
        }
        each(&bytes.bytes[..bytes.length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_lengths_and_places_of_the_specification() {
        let stock = Stock::new(3, "AAPL", 100).unwrap();
        let bytes = |message: Message| message.encode(<[u8]>::to_vec);
        let ts_ns = 0x0102_0304_0506;
        assert_eq!(bytes(Message::SystemEvent { ts_ns, code: b'O' }), b"S\0\0\0\0\x01\x02\x03\x04\x05\x06O");
        let directory = bytes(Message::StockDirectory { ts_ns, stock });
        assert_eq!(directory, b"R\0\x03\0\0\x01\x02\x03\x04\x05\x06AAPL    QN\0\0\0\x01NCZ PN 1N\0\0\0\0N");
        let action = bytes(Message::TradingAction { ts_ns, stock });
        assert_eq!(action, b"H\0\x03\0\0\x01\x02\x03\x04\x05\x06AAPL    T     ");
        let add = Message::AddOrder { ts_ns, stock, reference: 5, side: Side::Ask, shares: 1, price: 1_000_000 };
        let expected = b"A\0\x03\0\0\x01\x02\x03\x04\x05\x06\0\0\0\0\0\0\0\x05S\0\0\0\x01AAPL    \0\x0f\x42\x40";
        assert_eq!(bytes(add), expected);
        assert_eq!(bytes(Message::OrderDelete { ts_ns, stock, reference: 5 }).len(), 19);
        let executed = Message::OrderExecuted { ts_ns, stock, reference: 5, shares: 1, match_number: 9 };
        assert_eq!((directory.len(), expected.len(), bytes(executed).len()), (39, 36, 31));
    }

    #[test]
    fn what_the_format_has_no_room_for_is_refused() {
        assert_eq!(Stock::new(1, "ABCDEFGHI", 100), None);
        let stock = Stock::new(1, "A", 100).unwrap();
        assert_eq!(stock.price(10_000), Ok(1_000_000));
        assert!(stock.price(-1).is_err() && stock.price(0).is_err() && stock.price(i32::MAX).is_err());
    }
}
