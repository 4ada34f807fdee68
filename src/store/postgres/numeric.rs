//! Prices as PostgreSQL's `numeric`: base-10000 digits, sent without going through text.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::data_types::PgNumeric;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Numeric;

use klined_market::base::Price;

/// A price on its way into a `numeric(10,2)` column.
#[derive(Debug, Clone, Copy, AsExpression, FromSqlRow)]
#[diesel(sql_type = Numeric)]
pub(super) struct PgPrice(pub Price);

/// Decimals of a price.
const SCALE: u16 = 2;

impl ToSql<Numeric, Pg> for PgPrice {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let ticks = self.0.ticks();
        let (units, hundredths) = (ticks / 100, ticks % 100);
        // A price has at most eight digits before the point: two digits of base 10000 and one after it.
        let digits = [units / 10_000, units % 10_000, hundredths * 100].map(|digit| digit as i16);
        let (weight, digits) = if digits[0] == 0 { (0, &digits[1..]) } else { (1, &digits[..]) };
        let number = PgNumeric::Positive { weight, scale: SCALE, digits: digits.to_vec() };
        ToSql::<Numeric, Pg>::to_sql(&number, &mut out.reborrow())
    }
}

/// A stored price in currency units: the double nearest to it. An operator may have written any number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::store) struct StoredPrice(f64);

impl From<StoredPrice> for f64 {
    fn from(price: StoredPrice) -> Self {
        price.0
    }
}

/// What the word of the sign says of a number below zero, and of one that is none or infinite.
const NEGATIVE: u16 = 0x4000;
const SPECIAL: u16 = 0xC000;

impl FromSql<Numeric, Pg> for StoredPrice {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        price_of(value.as_bytes()).map(Self).ok_or_else(|| "a numeric ends too early".into())
    }
}

/// The number of digits, the power of 10000 of the first, the sign, the decimals shown, and the digits.
fn price_of(bytes: &[u8]) -> Option<f64> {
    let (words, _) = bytes.as_chunks::<2>();
    let [count, power, sign, _, digits @ ..] = words else { return None };
    if u16::from_be_bytes(*sign) & SPECIAL == SPECIAL {
        return Some(f64::NAN);
    }
    let digits = digits.get(..usize::from(u16::from_be_bytes(*count)))?;
    let power = i32::from(i16::from_be_bytes(*power));
    // In hundredths, which the column holds all of exactly; the division rounds once.
    let mut hundredths = 0.0;
    for (digit, power) in digits.iter().zip((i32::MIN..=power).rev()) {
        let digit = f64::from(u16::from_be_bytes(*digit)) * 100.0;
        hundredths += if power < 0 { digit / 10_000_f64.powi(-power) } else { digit * 10_000_f64.powi(power) };
    }
    let units = hundredths / 100.0;
    Some(if u16::from_be_bytes(*sign) == NEGATIVE { -units } else { units })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(power: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
        let head = [digits.len() as u16, power as u16, sign, SCALE];
        head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn every_hundredth_is_read_as_the_double_nearest_to_it() {
        for ticks in (0..2_000_000_i64).chain((0..9_999_999_999).step_by(99_991)) {
            let (units, part) = ((ticks / 100) as u32, (ticks % 100) as u16);
            let digits = [(units / 10_000) as u16, (units % 10_000) as u16, part * 100];
            assert_eq!(price_of(&numeric(1, 0, &digits)), Some(ticks as f64 / 100.0), "{ticks}");
        }
    }

    #[test]
    fn what_is_no_price_is_read_as_what_it_is() {
        assert_eq!(price_of(&numeric(0, NEGATIVE, &[12, 3400])), Some(-12.34));
        assert_eq!(price_of(&numeric(0, 0, &[])), Some(0.0));
        assert_eq!(price_of(&numeric(-1, 0, &[500])), Some(0.05));
        for special in [0xC000, 0xD000, 0xF000] {
            assert!(price_of(&numeric(0, special, &[])).is_some_and(f64::is_nan));
        }
        assert_eq!(price_of(&numeric(1, 0, &[1, 2, 3])[..12]), None);
        assert_eq!(price_of(&[]), None);
    }
}
