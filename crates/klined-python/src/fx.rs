//! `klined.fx`: books, prices and trades of the foreign exchange market, as `fx-generator` makes them.

use std::convert::Infallible;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::builder::{TimestampMicrosecondBuilder, TimestampNanosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use klined_fx::base::NoMarket;
use klined_fx::choice::{BLOCK_SECONDS_MOST, RowArgs};
use klined_fx::market::Fill;
use klined_fx::out::entities::Entities;
use klined_fx::out::text::uuid;
use klined_fx::pipeline::{Encode, Flow};
use klined_fx::rows::{BookRow, CoreRow, Sink};
use pyo3::prelude::*;

use crate::arguments::{Instant, Symbols, threads as threads_of};
use crate::refused;
use crate::stream::Stream;

/// Books of a stream that only its end bounds: the most that `fx-generator` makes.
const BOOKS_MOST: u64 = 1_000_000_000_000;
/// Seconds that a worker makes at once, at most; a block is shorter.
const CHUNK_SECONDS: u64 = 900;
/// The zone of all instants.
const ZONE: &str = "UTC";

#[pyfunction]
#[pyo3(signature = (pairs, start, end, *, seed = 1, market_data_min_eps = 1000, market_data_max_eps = 15_000, orders_min_per_sec = 5,
    orders_max_per_sec = 30, min_levels = 5, max_levels = 5, total_market_data_events = None, always_open = false, threads = None))]
#[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub fn fx_books(
    pairs: Option<Symbols>,
    start: Instant,
    end: Instant,
    seed: u64,
    market_data_min_eps: u64,
    market_data_max_eps: u64,
    orders_min_per_sec: u64,
    orders_max_per_sec: u64,
    min_levels: u64,
    max_levels: u64,
    total_market_data_events: Option<u64>,
    always_open: bool,
    threads: Option<usize>,
) -> PyResult<Stream> {
    let rows = RowArgs {
        seed,
        market_data_min_eps,
        market_data_max_eps,
        orders_min_per_sec,
        orders_max_per_sec,
        min_levels,
        max_levels,
        total_market_data_events: total_market_data_events.unwrap_or(BOOKS_MOST),
        always_open,
        ..asked(pairs, start, end)?
    };
    stream(&rows, FxTable::Books, threads)
}

#[pyfunction]
#[pyo3(signature = (pairs, start, end, *, seed = 1, core_min_eps = 800, core_max_eps = 1100, market_data_min_eps = 1000,
    market_data_max_eps = 15_000, orders_min_per_sec = 5, orders_max_per_sec = 30, max_levels = 5, always_open = false,
    threads = None))]
#[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub fn fx_prices(
    pairs: Option<Symbols>,
    start: Instant,
    end: Instant,
    seed: u64,
    core_min_eps: u64,
    core_max_eps: u64,
    market_data_min_eps: u64,
    market_data_max_eps: u64,
    orders_min_per_sec: u64,
    orders_max_per_sec: u64,
    max_levels: u64,
    always_open: bool,
    threads: Option<usize>,
) -> PyResult<Stream> {
    let rows = RowArgs {
        seed,
        // The numbers of both tables come from one stream.
        market_data_min_eps,
        market_data_max_eps,
        core_min_eps,
        core_max_eps,
        orders_min_per_sec,
        orders_max_per_sec,
        max_levels,
        always_open,
        ..asked(pairs, start, end)?
    };
    stream(&rows, FxTable::Prices, threads)
}

#[pyfunction]
#[pyo3(signature = (pairs, start, end, *, seed = 1, orders_min_per_sec = 5, orders_max_per_sec = 30, max_levels = 5,
    lei_pool_size = 2000, always_open = false, threads = None))]
#[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub fn fx_trades(
    pairs: Option<Symbols>,
    start: Instant,
    end: Instant,
    seed: u64,
    orders_min_per_sec: u64,
    orders_max_per_sec: u64,
    max_levels: u64,
    lei_pool_size: u64,
    always_open: bool,
    threads: Option<usize>,
) -> PyResult<Stream> {
    let rows = RowArgs {
        seed,
        // No trade depends on the rows of other tables.
        market_data_min_eps: 1,
        market_data_max_eps: 1,
        core_min_eps: 0,
        core_max_eps: 0,
        orders_min_per_sec,
        orders_max_per_sec,
        max_levels,
        lei_pool_size,
        always_open,
        ..asked(pairs, start, end)?
    };
    stream(&rows, FxTable::Trades, threads)
}

/// Rows of pairs and a time; the other fields are those of `fx-generator`, and most are replaced.
fn asked(pairs: Option<Symbols>, start: Instant, end: Instant) -> PyResult<RowArgs> {
    Ok(RowArgs {
        seed: 1,
        pairs: pairs.map(Symbols::texts).transpose()?.map(|texts| texts.join(",")),
        market_data_min_eps: 1000,
        market_data_max_eps: 15_000,
        core_min_eps: 0,
        core_max_eps: 0,
        orders_min_per_sec: 5,
        orders_max_per_sec: 30,
        total_market_data_events: BOOKS_MOST,
        start_ts: Some(start.0),
        end_ts: Some(end.0),
        min_levels: 1,
        max_levels: 5,
        lei_pool_size: 2000,
        chunk_seconds: CHUNK_SECONDS,
        yahoo_refresh_secs: None,
        always_open: false,
    })
}

fn stream(rows: &RowArgs, table: FxTable, threads: Option<usize>) -> PyResult<Stream> {
    // The program's words name flags.
    let in_python = |error: &dyn std::fmt::Display| refused(error.to_string().replace("--", ""));
    let entities = rows.entities().map_err(|error| in_python(&error))?;
    // Both instants are given, so no clock is needed.
    let (job, _) = rows.job(threads_of(threads)?.get(), BLOCK_SECONDS_MOST, 0).map_err(|error| in_python(&error))?;
    let entities = Arc::new(Entities::of(job.market.streams, entities));
    let metadata = [("klined:seed".to_owned(), rows.seed.to_string())].into();
    let schema = Arc::new(Schema::new_with_metadata(table.fields(), metadata));
    let of_batches = schema.clone();
    Ok(Stream::new(schema, move |take| {
        let encoder = || FxEncoder { schema: of_batches.clone(), entities: entities.clone(), rows: table.rows() };
        let mut failed = None;
        let made = job.run(encoder, |_, batch: Result<RecordBatch, ArrowError>| {
            let wanted = match batch {
                Ok(batch) => batch.num_rows() == 0 || take(batch),
                Err(error) => {
                    failed = Some(error.to_string());
                    false
                }
            };
            Ok::<_, Infallible>(if wanted { Flow::Continue } else { Flow::Stop })
        });
        made.map_err(|error| error.to_string())?;
        failed.map_or(Ok(()), Err)
    }))
}

/// Which rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FxTable {
    Books,
    Prices,
    Trades,
}

impl FxTable {
    /// The columns of the tables of `fx-generator`. A side of a book is a list of two lists: prices and sizes, best first.
    fn fields(self) -> Vec<Field> {
        let instants = |unit| Field::new("timestamp", DataType::Timestamp(unit, Some(ZONE.into())), false);
        let texts = |name| Field::new(name, DataType::Utf8, false);
        let doubles = |name| Field::new(name, DataType::Float64, false);
        let wholes = |name| Field::new(name, DataType::Int64, false);
        let list = |of: DataType| DataType::List(Arc::new(Field::new_list_field(of, true)));
        let side = |name| Field::new(name, list(list(DataType::Float64)), false);
        match self {
            Self::Books => vec![
                instants(TimeUnit::Microsecond),
                texts("symbol"),
                side("bids"),
                side("asks"),
                doubles("best_bid"),
                doubles("best_ask"),
            ],
            Self::Prices => vec![
                instants(TimeUnit::Microsecond),
                texts("symbol"),
                texts("ecn"),
                doubles("bid_price"),
                wholes("bid_volume"),
                doubles("ask_price"),
                wholes("ask_volume"),
                texts("reason"),
                doubles("indicator1"),
                doubles("indicator2"),
            ],
            Self::Trades => vec![
                instants(TimeUnit::Nanosecond),
                texts("symbol"),
                texts("ecn"),
                texts("trade_id"),
                texts("side"),
                Field::new("passive", DataType::Boolean, false),
                doubles("price"),
                doubles("quantity"),
                texts("counterparty"),
                texts("order_id"),
            ],
        }
    }

    fn rows(self) -> FxRows {
        match self {
            Self::Books => FxRows::Books(Box::default()),
            Self::Prices => FxRows::Prices(Box::default()),
            Self::Trades => FxRows::Trades(Box::default()),
        }
    }
}

#[derive(Default)]
struct Books {
    instants: TimestampMicrosecondBuilder,
    symbols: StringBuilder,
    bids: ListBuilder<ListBuilder<Float64Builder>>,
    asks: ListBuilder<ListBuilder<Float64Builder>>,
    best_bids: Float64Builder,
    best_asks: Float64Builder,
}

#[derive(Default)]
struct Prices {
    instants: TimestampMicrosecondBuilder,
    symbols: StringBuilder,
    ecns: StringBuilder,
    bid_prices: Float64Builder,
    bid_volumes: Int64Builder,
    ask_prices: Float64Builder,
    ask_volumes: Int64Builder,
    reasons: StringBuilder,
    indicators: [Float64Builder; 2],
}

#[derive(Default)]
struct Trades {
    instants: TimestampNanosecondBuilder,
    symbols: StringBuilder,
    ecns: StringBuilder,
    trade_ids: StringBuilder,
    sides: StringBuilder,
    passive: BooleanBuilder,
    prices: Float64Builder,
    quantities: Float64Builder,
    counterparties: StringBuilder,
    order_ids: StringBuilder,
}

/// Rows of the table that is wanted.
enum FxRows {
    Books(Box<Books>),
    Prices(Box<Prices>),
    Trades(Box<Trades>),
}

/// Takes the rows of one table, and leaves out the others.
struct FxEncoder {
    schema: SchemaRef,
    entities: Arc<Entities>,
    rows: FxRows,
}

fn push_side(side: &mut ListBuilder<ListBuilder<Float64Builder>>, prices: &[f64], sizes: &[f64]) {
    for values in [prices, sizes] {
        side.values().values().append_slice(values);
        side.values().append(true);
    }
    side.append(true);
}

impl Sink for FxEncoder {
    type Error = NoMarket;

    fn book(&mut self, row: &BookRow) -> Result<(), NoMarket> {
        let FxRows::Books(rows) = &mut self.rows else { return Ok(()) };
        rows.instants.append_value(row.micros);
        rows.symbols.append_value(row.pair.symbol());
        push_side(&mut rows.bids, row.book.bid_prices(), row.book.bid_sizes());
        push_side(&mut rows.asks, row.book.ask_prices(), row.book.ask_sizes());
        let best = row.book.best();
        rows.best_bids.append_value(best.bid_price);
        rows.best_asks.append_value(best.ask_price);
        Ok(())
    }

    fn core(&mut self, row: &CoreRow) -> Result<(), NoMarket> {
        let FxRows::Prices(rows) = &mut self.rows else { return Ok(()) };
        rows.instants.append_value(row.micros);
        rows.symbols.append_value(row.pair.symbol());
        rows.ecns.append_value(row.ecn.name());
        rows.bid_prices.append_value(row.bid_price);
        rows.bid_volumes.append_value(row.bid_volume);
        rows.ask_prices.append_value(row.ask_price);
        rows.ask_volumes.append_value(row.ask_volume);
        rows.reasons.append_value(row.reason.name());
        rows.indicators[0].append_value(row.indicator1);
        rows.indicators[1].append_value(row.indicator2);
        Ok(())
    }

    fn trade(&mut self, fill: &Fill) -> Result<(), NoMarket> {
        let FxRows::Trades(rows) = &mut self.rows else { return Ok(()) };
        rows.instants.append_value(fill.nanos);
        rows.symbols.append_value(fill.pair.symbol());
        rows.ecns.append_value(fill.ecn.name());
        rows.trade_ids.append_value(uuid(fill.trade_id));
        rows.sides.append_value(if fill.is_buy { "buy" } else { "sell" });
        rows.passive.append_value(fill.is_passive);
        rows.prices.append_value(fill.price);
        rows.quantities.append_value(fill.quantity);
        rows.counterparties.append_value(self.entities.pick(fill.entity_word));
        rows.order_ids.append_value(uuid(fill.order_id));
        Ok(())
    }
}

impl Encode for FxEncoder {
    type Chunk = Result<RecordBatch, ArrowError>;

    fn take(&mut self) -> Self::Chunk {
        let columns: Vec<ArrayRef> = match &mut self.rows {
            FxRows::Books(rows) => vec![
                Arc::new(rows.instants.finish().with_timezone(ZONE)),
                Arc::new(rows.symbols.finish()),
                Arc::new(rows.bids.finish()),
                Arc::new(rows.asks.finish()),
                Arc::new(rows.best_bids.finish()),
                Arc::new(rows.best_asks.finish()),
            ],
            FxRows::Prices(rows) => vec![
                Arc::new(rows.instants.finish().with_timezone(ZONE)),
                Arc::new(rows.symbols.finish()),
                Arc::new(rows.ecns.finish()),
                Arc::new(rows.bid_prices.finish()),
                Arc::new(rows.bid_volumes.finish()),
                Arc::new(rows.ask_prices.finish()),
                Arc::new(rows.ask_volumes.finish()),
                Arc::new(rows.reasons.finish()),
                Arc::new(rows.indicators[0].finish()),
                Arc::new(rows.indicators[1].finish()),
            ],
            FxRows::Trades(rows) => vec![
                Arc::new(rows.instants.finish().with_timezone(ZONE)),
                Arc::new(rows.symbols.finish()),
                Arc::new(rows.ecns.finish()),
                Arc::new(rows.trade_ids.finish()),
                Arc::new(rows.sides.finish()),
                Arc::new(rows.passive.finish()),
                Arc::new(rows.prices.finish()),
                Arc::new(rows.quantities.finish()),
                Arc::new(rows.counterparties.finish()),
                Arc::new(rows.order_ids.finish()),
            ],
        };
        RecordBatch::try_new(self.schema.clone(), columns)
    }
}
