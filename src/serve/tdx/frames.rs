//! Frames. A request has ten bytes of head, `0c`, five bytes that the answer repeats in part, and its length twice; then its method and
//! its parameters. An answer has sixteen bytes of head, and its length before and after compression, which are the same here.

use klined_market::base::Symbol;

/// Bytes of the head of a request.
pub const HEAD: usize = 10;
/// The most bytes that follow a request's head: a question for the quotes of a hundred stocks has fewer.
const BODY_MOST: usize = 1024;
/// The most bytes of an answer, whose length has 16 bits.
const ANSWER_MOST: usize = 65_535;
const BEGINS: u8 = 0x0c;
const ANSWER_BEGINS: [u8; 4] = [0xb1, 0xcb, 0x74, 0x00];
/// Bytes of a stock's code, which zeros fill up.
const CODE: usize = 6;
/// The most stocks in a question for quotes.
pub const QUOTES_MOST: usize = 80;

/// What an answer repeats of a request, and how many bytes follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    repeated: [u8; 5],
    pub length: usize,
}

impl Head {
    /// None where the bytes are no head of a request, or of one that is too long.
    pub fn parse(bytes: &[u8; HEAD]) -> Option<Self> {
        let [begins, one, two, three, four, _, lengths @ ..] = *bytes;
        let [low, high, low_again, high_again] = lengths;
        let length = usize::from(u16::from_le_bytes([low, high]));
        let is_right = begins == BEGINS && (low, high) == (low_again, high_again) && (2..=BODY_MOST).contains(&length);
        is_right.then_some(Self { repeated: [begins, one, two, three, four], length })
    }

    /// The whole answer. A longer one than the protocol has is empty, which clients take for an error.
    pub fn answer(&self, method: u16, body: &[u8]) -> Vec<u8> {
        let body = if body.len() > ANSWER_MOST { &[][..] } else { body };
        let length = (body.len() as u16).to_le_bytes();
        let mut answer = Vec::with_capacity(16 + body.len());
        answer.extend(ANSWER_BEGINS);
        answer.extend(self.repeated);
        answer.push(0);
        answer.extend(method.to_le_bytes());
        answer.extend(length);
        answer.extend(length);
        answer.extend(body);
        answer
    }
}

/// A stock as a client names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockCode {
    /// 0 is Shenzhen, 1 Shanghai, 2 Beijing.
    pub market: u16,
    pub code: [u8; CODE],
}

impl StockCode {
    /// The symbol of that name; none where it is no symbol.
    pub fn symbol(&self) -> Option<Symbol> {
        let length = self.code.iter().position(|byte| *byte == 0).unwrap_or(CODE);
        std::str::from_utf8(&self.code[..length]).ok()?.parse().ok()
    }
}

/// The bytes of a symbol's code; none where it is longer.
pub fn code_of(symbol: &Symbol) -> Option<[u8; CODE]> {
    let text = symbol.as_str().as_bytes();
    let mut code = [0; CODE];
    code.get_mut(..text.len())?.copy_from_slice(text);
    Some(code)
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// A greeting, or a sign of life.
    Greeting,
    Count {
        market: u16,
    },
    List {
        market: u16,
        start: u16,
    },
    Bars {
        stock: StockCode,
        category: u16,
        start: u16,
        count: u16,
    },
    Quotes(Vec<StockCode>),
    /// Minutes of a day; of the present one without a date.
    Minutes {
        stock: StockCode,
        date: Option<u32>,
    },
    /// Trades of a day, counted back from its last one.
    Trades {
        stock: StockCode,
        start: u16,
        count: u16,
        date: Option<u32>,
    },
    /// Dividends and splits.
    Corporate(StockCode),
    /// Anything else that the vendor has.
    Other,
}

/// Reads numbers and codes from the front of some bytes.
struct Reading<'b>(&'b [u8]);

impl Reading<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn short(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn long(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn stock(&mut self) -> Option<StockCode> {
        Some(StockCode { market: self.short()?, code: self.take()? })
    }

    /// A stock whose market has one byte.
    fn short_stock(&mut self) -> Option<StockCode> {
        let [market] = self.take()?;
        Some(StockCode { market: market.into(), code: self.take()? })
    }
}

/// The method of a request, and what it asks for; none where its parameters are none of its method.
pub fn question(body: &[u8]) -> Option<(u16, Question)> {
    let mut reading = Reading(body);
    let method = reading.short()?;
    let question = match method {
        0x0004 | 0x000d | 0x0fdb => Question::Greeting,
        0x044e => Question::Count { market: reading.short()? },
        0x0450 => Question::List { market: reading.short()?, start: reading.short()? },
        0x052d => {
            let (stock, category) = (reading.stock()?, reading.short()?);
            reading.short()?;
            Question::Bars { stock, category, start: reading.short()?, count: reading.short()? }
        }
        0x053e => {
            reading.take::<8>()?;
            let count = usize::from(reading.short()?);
            if count > QUOTES_MOST {
                return None;
            }
            Question::Quotes((0..count).map(|_| reading.short_stock()).collect::<Option<_>>()?)
        }
        0x051d => Question::Minutes { stock: reading.stock()?, date: None },
        0x0fb4 => {
            let date = reading.long()?;
            Question::Minutes { stock: reading.short_stock()?, date: Some(date) }
        }
        0x0fc5 => {
            let stock = reading.stock()?;
            Question::Trades { stock, start: reading.short()?, count: reading.short()?, date: None }
        }
        0x0fb5 => {
            let (date, stock) = (reading.long()?, reading.stock()?);
            Question::Trades { stock, start: reading.short()?, count: reading.short()?, date: Some(date) }
        }
        0x000f => {
            reading.short()?;
            Question::Corporate(reading.short_stock()?)
        }
        _ => Question::Other,
    };
    Some((method, question))
}

/// Reads what a client may send, for the test of every parser.
#[cfg(test)]
pub fn read(bytes: &[u8]) {
    if let Some(head) = bytes.first_chunk().and_then(Head::parse) {
        assert!((2..=BODY_MOST).contains(&head.length));
    }
    if let Some((_, Question::Quotes(stocks))) = question(bytes) {
        assert!(stocks.len() <= QUOTES_MOST);
        assert!(stocks.iter().all(|stock| stock.symbol().is_none_or(|symbol| symbol.as_str().len() <= CODE)));
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_break_a_parser(mut bytes in prop::collection::vec(any::<u8>(), 0..1200), method in 0_usize..11) {
            read(&bytes);
            // The same as parameters of a method that there is.
            let methods = [0x44e_u16, 0x450, 0x52d, 0x53e, 0x51d, 0xfb4, 0xfc5, 0xfb5, 0x0f, 0x0d, 0x04];
            bytes.splice(0..bytes.len().min(2), methods[method].to_le_bytes());
            read(&bytes);
        }

        #[test]
        fn a_code_is_read_as_it_was_written(text in "[A-Za-z0-9._^=:/-]{1,6}", market in 0_u16..3) {
            let symbol: Symbol = text.parse().unwrap();
            let code = code_of(&symbol).unwrap();
            prop_assert_eq!(StockCode { market, code }.symbol(), Some(symbol));
        }
    }

    /// Requests as published clients send them.
    #[test]
    fn requests_are_those_of_the_vendors_clients() {
        let of = |market, code: &[u8; 6]| StockCode { market, code: *code };
        for (request, expected) in [
            ("0c0218930001030003000d0001", Question::Greeting),
            ("0c0c186c0001080008004e04010075c73301", Question::Count { market: 1 }),
            ("0c011864010106000600500400000100", Question::List { market: 0, start: 1 }),
            (
                "0c01086401011c001c002d0500003030303030310900010000000a0000000000000000000000",
                Question::Bars { stock: of(0, b"000001"), category: 9, start: 0, count: 10 },
            ),
            (
                "0c1b080001010e000e001d05010036303030303000000000",
                Question::Minutes { stock: of(1, b"600000"), date: None },
            ),
            ("0c1f187600010b000b000f00010001363030303030", Question::Corporate(of(1, b"600000"))),
            ("0c1f187600010b000b001000010001363030303030", Question::Other),
        ] {
            let bytes = HEXLOWER.decode(request.as_bytes()).unwrap();
            let head = Head::parse(bytes.first_chunk().unwrap()).unwrap();
            assert_eq!(head.length, bytes.len() - HEAD, "{request}");
            let (method, found) = question(&bytes[HEAD..]).unwrap();
            assert_eq!(found, expected, "{request}");
            let answer = head.answer(method, &[1, 2, 3]);
            assert_eq!((&answer[..4], &answer[4..9], answer.len()), (&ANSWER_BEGINS[..], &bytes[..5], 19));
            assert_eq!((&answer[10..12], &answer[12..16]), (&bytes[HEAD..HEAD + 2], &[3, 0, 3, 0][..]));
        }
        for wrong in [
            "0d0218930001030003000d00",
            "0c0218930001030004000d00",
            "0c0218930001010001000d00",
            "0c0218930001ffffffff0d00",
        ] {
            let bytes = HEXLOWER.decode(wrong.as_bytes()).unwrap();
            assert_eq!(Head::parse(bytes.first_chunk().unwrap()), None, "{wrong}");
        }
        // A question for more quotes than one may ask for.
        assert_eq!(question(&[&[0x3e, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, 81, 0][..], &[0; 7 * 81]].concat()), None);
    }
}
