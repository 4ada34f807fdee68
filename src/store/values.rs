//! Values of the columns whose types the two databases spell differently, or that diesel does not know: decimals, days and instants.
//!
//! PostgreSQL's binary `numeric` is made of 16-bit words: the number of digits, the power of 10000 of the first digit, the sign,
//! the decimals shown, and then the digits of base 10000.

use std::io::Write;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::data_types::{PgDate, PgTimestamp};
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Date, Double, Text, Timestamptz};
use diesel::sqlite::Sqlite;

use klined_market::base::{Price, Traded, UnixSeconds};

use super::schema::sql_types::{ClockTime, FixedPoint};

/// Decimals of a price and of a turnover.
const SCALE: u16 = 2;
/// The most bytes of a price as binary `numeric`: four words before the digits, and at most three digits.
const PRICE_BYTES_MAX: usize = 14;
/// The same of a turnover, which has at most five digits.
const TURNOVER_BYTES_MAX: usize = 18;
/// Words of the sign: of a number below zero, and of one that is no number or infinite.
const NEGATIVE: u16 = 0x4000;
const SPECIAL: u16 = 0xC000;
/// Powers of 10000 that a double holds exactly.
const POWERS: [f64; 6] = [1.0, 1e4, 1e8, 1e12, 1e16, 1e20];

/// A price on its way into a decimal column, exact in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, AsExpression)]
#[diesel(sql_type = FixedPoint)]
pub(super) struct ExactPrice(pub Price);

/// A price as the bytes of a binary `numeric`.
pub(super) type NumericPrice = NumericBytes<PRICE_BYTES_MAX>;
/// A turnover as the bytes of a binary `numeric`.
pub(super) type NumericTurnover = NumericBytes<TURNOVER_BYTES_MAX>;

/// A decimal as the bytes of a binary `numeric`.
pub(super) struct NumericBytes<const MAX: usize> {
    bytes: [u8; MAX],
    length: usize,
}

impl<const MAX: usize> NumericBytes<MAX> {
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The bytes and how many of them count. A copy of a fixed number of bytes takes no call.
    pub fn padded(&self) -> (&[u8; MAX], usize) {
        (&self.bytes, self.length)
    }

    /// That of digits of base 10000 without zeros at either end, the first of them at a power of 10000.
    fn of_digits(power: u16, digits: &[u16]) -> Self {
        let mut numeric = Self { bytes: [0; MAX], length: 8 + 2 * digits.len() };
        let words = [digits.len() as u16, power, 0, SCALE].into_iter().chain(digits.iter().copied());
        for (place, word) in numeric.bytes.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        numeric
    }
}

impl From<Price> for NumericPrice {
    /// A price has at most eight digits before the point: two digits of base 10000, and one after the point.
    fn from(price: Price) -> Self {
        let (units, hundredths) = (price.ticks() / 100, price.ticks() % 100);
        let digits = [units / 10_000, units % 10_000, hundredths * 100].map(|digit| digit as u16);
        let (power, first, last) =
            (u16::from(digits[0] != 0), usize::from(digits[0] == 0), 3 - usize::from(digits[2] == 0));
        Self::of_digits(power, &digits[first..last])
    }
}

impl From<Traded> for NumericTurnover {
    /// A turnover has at most 13 digits before the point: four digits of base 10000, and one after the point.
    fn from(traded: Traded) -> Self {
        let (mut units, hundredths) = (traded.turnover() / 100, traded.turnover() % 100);
        let mut digits = [0, 0, 0, 0, hundredths as u16 * 100];
        for digit in digits[..4].iter_mut().rev() {
            *digit = (units % 10_000) as u16;
            units /= 10_000;
        }
        let first = digits.iter().position(|&digit| digit != 0).unwrap_or(3);
        let last = digits.iter().rposition(|&digit| digit != 0).map_or(first, |last| last + 1);
        // A number below 1 has the power −1, and nothing has the power 0.
        Self::of_digits((3 - first as i16).cast_unsigned(), &digits[first..last])
    }
}

/// A turnover on its way into a decimal column, exact in PostgreSQL; in SQLite it is the double nearest to it.
#[derive(Debug, Clone, Copy, PartialEq, AsExpression)]
#[diesel(sql_type = FixedPoint)]
pub(super) struct ExactTurnover(pub Traded);

impl ToSql<FixedPoint, Pg> for ExactTurnover {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(NumericTurnover::from(self.0).as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<FixedPoint, Sqlite> for ExactTurnover {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.turnover_units());
        Ok(IsNull::No)
    }
}

impl ToSql<FixedPoint, Pg> for ExactPrice {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(NumericPrice::from(self.0).as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<FixedPoint, Sqlite> for ExactPrice {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.units());
        Ok(IsNull::No)
    }
}

/// A decimal as the double nearest to it; for prices, currency units. An operator may have stored any number.
#[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = FixedPoint)]
pub(super) struct Units(pub f64);

impl From<Units> for f64 {
    fn from(units: Units) -> Self {
        units.0
    }
}

impl FromSql<FixedPoint, Pg> for Units {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        units_of(value.as_bytes()).map(Self).ok_or_else(|| "a numeric ends too early".into())
    }
}

impl FromSql<FixedPoint, Sqlite> for Units {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <f64 as FromSql<Double, Sqlite>>::from_sql(value).map(Self)
    }
}

impl ToSql<FixedPoint, Sqlite> for Units {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

/// A binary `numeric` as the double nearest to it; NaN for one that is infinite.
fn units_of(bytes: &[u8]) -> Option<f64> {
    let (words, _) = bytes.as_chunks::<2>();
    let [count, power, sign, _, digits @ ..] = words else { return None };
    let sign = u16::from_be_bytes(*sign);
    if sign & SPECIAL == SPECIAL {
        return Some(f64::NAN);
    }
    let digits = digits.get(..usize::from(u16::from_be_bytes(*count)))?;
    // The power of 10000 of the last digit.
    let power = i32::from(i16::from_be_bytes(*power)) + 1 - digits.len() as i32;
    let whole = digits
        .iter()
        .try_fold(0_u64, |whole, digit| whole.checked_mul(10_000)?.checked_add(u64::from(u16::from_be_bytes(*digit))));
    let units = match (whole, POWERS.get(power.unsigned_abs() as usize)) {
        // Two exact doubles, so that only the division or multiplication rounds.
        (Some(whole), Some(scale)) if whole < 1 << 53 => {
            if power < 0 {
                whole as f64 / scale
            } else {
                whole as f64 * scale
            }
        }
        _ => {
            let digits: String = digits.iter().map(|digit| format!("{:04}", u16::from_be_bytes(*digit))).collect();
            format!("{digits}e{}", 4 * power).parse().ok()?
        }
    };
    Some(if sign == NEGATIVE { -units } else { units })
}

/// A trading day in a date column.
#[derive(Debug, Clone, Copy, PartialEq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Date)]
pub(super) struct DateValue(pub NaiveDate);

impl FromSql<Date, Pg> for DateValue {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let PgDate(days) = FromSql::<Date, Pg>::from_sql(value)?;
        let distance = Days::new(u64::from(days.unsigned_abs()));
        let epoch = NaiveDate::from_ymd_opt(2000, 1, 1);
        let day = if days < 0 {
            epoch.and_then(|epoch| epoch.checked_sub_days(distance))
        } else {
            epoch.and_then(|epoch| epoch.checked_add_days(distance))
        };
        day.map(Self).ok_or_else(|| format!("{days} days after 2000-01-01 is no date").into())
    }
}

impl FromSql<Date, Sqlite> for DateValue {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Date, Sqlite>>::from_sql(value)?;
        text.parse().map(Self).map_err(|error| format!("\"{text}\": {error}").into())
    }
}

impl ToSql<Date, Pg> for DateValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let epoch = NaiveDate::from_ymd_opt(2000, 1, 1).ok_or("there is no year 2000")?;
        let days = i32::try_from(self.0.signed_duration_since(epoch).num_days())?;
        ToSql::<Date, Pg>::to_sql(&PgDate(days), &mut out.reborrow())
    }
}

impl ToSql<Date, Sqlite> for DateValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.to_string());
        Ok(IsNull::No)
    }
}

/// Unix seconds of PostgreSQL's epoch, 2000-01-01 in UTC.
const PG_EPOCH: i64 = 946_684_800;
/// How SQLite's own functions, and SQLAlchemy, write an instant; a fraction of a second may follow.
const SQLITE_INSTANT: &str = "%Y-%m-%d %H:%M:%S";

/// An instant in a column of time, whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = ClockTime)]
pub(super) struct InstantValue(pub UnixSeconds);

impl FromSql<ClockTime, Pg> for InstantValue {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let PgTimestamp(micros) = FromSql::<Timestamptz, Pg>::from_sql(value)?;
        let seconds = micros.div_euclid(1_000_000).checked_add(PG_EPOCH);
        seconds
            .filter(|_| micros != i64::MAX && micros != i64::MIN)
            .map(|seconds| Self(UnixSeconds::new(seconds)))
            .ok_or_else(|| "an infinite instant".into())
    }
}

impl ToSql<ClockTime, Pg> for InstantValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let seconds = self.0.get().checked_sub(PG_EPOCH);
        let micros = seconds.and_then(|seconds| seconds.checked_mul(1_000_000)).ok_or("an instant is out of range")?;
        ToSql::<Timestamptz, Pg>::to_sql(&PgTimestamp(micros), &mut out.reborrow())
    }
}

impl FromSql<ClockTime, Sqlite> for InstantValue {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        let instant = NaiveDateTime::parse_from_str(&text, &format!("{SQLITE_INSTANT}%.f"));
        instant
            .map(|instant| Self(UnixSeconds::new(instant.and_utc().timestamp())))
            .map_err(|error| format!("\"{text}\": {error}").into())
    }
}

impl ToSql<ClockTime, Sqlite> for InstantValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        let instant = DateTime::from_timestamp(self.0.get(), 0).ok_or("an instant is out of range")?;
        out.set_value(instant.format(SQLITE_INSTANT).to_string());
        Ok(IsNull::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(power: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
        let head = [digits.len() as u16, power as u16, sign, SCALE];
        head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn every_price_is_read_as_the_double_nearest_to_it() {
        for ticks in (0..2_000_000_i64).chain((0..=9_999_999_999).step_by(99_991)) {
            let (units, part) = ((ticks / 100) as u32, (ticks % 100) as u16);
            let digits = [(units / 10_000) as u16, (units % 10_000) as u16, part * 100];
            let nearest = Some(ticks as f64 / 100.0);
            assert_eq!(units_of(&numeric(1, 0, &digits)), nearest, "{ticks}");
            if let Ok(price) = Price::from_ticks(ticks) {
                assert_eq!(units_of(NumericPrice::from(price).as_bytes()), nearest, "{ticks}");
            }
        }
    }

    #[test]
    fn prices_are_written_without_zeros_at_either_end() {
        let bytes = |ticks| NumericPrice::from(Price::from_ticks(ticks).unwrap()).as_bytes().to_vec();
        assert_eq!(bytes(1), numeric(0, 0, &[0, 100]));
        assert_eq!(bytes(1200), numeric(0, 0, &[12]));
        assert_eq!(bytes(1234), numeric(0, 0, &[12, 3400]));
        assert_eq!(bytes(1_000_000), numeric(1, 0, &[1, 0]));
        assert_eq!(bytes(9_999_999_999), numeric(1, 0, &[9999, 9999, 9900]));
    }

    #[test]
    fn every_turnover_is_read_as_the_double_nearest_to_it() {
        let all = (0..2_000_000_i64).chain((0..=Traded::TURNOVER_MAX).step_by(999_999_999_991));
        for turnover in all.chain([99, 100, 9_999, 10_000, 1_000_000, 100_000_000_000_000, Traded::TURNOVER_MAX]) {
            let traded = Traded::new(turnover, 1).unwrap();
            let read = units_of(NumericTurnover::from(traded).as_bytes());
            assert_eq!(read, Some(turnover as f64 / 100.0), "{turnover}");
        }
        let bytes = |turnover| NumericTurnover::from(Traded::new(turnover, 1).unwrap()).as_bytes().to_vec();
        assert_eq!(bytes(0), numeric(0, 0, &[]));
        assert_eq!(bytes(5), numeric(-1, 0, &[500]));
        assert_eq!(bytes(1_000_000), numeric(1, 0, &[1]));
        assert_eq!(bytes(1_234_567_890_123), numeric(2, 0, &[123, 4567, 8901, 2300]));
    }

    #[test]
    fn what_is_no_price_is_read_as_what_it_is() {
        assert_eq!(units_of(&numeric(0, NEGATIVE, &[12, 3400])), Some(-12.34));
        assert_eq!(units_of(&numeric(0, 0, &[])), Some(0.0));
        assert_eq!(units_of(&numeric(-1, 0, &[500])), Some(0.05));
        // 0.0333 and 9999999999999.99, of other columns.
        assert_eq!(units_of(&numeric(-1, 0, &[333])), Some(0.0333));
        assert_eq!(units_of(&numeric(3, 0, &[9, 9999, 9999, 9999, 9900])), Some(9_999_999_999_999.99));
        assert_eq!(units_of(&numeric(9, 0, &[1])), Some(1e36));
        assert_eq!(units_of(&numeric(-9, 0, &[1])), Some(1e-36));
        for special in [0xC000, 0xD000, 0xF000] {
            assert!(units_of(&numeric(0, special, &[])).is_some_and(f64::is_nan));
        }
        assert_eq!(units_of(&numeric(1, 0, &[1, 2, 3])[..12]), None);
        assert_eq!(units_of(&[]), None);
    }
}
