//! Month partitions of `market_klines`: `market_klines_YYYY_MM`, from the month's first instant by the market's calendar to the
//! next month's. A table that an operator has made a hypertable (`sql_scripts/timescale.sql`) is not partitioned and lacks none.

use chrono::{Datelike, Days, NaiveDate};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Integer, Text};

use klined_market::base::UnixSeconds;
use klined_market::calendar::Hours;

use super::super::connection::AnyConnection;
use super::super::error::{During, StoreError};
use super::super::tables::identity;
use super::super::transaction;

/// Dropping waits behind readers and holds up every statement that comes later, so it does not wait for long.
pub(super) const SHORT_WAIT: &str = "SET LOCAL lock_timeout = '2s'";

/// The first half of the advisory locks on the places that months are loaded in: "klnp" in ASCII.
const PLACE_CLASS: i32 = 0x6b6c_6e70;

/// A calendar month: year and month from 1.
pub(super) type Month = (i32, u32);

diesel::define_sql_function! {
    /// Takes an advisory lock to the end of the transaction unless another session has it; whether it did.
    fn pg_try_advisory_xact_lock(class: Integer, key: Integer) -> Bool;
}
diesel::define_sql_function! {
    /// Drops the partition of a name if it is empty; whether there is no table of that name now.
    fn klines_clear_month(name: Text) -> Bool;
}
diesel::define_sql_function! {
    /// Drops the oldest partition before the horizon; its name.
    fn klines_drop_partition() -> Nullable<Text>;
}
diesel::define_sql_function! {
    /// Removes the bars before the horizon of some symbols after a symbol; the last of them.
    fn klines_remove_days(after: Text) -> Nullable<Text>;
}

/// Waits for a month that is being loaded. SQL, because diesel knows no function that returns nothing.
const WAIT_FOR_PLACE: &str = "SELECT pg_advisory_xact_lock($1, $2)";
/// Makes a partition. SQL for the same reason.
const MAKE_PARTITION: &str = "SELECT klines_make_partition($1, $2, $3)";
/// All partitions with their bounds but a default one, in order. A bound without a number is that of all times before or after.
/// SQL, because the catalog is not in diesel's schema.
const PARTITIONS: &str = r"SELECT p.name, coalesce(substring(p.bounds FROM 'FROM \(''(-?[0-9]+)''\)')::bigint, -9223372036854775808) AS begins,
        coalesce(substring(p.bounds FROM 'TO \(''(-?[0-9]+)''\)')::bigint, 9223372036854775807) AS ends
    FROM (SELECT c.oid::regclass::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'market_klines'::regclass) p
    WHERE p.bounds LIKE 'FOR VALUES FROM%' ORDER BY begins";
/// Whether there is a table of a name. SQL for the same reason.
const TABLE_EXISTS: &str = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1 \
     AND relnamespace = to_regnamespace(current_schema())) AS is_there";
/// Whether the table is divided into partitions at all. SQL for the same reason.
const IS_PARTITIONED: &str =
    "SELECT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'market_klines'::regclass) AS is_there";
/// Loading a month takes longer than a lock is waited for; the bound on a statement remains.
const LONG_WAIT: &str = "SET LOCAL lock_timeout = 0";

#[derive(QueryableByName)]
struct Partition {
    #[diesel(sql_type = Text)]
    name: String,
    /// The first time that it takes.
    #[diesel(sql_type = BigInt)]
    begins: i64,
    /// The first time after it.
    #[diesel(sql_type = BigInt)]
    ends: i64,
}

#[derive(QueryableByName)]
struct TableExists {
    #[diesel(sql_type = Bool)]
    is_there: bool,
}

/// The hours of the market in the database; the default ones while it has none.
pub(super) fn hours(connection: &mut PgConnection) -> Result<Hours, StoreError> {
    let identity = identity::identity(&mut AnyConnection::Postgres(connection))?;
    Ok(identity.map(|identity| identity.hours).unwrap_or_default())
}

/// The months that two dates lie in, and those between.
pub(super) fn months(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = Month> {
    let last = month_of(to);
    std::iter::successors(Some(month_of(from)), |&month| Some(following(month))).take_while(move |&month| month <= last)
}

/// The month that a date lies in.
pub(super) fn month_of(day: NaiveDate) -> Month {
    (day.year(), day.month())
}

/// From a month's first instant, included, to the next month's, excluded.
pub(super) fn span(hours: Hours, month: Month) -> Result<(UnixSeconds, UnixSeconds), StoreError> {
    Ok((starts_at(hours, month)?, starts_at(hours, following(month))?))
}

/// Makes the partitions that days from one to another lack. What counts is which times the existing partitions take, however they
/// are called.
pub(super) fn ensure(connection: &mut PgConnection, from: NaiveDate, to: NaiveDate) -> Result<(), StoreError> {
    let (lacking, overlapped) = lacking(connection, from, to)?;
    lacking.into_iter().try_for_each(|month| make(connection, month))?;
    overlapped.map_or(Ok(()), Err)
}

/// The names of the partitions that [`ensure`] would make.
pub(super) fn missing(
    connection: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<String>, StoreError> {
    match lacking(connection, from, to)? {
        (_, Some(overlapped)) => Err(overlapped),
        (lacking, None) => Ok(lacking.into_iter().map(name).collect()),
    }
}

/// The months of days from one to another whose partitions have to be made, and the first that cannot be.
fn lacking(
    connection: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<(Vec<Month>, Option<StoreError>), StoreError> {
    if !is_partitioned(connection)? {
        return Ok((Vec::new(), None));
    }
    let existing: Vec<Partition> = sql_query(PARTITIONS).get_results(connection).during("list partitions")?;
    let hours = hours(connection)?;
    let (first, last) = (hours.midnight(from)?, hours.midnight(to + Days::new(1))?);
    let (mut lacking, mut overlapped) = (Vec::new(), None);
    for month in months(from, to) {
        let (begins, ends) = span(hours, month)?;
        if are_taken(&existing, begins.max(first).get(), ends.min(last).get()) {
            continue;
        }
        match existing.iter().find(|other| other.begins < ends.get() && other.ends > begins.get()) {
            Some(other) => {
                overlapped.get_or_insert_with(|| StoreError::Overlapped { month: name(month), by: other.name.clone() });
            }
            None => lacking.push(month),
        }
    }
    Ok((lacking, overlapped))
}

/// Whether partitions, in order, take every time of a span.
fn are_taken(existing: &[Partition], begins: i64, ends: i64) -> bool {
    let after = existing.iter().fold(begins, |at, other| if other.begins <= at { at.max(other.ends) } else { at });
    after >= ends
}

/// Makes the partitions that bars from one time to another need and that are missing; false when none was.
pub(super) fn make_for(connection: &mut PgConnection, from: UnixSeconds, to: UnixSeconds) -> Result<bool, StoreError> {
    let hours = hours(connection)?;
    let day = |time: UnixSeconds| hours.date_of(time).ok();
    let (Some(from), Some(to)) = (day(from), day(to)) else {
        return Ok(false);
    };
    let are_missing = !missing(connection, from, to)?.is_empty();
    ensure(connection, from, to)?;
    Ok(are_missing)
}

/// Drops the partition of a name if it is empty; whether there is no table of that name now.
pub(super) fn drop_empty(connection: &mut PgConnection, name: &str) -> Result<bool, StoreError> {
    let action = "make room for a month";
    connection.batch_execute(SHORT_WAIT).during(action)?;
    diesel::select(klines_clear_month(name)).get_result(connection).during(action)
}

/// Drops the empty months that markets of other hours have left. Their bounds are not those of this market's months, and would keep
/// it from making its own. An operator's partition, with bounds of its own, stays.
pub(super) fn drop_foreign(connection: &mut PgConnection, hours: Hours) -> Result<(), StoreError> {
    let existing: Vec<Partition> = sql_query(PARTITIONS).get_results(connection).during("list partitions")?;
    let is_month_of = |partition: &Partition, hours| {
        let month = month_named(&partition.name)?;
        let (begins, ends) = span(hours, month).ok()?;
        Some((begins.get(), ends.get()) == (partition.begins, partition.ends))
    };
    for partition in existing {
        let is_of = |hours| is_month_of(&partition, hours).unwrap_or_default();
        if !is_of(hours) && Hours::ALL.into_iter().any(is_of) {
            drop_empty(connection, &partition.name)?;
        }
    }
    Ok(())
}

/// The month of a partition's name; none where it is not such a name.
fn month_named(text: &str) -> Option<Month> {
    let (year, month) = text.strip_prefix("market_klines_")?.split_once('_')?;
    let month = (year.parse().ok()?, month.parse().ok()?);
    (name(month) == text && NaiveDate::from_ymd_opt(month.0, month.1, 1).is_some()).then_some(month)
}

fn following((year, month): Month) -> Month {
    if month == 12 { (year + 1, 1) } else { (year, month + 1) }
}

pub(super) fn name((year, month): Month) -> String {
    format!("market_klines_{year:04}_{month:02}")
}

/// The first instant of a month, in Unix seconds.
fn starts_at(hours: Hours, (year, month): Month) -> Result<UnixSeconds, StoreError> {
    Ok(hours.midnight(NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default())?)
}

/// Waits for a process that is loading the month, which would find the name taken at the end.
fn make(connection: &mut PgConnection, month: Month) -> Result<(), StoreError> {
    let (from, until) = span(hours(connection)?, month)?;
    transaction::run(connection, "make a partition", |connection| {
        connection.batch_execute(LONG_WAIT).during("make a partition")?;
        sql_query(WAIT_FOR_PLACE)
            .bind::<Integer, _>(PLACE_CLASS)
            .bind::<Integer, _>(loading_place(month))
            .execute(connection)
            .during("wait for a month that is being loaded")?;
        sql_query(MAKE_PARTITION)
            .bind::<Text, _>(name(month))
            .bind::<BigInt, _>(from.get())
            .bind::<BigInt, _>(until.get())
            .execute(connection)
            .during("make a partition")?;
        Ok(())
    })
}

/// In which of the two places a month is loaded, 0 or 1. Months that follow one another have different ones.
pub(super) fn loading_place((year, month): Month) -> i32 {
    (year * 12 + month as i32).rem_euclid(2)
}

/// Takes the place that a month is loaded in, to the end of the transaction; false when another process has it.
pub(super) fn try_hold_place(connection: &mut PgConnection, month: Month) -> Result<bool, StoreError> {
    diesel::select(pg_try_advisory_xact_lock(PLACE_CLASS, loading_place(month)))
        .get_result(connection)
        .during("take the place of a month")
}

/// Whether bars are kept in partitions by month.
pub(super) fn is_partitioned(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let row: TableExists = sql_query(IS_PARTITIONED).get_result(connection).during("look for partitions")?;
    Ok(row.is_there)
}

/// Whether a month's partition, or another table of its name, is there. Looks into the catalog's table: in the middle of a
/// transaction the server's cache of names does not have what others have committed.
pub(super) fn exists(connection: &mut PgConnection, month: Month) -> Result<bool, StoreError> {
    let row: TableExists =
        sql_query(TABLE_EXISTS).bind::<Text, _>(name(month)).get_result(connection).during("look for a partition")?;
    Ok(row.is_there)
}

/// How far a removal of bars before the horizon has come.
#[derive(Default)]
pub(in crate::store) struct Removal {
    /// The last symbol of which nothing is left to remove; none while there may be partitions to drop.
    done: Option<String>,
}

impl Removal {
    /// Drops the oldest partition that lies wholly before the horizon, detached and dropped in one transaction. When there is none
    /// left, removes what the others have before the horizon, symbol after symbol. Returns whether nothing is left.
    pub fn step(&mut self, connection: &mut PgConnection) -> Result<bool, StoreError> {
        let action = "remove old bars";
        connection.batch_execute(SHORT_WAIT).during(action)?;
        let Some(done) = &self.done else {
            let dropped: Option<String> =
                diesel::select(klines_drop_partition()).get_result(connection).during("drop a partition")?;
            self.done = dropped.is_none().then(String::new);
            return Ok(false);
        };
        let next: Option<String> = diesel::select(klines_remove_days(done)).get_result(connection).during(action)?;
        let is_complete = next.is_none();
        self.done = next;
        Ok(is_complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_run_over_the_year_end() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let found: Vec<String> = months(date("2026-11-30"), date("2027-02-01")).map(name).collect();
        let expected =
            ["market_klines_2026_11", "market_klines_2026_12", "market_klines_2027_01", "market_klines_2027_02"];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_month_starts_with_its_first_day_by_the_markets_clocks() {
        // 2026-11-01T00:00+08:00, and 1991-06-01T00:00+09:00 in daylight saving time.
        assert_eq!(starts_at(Hours::Sse, (2026, 11)).unwrap().get(), 1_793_462_400);
        assert_eq!(starts_at(Hours::Sse, (1991, 6)).unwrap().get(), 675_702_000);
        // 2026-11-01T00:00-04:00 in daylight saving time, the same of UTC, and 17:00 of the evening before.
        assert_eq!(starts_at(Hours::Nyse, (2026, 11)).unwrap().get(), 1_793_505_600);
        assert_eq!(starts_at(Hours::AroundTheClock, (2026, 11)).unwrap().get(), 1_793_491_200);
        assert_eq!(starts_at(Hours::Fx, (2026, 11)).unwrap().get(), 1_793_480_400);
    }

    #[test]
    fn a_month_is_known_by_the_name_of_its_partition() {
        assert_eq!(month_named("market_klines_2026_02"), Some((2026, 2)));
        for text in [
            "market_klines_2026_2",
            "market_klines_2026_13",
            "market_klines_2026_00",
            "market_klines_half",
            "public.x",
            "",
        ] {
            assert_eq!(month_named(text), None, "{text}");
        }
    }
}
