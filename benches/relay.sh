#!/usr/bin/env bash
# What a record costs on its way from a database through Kafka into ClickHouse: processor time for a million records, with 1 and 3 brokers,
# with 1 and 3 databases (shards), and with 1 to 3 servers of a ClickHouse cluster.
#
#     benches/relay.sh                          40 stocks, bars of January of 2026, ticks of its last day
#     STOCKS=300 TO=2026-06-30 TICKS_FROM=2026-06-29 ROUNDS=5 benches/relay.sh
#     KINDS=bars CLICKHOUSE=no benches/relay.sh
#     KINDS= benches/relay.sh                   the figures of ClickHouse alone
#     PROFILE=debug benches/relay.sh            with the programs of target/debug
#
# Starts brokers and ZooKeeper (Java, Maven), a ClickHouse engine (PyPI) and a cluster (a Debian package) on loopback and removes
# them. Each figure of relays and brokers is the median of ROUNDS runs, and each figure of ClickHouse is of one run.
set -euo pipefail
cd "$(dirname "$0")/.."
stocks=${STOCKS:-40} to=${TO:-2026-01-30} ticks_from=${TICKS_FROM:-2026-01-30} rounds=${ROUNDS:-3} profile=${PROFILE:-release}
read -ra kinds <<<"${KINDS-bars ticks}"
servers=crates/klined-exchange/tests/servers
bin=target/$profile
place=$(mktemp -d)
jars=target/tmp/kafka
pids=()

end() {
    for folder in "$place"/broker*/; do [ ! -d "$folder" ] || "$servers/kafka.sh" kill "${folder%/}" || true; done
    [ ! -d "$place/clickhouse" ] || "$servers/clickhouse.sh" kill "$place/clickhouse" || true
    [ ! -d "$place/cluster" ] || "$servers/clickhouse_cluster.sh" kill "$place/cluster" || true
    rm -rf "$place"
}
trap end EXIT

[ "$profile" != release ] || cargo build --release --quiet -p klined -p klined-relay --features klined-relay/platform --bins
mkdir -p target/tmp

# A database for each shard, and one for the whole market. Bars do not depend on the number of databases.
"$bin/klined" universe "ashare:$stocks" >"$place/all.csv"
fill() { # name of the database, CSV file
    "$bin/market-backfill" --db-url "sqlite:///$place/$1.db" --seed 42 --universe "$2" --from 2026-01-05 --to "$to" --no-log-files >/dev/null 2>&1
}
fill whole "$place/all.csv"
for part in 1 2 3; do
    awk -v part=$((part - 1)) 'NR == 1 || (NR - 2) % 3 == part' "$place/all.csv" >"$place/part$part.csv"
    fill "part$part" "$place/part$part.csv"
done

# Processor time of processes in hundredths of a second, user and system.
spent() { cat $(printf '/proc/%s/stat ' "$@") | awk '{ sum += $14 + $15 } END { print sum }'; }
median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

brokers() { # how many: sets $pids and $address
    local nth voters=() waits=()
    pids=() address=
    for nth in $(seq "$1"); do voters+=("$nth@127.0.0.1:$((29001 + 10 * nth))"); done
    for nth in $(seq "$1"); do
        mkdir -p "$place/broker$nth"
        KAFKA_NODE=$nth KAFKA_VOTERS=$(IFS=,; echo "${voters[*]}") KAFKA_REPLICAS=$1 \
            "$servers/kafka.sh" start "$place/broker$nth" $((29000 + 10 * nth)) "$jars" &
        waits+=($!)
        address+=,127.0.0.1:$((29000 + 10 * nth))
    done
    for nth in "${waits[@]}"; do wait "$nth"; done
    for nth in $(seq "$1"); do pids+=("$(cat "$place/broker$nth/pid")"); done
    address=${address#,}
}

no_brokers() {
    local folder
    for folder in "$place"/broker*/; do "$servers/kafka.sh" kill "${folder%/}"; rm -rf "$folder"; done
}

relay() { # database, topics, flags: prints user and system time in hundredths
    local name=$1 topics=$2
    shift 2
    TIMEFORMAT='%U %S'
    { time KAFKA_BROKERS=$address "$bin/market-relay" --once --no-log-files --db-url "sqlite:///$place/$name.db" \
        --bars-topic "$topics-bars" --ticks-topic "$topics-ticks" "$@" >/dev/null 2>"$place/log"; } 2>&1 | awk '{ print int(100 * ($1 + $2)) }'
}

records() { # topics, kind: from the relay's own log
    KAFKA_BROKERS=$address "$bin/market-relay" --once --no-log-files --db-url "sqlite:///$place/whole.db" --bars-topic "$1-bars" \
        --ticks-topic "$1-ticks" --only "$2" "${@:3}" 2>&1 >/dev/null | sed -n 's/.*records=\([0-9]*\).*/\1/p' | tail -1
}

# The statements of a file, as version 18 of ClickHouse takes them: without some settings and columns of the Kafka engine, a short type of texts, and
# a parameter. Sent to the database `market` at a port.
old_server() {
    sed -E "/handle_error_mode|max_block_size|flush_interval_ms/d; s/LowCardinality\\(String\\)/String/g; s/, 'UTC'\\)/)/g; s/(WHERE|AND) _error = ''//g" |
        python3 -c 'import sys, urllib.request
for statement in sys.stdin.read().split(";\n"):
    if statement.strip() and "_error" not in statement:
        urllib.request.urlopen(sys.argv[1], statement.encode()).read()' "http://127.0.0.1:$1/?database=market"
}

row() { printf '| %s | %s | %s | %s |\n' "$@"; }
per_million() { awk -v spent="$1" -v count="$2" 'BEGIN { printf "%.2f s", spent / 100 * 1e6 / count }'; }

row 'run' 'records' 'relays, CPU for 1 M' 'brokers, CPU for 1 M'
row '---' '---' '---' '---'
round=0
for nodes in 1 3; do
    brokers "$nodes"
    first=r$((round + 1))
    # Brokers on Java are slow at first.
    relay whole warm --only bars >/dev/null
    for kind in "${kinds[@]}"; do
        for format in json binary; do
            : >"$place/relays" && : >"$place/brokers"
            for _ in $(seq "$rounds"); do
                round=$((round + 1))
                before=$(spent "${pids[@]}")
                since=()
                [ "$kind" = bars ] || since=(--from "$ticks_from")
                relay whole "r$round" --only "$kind" --format "$format" "${since[@]}" >>"$place/relays"
                echo $(($(spent "${pids[@]}") - before)) >>"$place/brokers"
            done
            count=$(records "r$round" "$kind" --format "$format")
            row "$nodes brokers, 1 database, $kind, $format" "$count" "$(per_million "$(median <"$place/relays")" "$count")" \
                "$(per_million "$(median <"$place/brokers")" "$count")"
        done
    done
    : >"$place/relays" && : >"$place/brokers"
    for _ in $([ ${#kinds[@]} = 0 ] || seq "$rounds"); do
        round=$((round + 1))
        before=$(spent "${pids[@]}")
        waits=()
        for part in 1 2 3; do
            relay "part$part" "r$round" --only bars --part "$part/3" >"$place/relay$part" &
            waits+=($!)
        done
        for nth in "${waits[@]}"; do wait "$nth"; done
        cat "$place"/relay[123] | awk '{ sum += $1 } END { print sum }' >>"$place/relays"
        echo $(($(spent "${pids[@]}") - before)) >>"$place/brokers"
    done
    if [ ${#kinds[@]} != 0 ]; then
        count=$(records "$first" bars)
        row "$nodes brokers, 3 databases, bars, json" "$count" "$(per_million "$(median <"$place/relays")" "$count")" \
            "$(per_million "$(median <"$place/brokers")" "$count")"
    fi
    if [ "$nodes" != 1 ] || [ "${CLICKHOUSE:-yes}" = no ]; then
        no_brokers
        continue
    fi
    # ClickHouse, beside the one broker: from the setup of its tables until it has every bar.
    "$servers/clickhouse.sh" start "$(mkdir -p "$place/clickhouse" && echo "$place/clickhouse")" 29500 target/tmp/chdb
    engine=$(cat "$place/clickhouse/pid")
    ask() { curl -s "http://127.0.0.1:29500/?database=market" --data-binary "$1"; }
    for format in json binary; do
        round=$((round + 1))
        relay whole "r$round" --format "$format" --only bars >/dev/null
        relay whole "r$round" --format "$format" --only ticks --from "$ticks_from" >/dev/null
        bars=$(records "r$round" bars --format "$format") ticks=$(records "r$round" ticks --format "$format")
        before=$(spent "$engine")
        KAFKA_BROKERS=$address CLICKHOUSE_PORT=29500 CLICKHOUSE_DB=market "$bin/market-relay" clickhouse-setup --format "$format" \
            --bars-topic "r$round-bars" --ticks-topic "r$round-ticks" >/dev/null
        while [ "$(ask 'SELECT (SELECT count() FROM market_bars) + (SELECT count() FROM market_trades) + (SELECT count() FROM market_quotes)')" != $((bars + ticks)) ]; do
            sleep 0.5
        done
        row "ClickHouse, bars and ticks, $format" $((bars + ticks)) "$(per_million $(($(spent "$engine") - before)) $((bars + ticks))) (ClickHouse)" '-'
        [ "$format" = binary ] || ask 'DROP DATABASE market'
    done
    "$servers/clickhouse.sh" kill "$place/clickhouse"
    # A cluster of 1 to 3 servers: while bars come in, and for 20 queries of all symbols' bars of an hour.
    for shards in 1 2 3; do
        round=$((round + 1))
        # Makes the topic; there are no bars of that day.
        relay whole "r$round" --only bars --partitions 6 --from 2026-12-31 >/dev/null
        mkdir -p "$place/cluster"
        SHARDS=$shards "$servers/clickhouse_cluster.sh" start "$place/cluster" 29600 target/tmp/clickhouse-cluster
        mapfile -t engines < <(tail -n +2 "$place/cluster/pids")
        ports=()
        for nth in $(seq 0 $((shards - 1))); do ports+=($((29600 + 3 * nth))); done
        ask() { curl -s "http://127.0.0.1:${ports[0]}/?database=market" --data-binary "$1"; }
        each() { for engine in "${engines[@]}"; do spent "$engine"; done; }
        # Of all servers, and of the one that did most, since the numbers before: for a million bars.
        shares() { paste - <(each) | awk -v count="$1" '{ own = $2 - $1; sum += own; if (own > most) most = own }
            END { printf "%.2f s, %.2f s of it by one\n", sum / 100 * 1e6 / count, most / 100 * 1e6 / count }'; }
        for port in "${ports[@]}"; do curl -s "http://127.0.0.1:$port/" --data-binary 'CREATE DATABASE market'; done
        for topics in --without-topics ''; do
            for port in "${ports[@]}"; do
                # shellcheck disable=SC2086 # no words where there is none
                KAFKA_BROKERS=$address CLICKHOUSE_PORT=$port CLICKHOUSE_DB=market "$bin/market-relay" clickhouse-setup --cluster klined --print \
                    $topics --bars-topic "r$round-bars" --ticks-topic "r$round-ticks" | old_server "$port"
            done
        done
        # The servers divide the partitions among them before the bars come.
        sleep 10
        before=$(each)
        relay whole "r$round" --only bars >/dev/null
        bars=$(records "r$round" bars)
        while [ "$(ask 'SELECT count() FROM market_bars FINAL')" != "$bars" ]; do sleep 0.5; done
        row "ClickHouse cluster, $shards servers, bars" "$bars" "$(shares "$bars" <<<"$before")" '-'
        before=$(each)
        for _ in $(seq 20); do ask 'SELECT count(), sum(volume), max(high) FROM market_bars_60m' >/dev/null; done
        row "ClickHouse cluster, $shards servers, 20 queries" "$bars" "$(shares $((20 * bars)) <<<"$before")" '-'
        "$servers/clickhouse_cluster.sh" kill "$place/cluster"
        rm -rf "$place/cluster"
    done
    no_brokers
done
