#!/usr/bin/env bash
# Foreign exchange: rows a second of CPU time in memory, and into a QuestDB server of its own beside a replay of buffers that were made
# before, Parquet files with INSERT … FROM read_parquet, memory over a simulated week, and how long after a second its rows are queryable.
# All figures that are compared are of the same run and take turns.
#
#   benches/fx.sh [ROUNDS]
#
# ROWS=N           rows of market_data of each round (default 1,500,000)
# PART=rows|server|week|now   one part alone
# ORIGINAL=DIR     has the original generator's fx_data_generator.py beside it, and PYTHON what it imports; it is measured with the same rows a
#                  second and levels. Its ports are fixed, so nothing else may listen on 9000 to 9002.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
rows=${ROWS:-1500000}
part=${PART:-all}
folder=$(mktemp -d)
script=crates/klined-fx/tests/questdb.sh
trap '"$script" kill "$folder/server" || true; rm -rf "$folder"' EXIT
wanted() { [ "$part" = all ] || [ "$part" = "$1" ]; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

cargo build -q --release -p klined-fx
program=$PWD/target/release/fx-generator
export FX_START_TS=2025-07-07T13:30:00 FX_MODE=faster-than-life KLINED_NO_LOG_FILES=1

if wanted rows; then cargo bench -q -p klined-fx --bench rows; fi

if wanted server || wanted now; then
    port=$([ -n "${ORIGINAL:-}" ] && echo 9000 || echo 29600)
    export FX_HTTP_PORT=$port FX_PG_PORT=$((port + 1)) FX_ILP_PORT=$((port + 2)) FX_CREATE_VIEWS=false
    JAVA_FLAGS="-Xmx2g -XX:+UseParallelGC" "$script" start "$folder/server" "$port" target/tmp/questdb $$
fi
sql() { curl -fsSG -o /dev/null "http://127.0.0.1:$port/exec" --data-urlencode "query=$1"; }
value() { curl -fsSG "http://127.0.0.1:$port/exp" --data-urlencode "query=$1" | tail -n +2 | tr -d '\r'; }
now() { date +%s.%N; }
since() { awk "BEGIN { print $(now) - $1 }"; }
drop() { for table in market_data core_price fx_trades; do sql "DROP TABLE IF EXISTS $table$1"; done; }
# A run of one row makes the tables.
tables() { "$program" --suffix "$1" --total_market_data_events 1 2>/dev/null; }
await() { until [ "$(value "SELECT count() FROM market_data$1")" = "$rows" ]; do sleep 0.02; done; }

if wanted server; then
    cargo bench -q -p klined-fx --bench replay --no-run
    for round in $(seq "$rounds"); do
        tables _replay
        cargo bench -q -p klined-fx --bench replay -- "$port" $((port + 1)) "$rows" _replay | tee -a "$folder/replay"
        drop _replay
        tables _run
        "$program" --suffix _run --total_market_data_events "$rows" --processes 1 2>&1 |
            sed -n 's/.*sent and applied in \([0-9.]*\) s.*/\1/p' | tee -a "$folder/run"
        drop _run
        tables _file
        begun=$(now)
        "$program" --to "file:$folder/server/import/f" --format parquet --total_market_data_events "$rows" --processes 1 2>/dev/null
        since "$begun" >>"$folder/write"
        begun=$(now)
        sql "INSERT INTO market_data_file SELECT timestamp, symbol, bids, asks, best_bid, best_ask FROM read_parquet('f/market_data.parquet')"
        sql "INSERT INTO core_price_file SELECT * FROM read_parquet('f/core_price.parquet')"
        sql "INSERT INTO fx_trades_file SELECT * FROM read_parquet('f/fx_trades.parquet')"
        await _file
        since "$begun" | tee -a "$folder/read"
        drop _file
        echo "round $round of $rounds"
    done
    replay=$(median <"$folder/replay") run=$(median <"$folder/run") write=$(median <"$folder/write") read=$(median <"$folder/read")
    echo "seconds for $rows books with their prices and trades, medians of $rounds: replay $replay, run $run, Parquet written $write, read $read"
    awk "BEGIN { printf \"run / replay of prepared buffers %.2f, read_parquet / http %.2f, with the writing %.2f\n\",
        $replay / $run, $run / $read, $run / ($write + $read) }"
fi

if wanted server && [ -n "${ORIGINAL:-}" ]; then
    # The same work for both: 1,000 to 15,000 books and 800 to 1,100 prices a second, five levels, one process.
    work=(--mode faster-than-life --host 127.0.0.1 --pg_port $((port + 1)) --protocol http --market_data_min_eps 1000 --market_data_max_eps 15000
        --core_min_eps 800 --core_max_eps 1100 --min_levels 5 --max_levels 5 --processes 1 --create_views false --start_ts "$FX_START_TS"
        --total_market_data_events)
    TIMEFORMAT='%R %U'
    for _ in $(seq "$rounds"); do
        { time "${PYTHON:-python3}" "$ORIGINAL/fx_data_generator.py" "${work[@]}" 300000 >"$folder/original.log" 2>&1; } 2>>"$folder/original"
        drop ''
        { time "$program" "${work[@]}" 300000 2>"$folder/ours.log"; } 2>>"$folder/ours"
        drop ''
    done
    for column in 1 2; do
        awk -v original="$(cut -d' ' -f$column "$folder/original" | median)" -v ours="$(cut -d' ' -f$column "$folder/ours" | median)" -v column="$column" 'BEGIN {
            printf "300,000 books, %s: original %.2f s, ours %.2f s, ratio %.1f\n", column == 1 ? "from start to end" : "processor time of the program", original, ours, original / ours }'
    done
fi

if wanted now; then
    # A run in real time: how long after the end of a second all of its rows can be queried, and how far the sending drifts.
    env -u FX_START_TS "$program" --mode real-time --always_open true --suffix _now --market_data_min_eps 5000 --market_data_max_eps 15000 \
        --processes 1 2>"$folder/now.log" &
    running=$!
    sleep 5
    for _ in $(seq "${NOW_SECONDS:-30}"); do
        value "SELECT datediff('u', max(timestamp), systimestamp()) FROM market_data_now" >>"$folder/age"
        sleep 1
    done
    kill -TERM "$running"
    wait "$running"
    # The newest row's age is at most 1 s, a second's length, and the time until that second's rows are applied.
    sort -g "$folder/age" | awk '{ v[NR] = $1 / 1e6 } END { printf "age of the newest row in %d looks, seconds: median %.2f, most %.2f\n", NR, v[int((NR + 1) / 2)], v[NR] }'
    echo "stretches of seconds that were more than a second late: $(grep -c 'seconds are late' "$folder/now.log" || true)"
fi

if wanted week; then
    # A week of few rows: what grows with time shows, whatever the rows cost.
    env FX_START_TS=2025-07-06T21:00:00 "$program" --to "file:$folder/week" --end_ts 2025-07-11T21:00:00 --market_data_min_eps 1 \
        --market_data_max_eps 1 --core_min_eps 1 --core_max_eps 1 --total_market_data_events 1_000_000 --processes 1 2>"$folder/week.log" &
    running=$!
    while [ -d "/proc/$running" ] && grep -q VmRSS "/proc/$running/status" 2>/dev/null; do
        awk '/VmRSS/ { print $2 / 1024 }' "/proc/$running/status" >>"$folder/memory" || true
        sleep 1
    done
    wait "$running"
    awk '{ v[NR] = $1 } END { printf "a week of the market, megabytes resident in %d looks: at a tenth %.0f, a half %.0f, the end %.0f\n",
        NR, v[int(NR / 10) + 1], v[int(NR / 2) + 1], v[NR] }' "$folder/memory"
fi
