//! The rows that both databases give, and the statements that both understand.
//!
//! A statement stands here when PostgreSQL and SQLite take it word for word: parameters are `$1, $2, …` in order of
//! first appearance, decimals are cast to double precision (exact for hundredths below 10¹³).

use diesel::prelude::*;
use diesel::query_builder::SqlQuery;
use diesel::query_dsl::LoadQuery;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text};

use super::data::{Identity, Listing, MarketStatus, Progress, StateRow};
use super::error::{During, StoreError};
use klined_market::bars::Checkpoint;
use klined_market::base::{Symbol, UnixSeconds};
use klined_market::calendar::{Session, SessionSpan};
use klined_market::universe::UniverseRow;

const IDENTITY: &str = "SELECT seed, model FROM market_identity";
const UNIVERSE: &str = "SELECT symbol, name, sector, CAST(base_price AS double precision) AS base_price, \
     CAST(base_volatility AS double precision) AS base_volatility, board, is_st, \
     CAST(beta AS double precision) AS beta, CAST(daily_turnover AS double precision) AS daily_turnover, is_active \
     FROM stock_metadata";
const PROGRESS: &str = "SELECT c.symbol, CAST(c.day AS text) AS day, c.opening, s.last_update AS last_bar, \
     EXISTS (SELECT 1 FROM stock_listing l WHERE l.symbol = c.symbol AND l.last_day IS NULL) AS is_listed \
     FROM model_checkpoint c LEFT JOIN stock_state s ON s.symbol = c.symbol";
const LISTINGS: &str = "SELECT symbol, CAST(first_day AS text) AS first_day, CAST(last_day AS text) AS last_day \
     FROM stock_listing";
const STATES: &str = "SELECT symbol, CAST(current_price AS double precision) AS current_price, last_update \
     FROM stock_state";
const STATUS: &str = "SELECT is_trading, current_session, session_start, session_end, last_update FROM market_status";

/// Claims the database for an identity; `$1` is the seed, `$2` the model.
pub(super) const CLAIM: &str =
    "INSERT INTO market_identity (id, seed, model) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING";
/// Removes the whole market but not its universe.
pub(super) const MARKET_TABLES: [&str; 13] = [
    "rollup_watermark",
    "market_klines",
    "rollup_dirty",
    "stock_state",
    "stock_realtime_price",
    "model_checkpoint",
    "stock_listing",
    "stock_halt",
    "scenario_event",
    "market_scenario",
    "market_status",
    "market_clock",
    "market_identity",
];
/// The tables that hold rows of a symbol, the changed bars' notes last.
pub(super) const SYMBOL_TABLES: [&str; 8] = [
    "rollup_watermark",
    "market_klines",
    "stock_state",
    "stock_realtime_price",
    "model_checkpoint",
    "stock_listing",
    "stock_halt",
    "rollup_dirty",
];

#[derive(QueryableByName)]
pub(super) struct IdentityRow {
    #[diesel(sql_type = Text)]
    seed: String,
    #[diesel(sql_type = Text)]
    model: String,
}

#[derive(QueryableByName)]
pub(super) struct MetadataRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sector: String,
    #[diesel(sql_type = Double)]
    base_price: f64,
    #[diesel(sql_type = Double)]
    base_volatility: f64,
    #[diesel(sql_type = Text)]
    board: String,
    #[diesel(sql_type = Bool)]
    is_st: bool,
    #[diesel(sql_type = Double)]
    beta: f64,
    #[diesel(sql_type = Double)]
    daily_turnover: f64,
    #[diesel(sql_type = Bool)]
    is_active: bool,
}

#[derive(QueryableByName)]
pub(super) struct ProgressRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Text)]
    day: String,
    #[diesel(sql_type = Text)]
    opening: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    last_bar: Option<i64>,
    #[diesel(sql_type = Bool)]
    is_listed: bool,
}

#[derive(QueryableByName)]
pub(super) struct ListingRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Text)]
    first_day: String,
    #[diesel(sql_type = Nullable<Text>)]
    last_day: Option<String>,
}

#[derive(QueryableByName)]
pub(super) struct StockStateRow {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Double)]
    current_price: f64,
    #[diesel(sql_type = BigInt)]
    last_update: i64,
}

#[derive(QueryableByName)]
pub(super) struct StatusRow {
    #[diesel(sql_type = Bool)]
    is_trading: bool,
    #[diesel(sql_type = Text)]
    current_session: String,
    #[diesel(sql_type = BigInt)]
    session_start: i64,
    #[diesel(sql_type = BigInt)]
    session_end: i64,
    #[diesel(sql_type = BigInt)]
    last_update: i64,
}

#[derive(QueryableByName)]
pub(super) struct EpochRow {
    #[diesel(sql_type = BigInt)]
    pub epoch: i64,
}

/// The methods of [`BarStore`](super::BarStore) that read whole tables, in terms of the store's own `read`.
macro_rules! shared_reads {
    () => {
        fn identity(&self) -> Result<Option<Identity>, StoreError> {
            self.read("read market_identity", rows::identity)
        }

        fn universe(&self) -> Result<Vec<UniverseRow>, StoreError> {
            self.read("read stock_metadata", rows::universe)
        }

        fn progress(&self) -> Result<Vec<Progress>, StoreError> {
            self.read("read model_checkpoint", rows::progress)
        }

        fn listings(&self) -> Result<Vec<Listing>, StoreError> {
            self.read("read stock_listing", rows::listings)
        }

        fn states(&self) -> Result<Vec<StateRow>, StoreError> {
            self.read("read stock_state", rows::states)
        }

        fn prices(&self) -> Result<Vec<PriceRow>, StoreError> {
            self.read("read stock_realtime_price", prices::prices)
        }

        fn status(&self) -> Result<Option<MarketStatus>, StoreError> {
            self.read("read market_status", rows::status)
        }

        fn clock(&self) -> Result<Option<MarketClock>, StoreError> {
            self.read("read market_clock", clock::clock)
        }

        fn retained_from(&self) -> Result<Option<UnixSeconds>, StoreError> {
            self.read("read market_identity", retention::retained_from)
        }

        fn watermarks(&self) -> Result<BTreeMap<Symbol, UnixSeconds>, StoreError> {
            self.read("read rollup_watermark", rollups::watermarks)
        }

        fn rollup_backlog(&self) -> Result<Option<RollupBacklog>, StoreError> {
            self.read("read rollup_watermark", rollups::backlog)
        }
    };
}
pub(super) use shared_reads;

/// A statement whose rows a connection can give.
pub(super) trait Gives<Row>: Connection + Sized {
    fn give(&mut self, sql: &str) -> QueryResult<Vec<Row>>;
}

impl<C, Row> Gives<Row> for C
where
    C: Connection,
    for<'query> SqlQuery: LoadQuery<'query, C, Row>,
{
    fn give(&mut self, sql: &str) -> QueryResult<Vec<Row>> {
        sql_query(sql).get_results(self)
    }
}

pub(super) fn corrupt(what: &str, of: &str, reason: impl ToString) -> StoreError {
    StoreError::Corrupt { what: format!("{what} of {of}"), reason: reason.to_string() }
}

pub(super) fn symbol(text: &str, table: &str) -> Result<Symbol, StoreError> {
    text.parse().map_err(|error| corrupt("a symbol", table, error))
}

fn date(text: &str, what: &str, of: &str) -> Result<chrono::NaiveDate, StoreError> {
    text.parse().map_err(|error| corrupt(what, of, format!("\"{text}\": {error}")))
}

/// Reading failed: either the statement or what it gave.
pub(super) type Read<T> = QueryResult<Result<T, StoreError>>;

pub(super) fn identity(connection: &mut impl Gives<IdentityRow>) -> Read<Option<Identity>> {
    Ok(connection
        .give(IDENTITY)?
        .pop()
        .map(|row| {
            let seed = row.seed.parse().map_err(|error| corrupt("the seed", "market_identity", error))?;
            Ok(Identity { seed, model: row.model })
        })
        .transpose())
}

/// What follows the claim of a database: a new market with an empty universe gets one, and a market that was there must be
/// the one wanted.
pub(super) fn settle_claim<C: Gives<IdentityRow> + Gives<MetadataRow>>(
    connection: &mut C,
    wanted: &Identity,
    is_new: bool,
    fill_universe: impl FnOnce(&mut C) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if is_new && universe(connection).during("read stock_metadata")??.is_empty() {
        fill_universe(connection)?;
    }
    match identity(connection).during("read market_identity")?? {
        Some(found) if found != *wanted => Err(StoreError::OtherMarket { found, wanted: wanted.clone() }),
        _ => Ok(()),
    }
}

pub(super) fn universe(connection: &mut impl Gives<MetadataRow>) -> Read<Vec<UniverseRow>> {
    let mut rows: Vec<UniverseRow> = connection
        .give(UNIVERSE)?
        .into_iter()
        .map(|row| UniverseRow {
            symbol: row.symbol,
            name: row.name,
            sector: row.sector,
            base_price: row.base_price,
            base_volatility: row.base_volatility,
            board: row.board,
            is_st: row.is_st,
            beta: row.beta,
            daily_turnover: row.daily_turnover,
            is_active: row.is_active,
        })
        .collect();
    // Sorted here because databases order text by their own collations.
    rows.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    Ok(Ok(rows))
}

pub(super) fn progress(connection: &mut impl Gives<ProgressRow>) -> Read<Vec<Progress>> {
    let parse = |row: ProgressRow| {
        let opening = serde_json::from_str(&row.opening)
            .map_err(|error| corrupt("model_checkpoint.opening", &row.symbol, error))?;
        let checkpoint = Checkpoint {
            symbol: symbol(&row.symbol, "model_checkpoint")?,
            day: date(&row.day, "model_checkpoint.day", &row.symbol)?,
            opening,
        };
        Ok(Progress { checkpoint, last_bar: row.last_bar.map(UnixSeconds::new), is_listed: row.is_listed })
    };
    let mut rows: Result<Vec<Progress>, StoreError> = connection.give(PROGRESS)?.into_iter().map(parse).collect();
    if let Ok(rows) = &mut rows {
        rows.sort_by_key(|row| row.checkpoint.symbol);
    }
    Ok(rows)
}

pub(super) fn listings(connection: &mut impl Gives<ListingRow>) -> Read<Vec<Listing>> {
    let parse = |row: ListingRow| {
        let last_day = row.last_day.map(|day| date(&day, "stock_listing.last_day", &row.symbol)).transpose()?;
        let first_day = date(&row.first_day, "stock_listing.first_day", &row.symbol)?;
        Ok(Listing { symbol: symbol(&row.symbol, "stock_listing")?, first_day, last_day })
    };
    let mut rows: Result<Vec<Listing>, StoreError> = connection.give(LISTINGS)?.into_iter().map(parse).collect();
    if let Ok(rows) = &mut rows {
        rows.sort_by_key(|row| (row.symbol, row.first_day));
    }
    Ok(rows)
}

pub(super) fn states(connection: &mut impl Gives<StockStateRow>) -> Read<Vec<StateRow>> {
    let mut rows: Vec<StateRow> = connection
        .give(STATES)?
        .into_iter()
        .map(|row| StateRow {
            symbol: row.symbol,
            current_price: row.current_price,
            last_update: UnixSeconds::new(row.last_update),
        })
        .collect();
    rows.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    Ok(Ok(rows))
}

pub(super) fn status(connection: &mut impl Gives<StatusRow>) -> Read<Option<MarketStatus>> {
    let parse = |row: StatusRow| {
        let session = [Session::Morning, Session::Afternoon, Session::Closed]
            .into_iter()
            .find(|session| session.as_str() == row.current_session)
            .ok_or_else(|| corrupt("current_session", "market_status", &row.current_session))?;
        let [start, end, last_update] = [row.session_start, row.session_end, row.last_update].map(UnixSeconds::new);
        let span = SessionSpan { session, start, end };
        Ok(MarketStatus { span, is_halted: span.is_trading() && !row.is_trading, last_update })
    };
    Ok(connection.give(STATUS)?.pop().map(parse).transpose())
}
