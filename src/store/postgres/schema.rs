//! The tables that only PostgreSQL has: those that a month is loaded into, and from which it becomes a partition of
//! `market_klines`. The rest is in [`super::super::schema`].

/// A table like `market_klines`.
macro_rules! loading_table {
    ($name:ident) => {
        diesel::table! {
            use diesel::sql_types::{BigInt, Nullable, Varchar};
            use $crate::store::schema::sql_types::{FixedPoint, ClockTime};

            $name (symbol, interval, time) {
                symbol -> Varchar,
                interval -> Varchar,
                time -> BigInt,
                open -> FixedPoint,
                high -> FixedPoint,
                low -> FixedPoint,
                close -> FixedPoint,
                volume -> BigInt,
                created_at -> ClockTime,
                turnover -> Nullable<FixedPoint>,
                trades -> Nullable<BigInt>,
            }
        }
    };
}
loading_table!(market_klines_loading_a);
loading_table!(market_klines_loading_b);
