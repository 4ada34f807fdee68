//! Month partitions of `market_klines`: `market_klines_YYYY_MM`, from the month's first instant in Asia/Shanghai to the
//! next month's.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Asia::Shanghai;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use super::super::StoreError;
use super::super::error::During;
use super::super::transaction;
use crate::base::UnixSeconds;

/// A calendar month: year and month from 1.
pub(super) type Month = (i32, u32);

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The months that two dates lie in, and those between.
pub(super) fn months(from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = Month> {
    let last = (to.year(), to.month());
    std::iter::successors(Some((from.year(), from.month())), |&month| Some(following(month)))
        .take_while(move |&month| month <= last)
}

/// Makes the partitions of months that have none.
pub(super) fn ensure(connection: &mut PgConnection, wanted: &[Month]) -> Result<(), StoreError> {
    let existing = existing(connection)?;
    for &month in wanted.iter().filter(|&&month| existing.binary_search(&name(month)).is_err()) {
        make(connection, month)?;
    }
    Ok(())
}

/// The names of the partitions that months from one date to another lack.
pub(super) fn missing(
    connection: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<String>, StoreError> {
    let existing = existing(connection)?;
    Ok(months(from, to).map(name).filter(|name| existing.binary_search(name).is_err()).collect())
}

/// Makes the partitions that bars of these times need and that are missing; false when none was.
pub(super) fn make_for(
    connection: &mut PgConnection,
    times: impl Iterator<Item = UnixSeconds> + Clone,
) -> Result<bool, StoreError> {
    let day = |time: UnixSeconds| Shanghai.timestamp_opt(time, 0).single().map(|instant| instant.date_naive());
    let (Some(from), Some(to)) = (times.clone().min().and_then(day), times.max().and_then(day)) else {
        return Ok(false);
    };
    let are_missing = !missing(connection, from, to)?.is_empty();
    ensure(connection, &months(from, to).collect::<Vec<_>>())?;
    Ok(are_missing)
}

fn following((year, month): Month) -> Month {
    if month == 12 { (year + 1, 1) } else { (year, month + 1) }
}

fn name((year, month): Month) -> String {
    format!("market_klines_{year:04}_{month:02}")
}

/// The first instant of a month in Asia/Shanghai, in Unix seconds.
fn starts_at((year, month): Month) -> i64 {
    let first = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default().and_time(NaiveTime::MIN);
    Shanghai.from_local_datetime(&first).earliest().map_or(0, |instant| instant.timestamp())
}

fn existing(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let rows: Vec<NameRow> = sql_query(
        "SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = 'market_klines'::regclass",
    )
    .get_results(connection)
    .during("list partitions")?;
    let mut names: Vec<String> = rows.into_iter().map(|row| row.name).collect();
    names.sort();
    Ok(names)
}

/// A table of its own that is then attached: unlike `CREATE TABLE … PARTITION OF`, this does not lock out readers. The
/// triggers for rows come with attaching; the one for statements sees only those that name its own table.
fn make(connection: &mut PgConnection, month: Month) -> Result<(), StoreError> {
    let (name, from, to) = (name(month), starts_at(month), starts_at(following(month)));
    transaction::run(connection, "make a partition", |connection| {
        // One at a time: a daemon and a backfill may want the same month at the same moment.
        connection
            .batch_execute("LOCK TABLE market_klines IN SHARE UPDATE EXCLUSIVE MODE")
            .during("make a partition")?;
        if existing(connection)?.binary_search(&name).is_ok() {
            return Ok(());
        }
        connection
            .batch_execute(&format!(
                "CREATE TABLE {name} (LIKE market_klines INCLUDING DEFAULTS); \
                 CREATE TRIGGER klines_inserted AFTER INSERT ON {name} REFERENCING NEW TABLE AS inserted \
                 FOR EACH STATEMENT EXECUTE FUNCTION klines_note_inserted(); \
                 ALTER TABLE market_klines ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({to})"
            ))
            .during("make a partition")
    })
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
    fn a_month_starts_at_midnight_in_shanghai() {
        // 2026-11-01T00:00+08:00, and 1991-06-01T00:00+09:00 in daylight saving time.
        assert_eq!(starts_at((2026, 11)), 1_793_462_400);
        assert_eq!(starts_at((1991, 6)), 675_702_000);
    }
}
