//! The tables as the migrations of both databases leave them: the same tables and columns in the same order. Where the
//! databases spell a type differently, a type of [`sql_types`] stands for both. `tests/it/db/schema.rs` compares this file with the
//! catalogs of a migrated PostgreSQL and a migrated SQLite.

pub(super) mod sql_types {
    //! Types that the two databases spell differently.

    use diesel::query_builder::QueryId;
    use diesel::sql_types::SqlType;

    /// A decimal: `numeric(p,s)` in PostgreSQL; in SQLite, which has no decimals, the double nearest to it.
    #[derive(Clone, Copy, QueryId, SqlType)]
    #[diesel(postgres_type(oid = 1700, array_oid = 1231), sqlite_type(name = "Double"))]
    pub struct FixedPoint;

    /// An instant, of the database's own clock or the market's: `timestamptz` in PostgreSQL, the text of a UTC time in SQLite.
    #[derive(Clone, Copy, QueryId, SqlType)]
    #[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Text"))]
    pub struct ClockTime;
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Varchar};
    use crate::store::schema::sql_types::{FixedPoint, ClockTime};

    market_klines (symbol, interval, time) {
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

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Varchar};
    use crate::store::schema::sql_types::{FixedPoint, ClockTime};

    stock_metadata (symbol) {
        symbol -> Varchar,
        name -> Varchar,
        sector -> Varchar,
        base_price -> FixedPoint,
        base_volatility -> FixedPoint,
        is_active -> Bool,
        created_at -> ClockTime,
        board -> Varchar,
        is_st -> Bool,
        beta -> FixedPoint,
        daily_turnover -> FixedPoint,
        drift -> FixedPoint,
        min_price -> Nullable<FixedPoint>,
        max_price -> Nullable<FixedPoint>,
    }
}

diesel::table! {
    use diesel::sql_types::{Date, Text, Varchar};

    stock_parameters (symbol, first_day) {
        symbol -> Varchar,
        first_day -> Date,
        parameters -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Varchar};
    use crate::store::schema::sql_types::{FixedPoint, ClockTime};

    stock_state (symbol) {
        symbol -> Varchar,
        current_price -> FixedPoint,
        volatility -> FixedPoint,
        trend -> FixedPoint,
        market_state -> Varchar,
        last_update -> BigInt,
        created_at -> ClockTime,
        updated_at -> ClockTime,
        is_halted -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Varchar};
    use crate::store::schema::sql_types::{FixedPoint, ClockTime};

    stock_realtime_price (symbol) {
        symbol -> Varchar,
        current_price -> FixedPoint,
        change_percent -> FixedPoint,
        volume -> BigInt,
        last_update -> BigInt,
        updated_at -> ClockTime,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Integer, Varchar};
    use crate::store::schema::sql_types::ClockTime;

    market_status (id) {
        id -> Integer,
        is_trading -> Bool,
        current_session -> Varchar,
        session_start -> BigInt,
        session_end -> BigInt,
        last_update -> ClockTime,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Varchar};
    use crate::store::schema::sql_types::ClockTime;

    market_identity (id) {
        id -> Integer,
        seed -> Varchar,
        model -> Varchar,
        created_at -> ClockTime,
        retained_from -> Nullable<BigInt>,
        calendar -> Varchar,
    }
}

diesel::table! {
    role_epoch (role) {
        role -> Varchar,
        epoch -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Date, Text, Varchar};
    use crate::store::schema::sql_types::ClockTime;

    model_checkpoint (symbol) {
        symbol -> Varchar,
        day -> Date,
        opening -> Text,
        updated_at -> ClockTime,
    }
}

diesel::table! {
    stock_listing (symbol, first_day) {
        symbol -> Varchar,
        first_day -> Date,
        last_day -> Nullable<Date>,
    }
}

diesel::table! {
    rollup_watermark (symbol) {
        symbol -> Varchar,
        folded_to -> BigInt,
    }
}

diesel::table! {
    rollup_dirty (id) {
        symbol -> Varchar,
        time -> BigInt,
        claimed -> Bool,
        id -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Integer, Text, Varchar};
    use crate::store::schema::sql_types::ClockTime;

    market_scenario (id) {
        id -> Integer,
        name -> Varchar,
        definition -> Text,
        created_at -> ClockTime,
    }
}

diesel::table! {
    scenario_event (scenario, place) {
        scenario -> Integer,
        place -> Integer,
        kind -> Varchar,
        symbol -> Nullable<Varchar>,
        sector -> Nullable<Varchar>,
        regime -> Nullable<Varchar>,
        amount -> Nullable<Double>,
        from_time -> BigInt,
        until_time -> BigInt,
    }
}

diesel::table! {
    stock_halt (symbol, from_time) {
        symbol -> Varchar,
        from_time -> BigInt,
        until_time -> BigInt,
    }
}

diesel::table! {
    market_clock (id) {
        id -> Integer,
        pace -> Varchar,
        speed -> Double,
        open_minute -> BigInt,
        opened_at_ns -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::Varchar;
    use crate::store::schema::sql_types::ClockTime;

    __diesel_schema_migrations (version) {
        version -> Varchar,
        run_on -> ClockTime,
    }
}

diesel::joinable!(scenario_event -> market_scenario (scenario));
diesel::allow_tables_to_appear_in_same_query!(
    model_checkpoint,
    rollup_watermark,
    stock_listing,
    stock_metadata,
    stock_realtime_price,
    stock_state,
);
diesel::allow_tables_to_appear_in_same_query!(market_scenario, scenario_event);
