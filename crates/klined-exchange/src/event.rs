//! Order events as the log and the topic hold them.

use std::fmt;

/// Bytes of an encoded event.
pub const RECORD_BYTES: usize = 26;

/// What happened. The numbers are those of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EventType {
    /// A buy order is added.
    AddBid = 0,
    /// A sell order is added.
    AddAsk = 1,
    /// A buy order is cancelled.
    CancelBid = 2,
    /// A sell order is cancelled.
    CancelAsk = 3,
    /// A buyer takes from the best ask.
    ExecuteBuy = 4,
    /// A seller hits the best bid.
    ExecuteSell = 5,
}

/// Which side of the book an event changes. The numbers are those of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Side {
    Bid = 0,
    Ask = 1,
}

impl Side {
    /// The name that tables and text formats use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bid => "BID",
            Self::Ask => "ASK",
        }
    }
}

impl EventType {
    /// Every type, in order of its number.
    pub const ALL: [Self; 6] =
        [Self::AddBid, Self::AddAsk, Self::CancelBid, Self::CancelAsk, Self::ExecuteBuy, Self::ExecuteSell];

    /// The type of a number of the record.
    #[inline]
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        if (number as usize) < Self::ALL.len() { Some(Self::ALL[number as usize]) } else { None }
    }

    /// The side of the book that it changes: an execution by a buyer changes the asks.
    #[inline]
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::AddBid | Self::CancelBid | Self::ExecuteSell => Side::Bid,
            Self::AddAsk | Self::CancelAsk | Self::ExecuteBuy => Side::Ask,
        }
    }

    /// The name that tables and text formats use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddBid => "ADD_BID",
            Self::AddAsk => "ADD_ASK",
            Self::CancelBid => "CANCEL_BID",
            Self::CancelAsk => "CANCEL_ASK",
            Self::ExecuteBuy => "EXECUTE_BUY",
            Self::ExecuteSell => "EXECUTE_SELL",
        }
    }

    #[must_use]
    pub const fn is_add(self) -> bool {
        matches!(self, Self::AddBid | Self::AddAsk)
    }

    #[must_use]
    pub const fn is_execution(self) -> bool {
        matches!(self, Self::ExecuteBuy | Self::ExecuteSell)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One order event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Nanoseconds since midnight of the session's date, in the exchange's time.
    pub ts_ns: u64,
    pub event_type: EventType,
    /// The price level, in ticks. Below zero is possible in compatible mode.
    pub price_ticks: i32,
    /// Units: always 1 in compatible mode.
    pub qty: u32,
    /// 1, 2, 3 … over all events of a session.
    pub order_id: u64,
}

/// A record whose type or side no event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("type {event_type} with side {side} is no event: types are 0 to 5, each with one side")]
pub struct BadRecord {
    pub event_type: u8,
    pub side: u8,
}

impl Event {
    /// The side of the book that it changes.
    #[inline]
    #[must_use]
    pub const fn side(&self) -> Side {
        self.event_type.side()
    }

    /// The record: little-endian ts_ns u64, type u8, side u8, price_ticks i32, qty u32, order_id u64.
    #[inline(always)]
    #[must_use]
    pub fn to_record(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        record[..8].copy_from_slice(&self.ts_ns.to_le_bytes());
        record[8] = self.event_type as u8;
        record[9] = self.side() as u8;
        record[10..14].copy_from_slice(&self.price_ticks.to_le_bytes());
        record[14..18].copy_from_slice(&self.qty.to_le_bytes());
        record[18..].copy_from_slice(&self.order_id.to_le_bytes());
        record
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`BadRecord`] where the type is unknown or its side is the other one.
    #[inline(always)]
    pub fn from_record(record: &[u8; RECORD_BYTES]) -> Result<Self, BadRecord> {
        let [t0, t1, t2, t3, t4, t5, t6, t7, number, side, p0, p1, p2, p3, q0, q1, q2, q3, id @ ..] = *record;
        let bad = BadRecord { event_type: number, side };
        let event_type = EventType::from_number(number).ok_or(bad)?;
        if event_type.side() as u8 != side {
            return Err(bad);
        }
        Ok(Self {
            ts_ns: u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            event_type,
            price_ticks: i32::from_le_bytes([p0, p1, p2, p3]),
            qty: u32::from_le_bytes([q0, q1, q2, q3]),
            order_id: u64::from_le_bytes(id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_records_bytes_are_where_the_format_says() {
        let event = Event {
            ts_ns: 0x0102_0304_0506_0708,
            event_type: EventType::ExecuteBuy,
            price_ticks: -2,
            qty: 1,
            order_id: 0x1112_1314_1516_1718,
        };
        let bytes = [
            8, 7, 6, 5, 4, 3, 2, 1, 4, 1, 0xfe, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12,
            0x11,
        ];
        assert_eq!(event.to_record(), bytes);
    }

    proptest! {
        #[test]
        fn a_record_is_read_back_or_refused(record: [u8; RECORD_BYTES], number in 0u8..8) {
            let mut record = record;
            record[8] = number;
            match Event::from_record(&record) {
                Ok(event) => prop_assert_eq!(event.to_record(), record),
                Err(bad) => prop_assert!(number > 5 || bad.side != EventType::ALL[usize::from(number)].side() as u8),
            }
        }
    }
}
