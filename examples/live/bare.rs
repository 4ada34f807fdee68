//! The same rows written and read by plain statements.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Double, Text};

/// Two sessions: one works, one listens.
pub struct Bare {
    session: PgConnection,
    listener: PgConnection,
}

/// The rows of one minute, ready to be sent.
#[derive(Default)]
pub struct Rows {
    symbols: Vec<String>,
    times: Vec<i64>,
    prices: [Vec<f64>; 4],
    volumes: Vec<i64>,
    states: Vec<State>,
}

#[derive(QueryableByName)]
struct Bar {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Text)]
    interval: String,
    #[diesel(sql_type = BigInt)]
    time: i64,
    #[diesel(sql_type = Double)]
    open: f64,
    #[diesel(sql_type = Double)]
    high: f64,
    #[diesel(sql_type = Double)]
    low: f64,
    #[diesel(sql_type = Double)]
    close: f64,
    #[diesel(sql_type = BigInt)]
    volume: i64,
}

#[derive(QueryableByName)]
struct State {
    #[diesel(sql_type = Text)]
    symbol: String,
    #[diesel(sql_type = Double)]
    current_price: f64,
    #[diesel(sql_type = Double)]
    volatility: f64,
    #[diesel(sql_type = Double)]
    trend: f64,
    #[diesel(sql_type = Text)]
    market_state: String,
    #[diesel(sql_type = BigInt)]
    last_update: i64,
    #[diesel(sql_type = Double)]
    change_percent: f64,
    #[diesel(sql_type = BigInt)]
    volume: i64,
}

const TABLES: &str = "
    CREATE SCHEMA bare;
    CREATE TABLE bare.market_klines (LIKE public.market_klines INCLUDING ALL) PARTITION BY RANGE (time);
    CREATE TABLE bare.march PARTITION OF bare.market_klines FOR VALUES FROM (1772294400) TO (1774972800);
    CREATE TABLE bare.stock_state (LIKE public.stock_state INCLUDING ALL) WITH (fillfactor = 50);
    CREATE UNLOGGED TABLE bare.stock_realtime_price (LIKE public.stock_realtime_price INCLUDING ALL) WITH (fillfactor = 50);
    CREATE TABLE bare.market_status (LIKE public.market_status INCLUDING ALL);
    CREATE TEMP TABLE incoming (symbol text, time bigint, open float8, high float8, low float8, close float8, volume bigint);
";

diesel::table! {
    incoming (symbol) {
        symbol -> Text,
        time -> BigInt,
        open -> Double,
        high -> Double,
        low -> Double,
        close -> Double,
        volume -> BigInt,
    }
}

impl Bare {
    pub fn beside(url: &str) -> Self {
        let mut session = PgConnection::establish(url).expect("the database answers");
        session.batch_execute(TABLES).expect("tables can be made");
        let mut listener = PgConnection::establish(url).expect("the database answers");
        listener.batch_execute("LISTEN klined_bars").expect("it listens");
        Self { session, listener }
    }

    /// When the first notification that waits was read; none when there is none.
    pub fn hear(&mut self) -> Option<Instant> {
        // What the server has sent is read with the answer of a statement.
        self.listener.batch_execute("SELECT 1").expect("it answers");
        let heard = self.listener.notifications_iter().count() > 0;
        heard.then(Instant::now)
    }

    /// A minute that klined has written.
    pub fn rows_of(&mut self, minute: i64) -> Rows {
        let bars: Vec<Bar> = sql_query(
            "SELECT symbol, interval, time, open::float8, high::float8, low::float8, close::float8, volume \
             FROM public.market_klines WHERE interval = '1m' AND time = $1 ORDER BY symbol COLLATE \"C\"",
        )
        .bind::<BigInt, _>(minute)
        .get_results(&mut self.session)
        .expect("bars");
        let states = sql_query(
            "SELECT symbol, s.current_price::float8, volatility::float8, trend::float8, market_state, s.last_update, \
             change_percent::float8, volume FROM public.stock_state s JOIN public.stock_realtime_price USING (symbol) \
             ORDER BY symbol COLLATE \"C\"",
        )
        .get_results(&mut self.session)
        .expect("states");
        let mut rows = Rows { states, ..Rows::default() };
        for bar in bars {
            rows.symbols.push(bar.symbol);
            rows.times.push(bar.time);
            for (column, price) in rows.prices.iter_mut().zip([bar.open, bar.high, bar.low, bar.close]) {
                column.push(price);
            }
            rows.volumes.push(bar.volume);
        }
        rows
    }

    /// Bars, states, prices and status in one transaction, bars as arrays.
    pub fn write_arrays(&mut self, rows: &Rows) -> Duration {
        self.forget(rows);
        let began = Instant::now();
        self.session
            .transaction(|session| {
                sql_query(
                    "INSERT INTO bare.market_klines (symbol, interval, time, open, high, low, close, volume) \
                     SELECT unnest($1::text[]), '1m', unnest($2::bigint[]), unnest($3::float8[]), unnest($4::float8[]), \
                     unnest($5::float8[]), unnest($6::float8[]), unnest($7::bigint[]) ON CONFLICT (symbol, interval, time) DO \
                     UPDATE \
                     SET open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close, \
                     volume = EXCLUDED.volume",
                )
                .bind::<Array<Text>, _>(&rows.symbols)
                .bind::<Array<BigInt>, _>(&rows.times)
                .bind::<Array<Double>, _>(&rows.prices[0])
                .bind::<Array<Double>, _>(&rows.prices[1])
                .bind::<Array<Double>, _>(&rows.prices[2])
                .bind::<Array<Double>, _>(&rows.prices[3])
                .bind::<Array<BigInt>, _>(&rows.volumes)
                .execute(session)?;
                states(session, &rows.states)
            })
            .expect("it is written");
        began.elapsed()
    }

    /// The same with bars by COPY to a temporary table and INSERT from there.
    pub fn write_copy(&mut self, rows: &Rows) -> Duration {
        self.forget(rows);
        let began = Instant::now();
        self.session
            .transaction(|session| {
                let lines: Vec<_> = (0..rows.symbols.len())
                    .map(|n| {
                        (
                            incoming::symbol.eq(&rows.symbols[n]),
                            incoming::time.eq(rows.times[n]),
                            incoming::open.eq(rows.prices[0][n]),
                            incoming::high.eq(rows.prices[1][n]),
                            incoming::low.eq(rows.prices[2][n]),
                            incoming::close.eq(rows.prices[3][n]),
                            incoming::volume.eq(rows.volumes[n]),
                        )
                    })
                    .collect();
                session.batch_execute("TRUNCATE incoming")?;
                diesel::copy_from(incoming::table).from_insertable(&lines).execute(session)?;
                session.batch_execute(
                    "INSERT INTO bare.market_klines (symbol, interval, time, open, high, low, close, volume) \
                     SELECT symbol, '1m', time, open, high, low, close, volume FROM incoming",
                )?;
                states(session, &rows.states)
            })
            .expect("it is written");
        began.elapsed()
    }

    /// The bars of a minute must be new each time.
    fn forget(&mut self, rows: &Rows) {
        if let Some(time) = rows.times.first() {
            sql_query("DELETE FROM bare.market_klines WHERE time = $1")
                .bind::<BigInt, _>(time)
                .execute(&mut self.session)
                .expect("bars go");
        }
    }

    /// Reads the minutes since one by the key, and writes the roll-ups that hold them from arrays: the two times.
    pub fn roll_up(&mut self, from: i64) -> (Duration, Duration) {
        let began = Instant::now();
        let minutes: Vec<Bar> = sql_query(
            "SELECT k.symbol, '1m' AS interval, k.time, k.open::float8, k.high::float8, k.low::float8, k.close::float8, \
             k.volume FROM rollup_watermark w CROSS JOIN LATERAL (SELECT * FROM public.market_klines k \
             WHERE k.symbol = w.symbol AND k.interval = '1m' AND k.time >= $1) k",
        )
        .bind::<BigInt, _>(from)
        .get_results(&mut self.session)
        .expect("minutes");
        let read = began.elapsed();
        assert!(!minutes.is_empty());
        let bars: Vec<Bar> = sql_query(
            "SELECT symbol, interval, time, open::float8, high::float8, low::float8, close::float8, volume \
             FROM public.market_klines WHERE interval <> '1m' AND xmin::text IN (SELECT xmin::text FROM rollup_watermark) \
             ORDER BY symbol COLLATE \"C\", interval, time",
        )
        .get_results(&mut self.session)
        .expect("roll-ups");
        let began = Instant::now();
        self.session.transaction(|session| upsert(session, &bars)).expect("it is written");
        (read, began.elapsed())
    }
}

/// Writes roll-ups from arrays.
fn upsert(session: &mut PgConnection, bars: &[Bar]) -> QueryResult<usize> {
    let price = |of: fn(&Bar) -> f64| bars.iter().map(of).collect::<Vec<_>>();
    sql_query(
        "INSERT INTO bare.market_klines (symbol, interval, time, open, high, low, close, volume) \
         SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::bigint[]), unnest($4::float8[]), unnest($5::float8[]), \
         unnest($6::float8[]), unnest($7::float8[]), unnest($8::bigint[]) ON CONFLICT (symbol, interval, time) DO UPDATE SET \
         open = EXCLUDED.open, \
         high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close, volume = EXCLUDED.volume",
    )
    .bind::<Array<Text>, _>(bars.iter().map(|bar| bar.symbol.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(bars.iter().map(|bar| bar.interval.as_str()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(bars.iter().map(|bar| bar.time).collect::<Vec<_>>())
    .bind::<Array<Double>, _>(price(|bar| bar.open))
    .bind::<Array<Double>, _>(price(|bar| bar.high))
    .bind::<Array<Double>, _>(price(|bar| bar.low))
    .bind::<Array<Double>, _>(price(|bar| bar.close))
    .bind::<Array<BigInt>, _>(bars.iter().map(|bar| bar.volume).collect::<Vec<_>>())
    .execute(session)
}

fn states(session: &mut PgConnection, rows: &[State]) -> QueryResult<()> {
    let symbols: Vec<&str> = rows.iter().map(|row| row.symbol.as_str()).collect();
    let prices: Vec<f64> = rows.iter().map(|row| row.current_price).collect();
    let times: Vec<i64> = rows.iter().map(|row| row.last_update).collect();
    sql_query(
        "INSERT INTO bare.stock_state (symbol, current_price, volatility, trend, market_state, last_update) \
         SELECT unnest($1::text[]), unnest($2::float8[]), unnest($3::float8[]), unnest($4::float8[]), unnest($5::text[]), \
         unnest($6::bigint[]) \
         ON CONFLICT (symbol) DO UPDATE SET current_price = EXCLUDED.current_price, volatility = EXCLUDED.volatility, \
         trend = EXCLUDED.trend, market_state = EXCLUDED.market_state, last_update = EXCLUDED.last_update, updated_at = now()",
    )
    .bind::<Array<Text>, _>(&symbols)
    .bind::<Array<Double>, _>(&prices)
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.volatility).collect::<Vec<_>>())
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.trend).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.market_state.as_str()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(&times)
    .execute(session)?;
    sql_query(
        "INSERT INTO bare.stock_realtime_price (symbol, current_price, change_percent, volume, last_update) \
         SELECT unnest($1::text[]), unnest($2::float8[]), unnest($3::float8[]), unnest($4::bigint[]), unnest($5::bigint[]) \
         ON CONFLICT (symbol) DO UPDATE SET current_price = EXCLUDED.current_price, \
         change_percent = EXCLUDED.change_percent, volume = EXCLUDED.volume, last_update = EXCLUDED.last_update, \
         updated_at = now()",
    )
    .bind::<Array<Text>, _>(&symbols)
    .bind::<Array<Double>, _>(&prices)
    .bind::<Array<Double>, _>(rows.iter().map(|row| row.change_percent).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.volume).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(&times)
    .execute(session)?;
    session.batch_execute(
        "INSERT INTO bare.market_status (id, is_trading, current_session, session_start, session_end, last_update) \
         VALUES (1, true, 'morning', 1, 2, now()) ON CONFLICT (id) DO UPDATE SET last_update = EXCLUDED.last_update; \
         NOTIFY bare_bars, '1'",
    )
}
