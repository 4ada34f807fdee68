//! Orders as Databento's DBN, schema MBO (market by order), version 3.
//!
//! The book of each security starts with a record `R` (clear). An add is `A` and a deletion `C`. An execution is `T` (the trade, with the side of
//! who takes), `F` (the fill of the order that waited) and `C` (that order leaves the book): `T` and `F` change no book. The last record of
//! an event has the flag `F_LAST`. Prices are in units of 1e-9; times are those of the log, from midnight UTC of the date on.

use std::ffi::c_char;
use std::io::Write;

use chrono::{Datelike, NaiveDate};
use dbn::encode::{DbnEncoder, EncodeRecord};
use dbn::enums::{Action, SType, Schema, rtype};
use dbn::{FlagSet, MappingInterval, MboMsg, Metadata, RecordHeader, SYMBOL_CSTR_LEN, SymbolMapping, UNDEF_PRICE};

use super::{ExportError, FeedInfo, OrderSink, Source, midnight_ns};
use crate::event::Side;
use crate::orders::{OrderAction, OrderBook, OrderMessage};

const DATASET: &str = "KLINED.EXCHANGE";
/// Ten-thousandths of a dollar in units of 1e-9.
const PRICE_SCALE: i64 = 100_000;
const FORMAT: &str = "DBN";

/// Writes a file.
pub struct DbnWriter<W: Write> {
    date: NaiveDate,
    midnight_ns: u64,
    /// Until the first record.
    output: Option<W>,
    encoder: Option<DbnEncoder<W>>,
    tick_sizes: Vec<u32>,
    opened: Vec<bool>,
}

impl<W: Write> DbnWriter<W> {
    /// `date`: the day of the logs.
    ///
    /// # Errors
    /// [`ExportError::Date`] where the format has no room for the date.
    pub fn new(output: W, date: NaiveDate) -> Result<Self, ExportError> {
        let midnight_ns = midnight_ns(date)?;
        Ok(Self { date, midnight_ns, output: Some(output), encoder: None, tick_sizes: Vec::new(), opened: Vec::new() })
    }

    fn metadata(&self, feed: &FeedInfo<'_>) -> Result<Metadata, ExportError> {
        let bad = || ExportError::Date { date: self.date };
        let interval =
            |date: NaiveDate| time::Date::from_ordinal_date(date.year(), date.ordinal() as u16).map_err(|_| bad());
        let (start_date, end_date) = (interval(self.date)?, interval(self.date.succ_opt().ok_or_else(bad)?)?);
        let mapping = |(nth, source): (usize, &Source)| {
            let symbol = &source.symbol;
            if symbol.is_empty() || !symbol.is_ascii() || symbol.len() >= SYMBOL_CSTR_LEN {
                let (symbol, most) = (symbol.clone(), SYMBOL_CSTR_LEN - 1);
                return Err(ExportError::Symbol { symbol, format: FORMAT, most });
            }
            let intervals = vec![MappingInterval { start_date, end_date, symbol: instrument(nth).to_string() }];
            Ok(SymbolMapping { raw_symbol: symbol.clone(), intervals })
        };
        let mappings = feed.sources.iter().enumerate().map(mapping).collect::<Result<Vec<_>, _>>()?;
        let symbols = feed.sources.iter().map(|source| source.symbol.clone()).collect();
        Ok(Metadata::builder()
            .dataset(DATASET)
            .schema(Some(Schema::Mbo))
            .start(self.midnight_ns + feed.open_ns)
            .end(std::num::NonZeroU64::new(self.midnight_ns + feed.close_ns))
            .stype_in(Some(SType::RawSymbol))
            .stype_out(SType::InstrumentId)
            .symbols(symbols)
            .mappings(mappings)
            .build())
    }

    fn record(&mut self, record: &MboMsg) -> Result<(), ExportError> {
        if let Some(encoder) = &mut self.encoder {
            encoder.encode_record(record).map_err(|error| ExportError::Io(std::io::Error::other(error)))?;
        }
        Ok(())
    }

    fn blank(&self, nth: usize, ts_ns: u64, event_id: u64) -> MboMsg {
        let ts_event = self.midnight_ns + ts_ns;
        MboMsg {
            hd: RecordHeader::new::<MboMsg>(rtype::MBO, 0, instrument(nth), ts_event),
            order_id: 0,
            price: UNDEF_PRICE,
            size: 0,
            flags: FlagSet::empty(),
            channel_id: 0,
            action: Action::Clear as u8 as c_char,
            side: b'N' as c_char,
            ts_recv: ts_event,
            ts_in_delta: 0,
            // The format has four bytes: the number goes round.
            sequence: event_id as u32,
        }
    }
}

/// Instruments are numbered from 1 in the order of the logs.
const fn instrument(nth: usize) -> u32 {
    nth as u32 + 1
}

fn letter(side: Side) -> c_char {
    (if side == Side::Bid { b'B' } else { b'A' }) as c_char
}

impl<W: Write> OrderSink for DbnWriter<W> {
    fn start(&mut self, feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        let metadata = self.metadata(feed)?;
        self.tick_sizes = feed.sources.iter().map(|source| source.session.tick_size).collect();
        self.opened = vec![false; feed.sources.len()];
        if let Some(output) = self.output.take() {
            let encoder = DbnEncoder::new(output, &metadata);
            self.encoder = Some(encoder.map_err(|error| ExportError::Io(std::io::Error::other(error)))?);
        }
        Ok(())
    }

    fn event(&mut self, nth: usize, _book: &OrderBook, changes: &[OrderMessage]) -> Result<(), ExportError> {
        for change in changes {
            let OrderMessage { ts_ns, action, reference, side, price_ticks, qty, event_id, last } = *change;
            if !std::mem::replace(&mut self.opened[nth], true) {
                self.record(&self.blank(nth, ts_ns, event_id))?;
            }
            let tick_size = self.tick_sizes[nth];
            let price = i64::from(price_ticks).checked_mul(i64::from(tick_size) * PRICE_SCALE);
            let range = || ExportError::PriceRange { price_ticks, tick_size, format: FORMAT };
            let record = |action, side, order_id, is_last| {
                let mut flags = FlagSet::empty();
                if is_last {
                    flags.set_last();
                }
                Ok(MboMsg {
                    order_id,
                    price: price.ok_or_else(range)?,
                    size: qty,
                    flags,
                    action: action as u8 as c_char,
                    side,
                    ..self.blank(nth, ts_ns, event_id)
                })
            };
            let (waiting, taking) = (letter(side), letter(if side == Side::Bid { Side::Ask } else { Side::Bid }));
            let records: Vec<Result<MboMsg, ExportError>> = match action {
                OrderAction::Add => vec![record(Action::Add, waiting, reference, last)],
                OrderAction::Delete => vec![record(Action::Cancel, waiting, reference, last)],
                OrderAction::Execute => vec![
                    record(Action::Trade, taking, 0, false),
                    record(Action::Fill, waiting, reference, false),
                    record(Action::Cancel, waiting, reference, last),
                ],
            };
            for made in records {
                self.record(&made?)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, _feed: &FeedInfo<'_>) -> Result<(), ExportError> {
        match &mut self.encoder {
            Some(encoder) => Ok(encoder.get_mut().flush()?),
            None => Ok(()),
        }
    }
}
