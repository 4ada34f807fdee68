//! Events as CSV and as lines of JSON.

use std::io::{Read, Seek, Write};

use super::ExportError;
use crate::event::Event;
use crate::log::LogReader;

/// The columns of the CSV form, and the fields of the JSON one.
pub const COLUMNS: [&str; 7] = ["ts_ns", "type", "type_name", "side", "price_ticks", "qty", "order_id"];

/// Writes a header line and a line for each event from `from_ns` on.
///
/// # Errors
/// [`ExportError`] of the log or the output.
pub fn csv<F: Read + Seek>(log: &mut LogReader<F>, from_ns: u64, output: &mut impl Write) -> Result<(), ExportError> {
    writeln!(output, "{}", COLUMNS.join(","))?;
    each(log, from_ns, |event| {
        let Event { ts_ns, event_type, price_ticks, qty, order_id } = *event;
        let (number, side) = (event_type as u8, event.side().name());
        Ok(writeln!(output, "{ts_ns},{number},{event_type},{side},{price_ticks},{qty},{order_id}")?)
    })
}

/// Writes an object on a line for each event from `from_ns` on.
///
/// # Errors
/// [`ExportError`] of the log or the output.
pub fn json_lines<F: Read + Seek>(
    log: &mut LogReader<F>,
    from_ns: u64,
    output: &mut impl Write,
) -> Result<(), ExportError> {
    each(log, from_ns, |event| {
        let Event { ts_ns, event_type, price_ticks, qty, order_id } = *event;
        let (number, side) = (event_type as u8, event.side().name());
        writeln!(
            output,
            r#"{{"ts_ns":{ts_ns},"type":{number},"type_name":"{event_type}","side":"{side}","price_ticks":{price_ticks},"qty":{qty},"order_id":{order_id}}}"#
        )?;
        Ok(())
    })
}

fn each<F: Read + Seek>(
    log: &mut LogReader<F>,
    from_ns: u64,
    mut write: impl FnMut(&Event) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut events = Vec::new();
    for nth in log.chunk_at_time(from_ns)..log.chunks().len() {
        events.clear();
        log.read_chunk(nth, &mut events)?;
        events.iter().filter(|event| event.ts_ns >= from_ns).try_for_each(&mut write)?;
    }
    Ok(())
}
