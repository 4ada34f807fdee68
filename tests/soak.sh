#!/bin/bash
# Generator and aggregator under faults, for an hour or as long as asked; not part of CI.
#
#   tests/soak.sh [--minutes 60] [--sqlite] [--seed 42] [--speed 600]
#
# Runs both daemons in test mode on a throw-away database, kills and starts them like a supervisor, and disturbs the server:
# sessions ended, restarts, immediate shutdowns, sessions stalled, tables locked. Then tells them to stop, completes the last
# day, verifies the database, compares it with a backfill of the same span that nothing disturbed, and prints a report. Exit
# status 0 when both hold. Uses the programs in $KLINED_BIN or target/debug.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=60 backend=postgres seed=42 speed=600
while [ $# -gt 0 ]; do
    case $1 in
    --minutes) minutes=$2 && shift ;;
    --seed) seed=$2 && shift ;;
    --speed) speed=$2 && shift ;;
    --sqlite) backend=sqlite ;;
    *) sed -n '2,9p' "$0" && exit 2 ;;
    esac
    shift
done
programs=$(realpath "${KLINED_BIN:-target/debug}")
first=2020-01-02
dir=$(mktemp -d)
export KLINED_NO_LOG_FILES=true DB_TIMEOUT_SECONDS=5
RANDOM=$seed

generator='' aggregator='' holder=''
finish() {
    [ -z "$generator" ] || kill -9 "$generator" 2>/dev/null || true
    [ -z "$aggregator" ] || kill -9 "$aggregator" 2>/dev/null || true
    [ -z "$holder" ] || kill -9 "$holder" 2>/dev/null || true
    rm -rf "$dir"
}
trap finish EXIT

if [ $backend = postgres ]; then
    coproc CLUSTER { exec tests/support/cluster.sh; }
    read -r port <&"${CLUSTER[0]}"
    sql() { psql -XqAt -h 127.0.0.1 -p "$port" -U postgres -d "$@"; }
    wish() { echo "$*" >&"${CLUSTER[1]}" && read -r _ <&"${CLUSTER[0]}"; }
    sql postgres -c 'CREATE DATABASE soak' -c 'CREATE DATABASE calm'
    soak=postgresql://postgres@127.0.0.1:$port/soak
    calm=postgresql://postgres@127.0.0.1:$port/calm
    query() { sql "${1##*/}" -c "$2"; }
else
    soak=sqlite:///$dir/soak.db
    calm=sqlite:///$dir/calm.db
    query() { sqlite3 -cmd '.timeout 10000' "${1#sqlite:///}" "$2"; }
fi

declare -A faults=() restarts=([generator]=0 [aggregator]=0)
run() { # name, words
    local name=$1 && shift
    DATABASE_URL=$soak "$programs/$name" "$@" >>"$dir/$name.log" 2>&1 &
}
start_generator() { run market-generator --test --speed "$speed" && generator=$!; }
start_aggregator() { run data-aggregator --interval 1 && aggregator=$!; }
rss() { awk '/^VmRSS/ {print $2}' "/proc/$1/status" 2>/dev/null || echo 0; }
age() { ps -o etimes= -p "$1" | tr -d ' '; }

# What died is started again, as a supervisor does.
has_ended() { ! kill -0 "$1" 2>/dev/null && { wait "$1" 2>/dev/null || true; }; }
supervise() {
    if has_ended "$generator"; then restarts[generator]=$((restarts[generator] + 1)) && start_generator; fi
    if has_ended "$aggregator"; then restarts[aggregator]=$((restarts[aggregator] + 1)) && start_aggregator; fi
}
sessions() { sql soak -c "SELECT $1 FROM pg_stat_activity WHERE application_name LIKE 'klined%'" || true; }

disturb() {
    local fault=$1 pids
    case $fault in
    kill-generator) kill -9 "$generator" && { wait "$generator" 2>/dev/null || true; } ;;
    kill-aggregator) kill -9 "$aggregator" && { wait "$aggregator" 2>/dev/null || true; } ;;
    freeze-generator) kill -STOP "$generator" && sleep 3 && kill -CONT "$generator" ;;
    end-sessions) sessions 'pg_terminate_backend(pid)' >/dev/null ;;
    restart) wish stop fast && sleep 1 && wish start ;;
    crash) wish stop immediate && sleep 2 && wish start ;;
    stall)
        pids=$(sessions pid)
        # shellcheck disable=SC2086
        kill -STOP $pids 2>/dev/null || true
        sleep 4
        # shellcheck disable=SC2086
        kill -CONT $pids 2>/dev/null || true
        ;;
    lock)
        sql soak -c 'BEGIN' -c 'LOCK TABLE market_klines, stock_state IN EXCLUSIVE MODE' -c 'SELECT pg_sleep(7)' >/dev/null
        ;;
    esac || true
    faults[$fault]=$((${faults[$fault]:-0} + 1))
}

kinds=(kill-generator kill-aggregator freeze-generator)
[ $backend = sqlite ] || kinds+=(end-sessions restart crash stall lock)

DATABASE_URL=$soak "$programs/market-backfill" --from $first --to $first --seed "$seed" >"$dir/backfill.log" 2>&1
begun=$(query "$soak" "SELECT max(last_update) FROM stock_state")
start_generator
start_aggregator
SECONDS=0
sleep 15
generator_rss=$(rss "$generator") aggregator_rss=$(rss "$aggregator")
while [ $SECONDS -lt $((minutes * 60)) ]; do
    pause=$((RANDOM % 12 + 2))
    while [ $pause -gt 0 ] && [ $SECONDS -lt $((minutes * 60)) ]; do
        sleep 1
        supervise
        pause=$((pause - 1))
    done
    disturb "${kinds[RANDOM % ${#kinds[@]}]}"
done
# A last stretch in peace: whoever waits for another try comes back.
for _ in $(seq 45); do sleep 1 && supervise; done
generator_end="$(rss "$generator") kB at an age of $(age "$generator") s"
aggregator_end="$(rss "$aggregator") kB at an age of $(age "$aggregator") s"
kill -TERM "$generator" "$aggregator"
outcome=0
for pid in "$generator" "$aggregator"; do
    wait "$pid" || { echo "a daemon ended with status $? after the signal to stop" && outcome=1; }
done
generator='' aggregator=''

last=$(query "$soak" "SELECT max(last_update) FROM stock_state")
last_day=$(TZ=Asia/Shanghai date -d "@$last" +%F)
written=$("$programs/klined" calendar --from $first --to "$last_day" --minutes | awk -v a="$begun" -v b="$last" '$1 > a && $1 <= b' | wc -l)
for url in "$soak" "$calm"; do
    DATABASE_URL=$url "$programs/market-backfill" --from $first --to "$last_day" --seed "$seed" >>"$dir/backfill.log" 2>&1 || {
        tail -n 5 "$dir/backfill.log" && outcome=1
    }
done
verified=$("$programs/klined" verify --db-url "$soak") || outcome=1
contents() {
    query "$1" "SELECT symbol, interval, time, open, high, low, close, volume FROM market_klines ORDER BY 1, 2, 3"
    query "$1" "SELECT symbol, current_price, volatility, trend, market_state, last_update FROM stock_state ORDER BY 1"
    query "$1" "SELECT symbol, day, opening FROM model_checkpoint ORDER BY 1"
    query "$1" "SELECT symbol, first_day, last_day FROM stock_listing ORDER BY 1, 2"
}
soaked=$(contents "$soak" | sha256sum) undisturbed=$(contents "$calm" | sha256sum)
[ "$soaked" = "$undisturbed" ] || outcome=1

echo "soak on $backend: $minutes minutes, --speed $speed, seed $seed"
echo "minutes generated: $written, from $first to $last_day"
for fault in "${kinds[@]}"; do echo "fault $fault: ${faults[$fault]:-0}"; done
echo "restarts: generator ${restarts[generator]}, aggregator ${restarts[aggregator]}"
echo "memory of the generator: $generator_rss kB after 15 s, $generator_end"
echo "memory of the aggregator: $aggregator_rss kB after 15 s, $aggregator_end"
echo "waits before another try: $(cat "$dir"/*.log | grep -c retry_in_ms || true)"
echo "errors that ended a daemon:"
grep -h '^error: \|panicked' "$dir/market-generator.log" "$dir/data-aggregator.log" | cut -c1-160 | sort | uniq -c | sort -rn || true
echo "verify: $(tail -n 1 <<<"$verified")"
echo "equal to an undisturbed backfill: $([ "$soaked" = "$undisturbed" ] && echo yes || echo NO)"
exit $outcome
