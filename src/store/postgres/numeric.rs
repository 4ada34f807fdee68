//! Prices as PostgreSQL's `numeric`: base-10000 digits, sent without going through text.

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::pg::data_types::PgNumeric;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Numeric;

use crate::base::Price;

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
