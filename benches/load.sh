#!/usr/bin/env bash
# The market's server under load: requests a second, times, WebSockets, memory. Not part of CI.
#
#   benches/load.sh                      all of it; some minutes and 5 GB of disk for the market that it asks
#   benches/load.sh rest                 only that part: rest, one (a stock each), all (all stocks)
#   RUNS=5 SECONDS_EACH=20 CLIENTS=100 benches/load.sh rest
#   STOCKS=100 DAYS=10 benches/load.sh   a smaller market
#   FEED_SECONDS=90 FEED_STOCKS=100 benches/load.sh all
#   LOAD_DATABASE=postgresql://… benches/load.sh rest     a market that there is
#
# PostgreSQL is a server of its own that is removed at the end. Clients and server share the machine, so requests a second of the
# server's own processor time are told as well. Before each run of `rest` comes one against a server that answers the same bytes
# whatever it is asked: the ratio of the two says more than either.
set -euo pipefail
cd "$(dirname "$0")/.."

part=${1:-} runs=${RUNS:-3} time=${SECONDS_EACH:-10} clients=${CLIENTS:-100} stocks=${STOCKS:-1000} days=${DAYS:-85}
feed_time=${FEED_SECONDS:-150} feed_stocks=${FEED_STOCKS:-500} sockets=${SOCKETS:-2000}
bin=$(realpath "${CARGO_TARGET_DIR:-target}")/release
place=$(mktemp -d)
servers=()
export KLINED_NO_LOG_FILES=true
unset NOTIFY_SOCKET
finish() {
    for server in "${servers[@]}"; do kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; done
    rm -rf "$place"
}
trap finish EXIT
fail() { echo "load.sh: $1" >&2; tail -n 5 "$place"/*.log >&2 2>/dev/null || true; exit 1; }
wanted() { [ -z "$part" ] || [ "$part" = "$1" ]; }
case $part in '' | rest | one | all) ;; *) fail "there is no part $part: rest, one or all" ;; esac

# Client and server each have a file for every connection, and some more.
ulimit -n "$(ulimit -Hn)"
files=$(ulimit -n)
if [ "$files" != unlimited ] && [ "$files" -lt $((sockets + 200)) ]; then
    echo "load.sh: only $files open files are allowed (ulimit -Hn), so $((files - 200)) WebSockets instead of $sockets" >&2
    sockets=$((files - 200))
    [ "$sockets" -gt 0 ] || fail "that is too few; raise the limit"
fi

# Where they are there already, they are not built again.
[ -n "${NO_BUILD:-}" ] || cargo build --release --quiet --bin market-api --bin market-backfill --bin market-generator --example load
load=$bin/examples/load

cluster() {
    coproc CLUSTER { exec tests/support/cluster.sh; }
    read -r port <&"${CLUSTER[0]}" || fail "there is no PostgreSQL server"
    admin=postgresql://postgres@127.0.0.1:$port/postgres
}
fill() { # database URL, stocks, days
    DATABASE_URL=$1 "$bin/market-backfill" --days "$3" --universe "ashare:$2" >"$place/backfill.log" 2>&1 || fail "backfill"
}
serve() { # database URL: sets address and server
    local log=$place/api-${#servers[@]}.log
    "$bin/market-api" --addr 127.0.0.1:0 --rate 4000000 --connections 8192 --connections-per-address 8192 --api-keys none \
        --db-url "$1" >"$log" 2>&1 &
    server=$!
    servers+=("$server")
    for _ in $(seq 300); do
        address=$(sed -n 's#.*serving the market on http://\([^ ]*\).*#\1#p' "$log")
        if [ -n "$address" ]; then return; fi
        sleep 0.1
    done
    fail "market-api does not serve"
}
resident() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }
# Processor time of a process in hundredths of a second, and of a server of PostgreSQL with all its sessions, past ones too.
spent() { awk -v clock="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print int(($12 + $13) * 100 / clock)}' "/proc/$1/stat"; }
spent_by_database() { # URL
    local first
    first=$(psql -XAtq "$1" -c "SELECT pg_read_file('postmaster.pid')" | head -n 1)
    [ -r "/proc/$first/stat" ] || { echo 0; return; }
    { cat "/proc/$first/stat"; for child in $(pgrep -P "$first"); do cat "/proc/$child/stat" 2>/dev/null || true; done; } |
        awk -v clock="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); sum += $12 + $13 + (NR == 1 ? $14 + $15 : 0)}
            END {print int(sum * 100 / clock)}'
}
per_second() { # a line that begins with a rate, its seconds, hundredths of a second of the server, and of the database
    awk -v line="$1" -v time="$2" -v server="$3" -v database="$4" 'BEGIN {
        split(line, words, " "); asked = words[1] * time
        printf "%s; %d requests a second of the server'"'"'s processor time", line, asked * 100 / server
        if (database > 0) printf ", %d with the database'"'"'s", asked * 100 / (server + database)
        print ""
    }'
}

wanted rest && rest=yes || rest=''
if [ -z "${LOAD_DATABASE:-}" ]; then cluster; fi

if [ -n "$rest" ]; then
    url=${LOAD_DATABASE:-$admin}
    [ -n "${LOAD_DATABASE:-}" ] || fill "$url" "$stocks" "$days"
    serve "$url"
    mapfile -t paths < <(curl -sf "http://$address/api/v2/tickers?limit=1000" | grep -o '"symbol":"[^"]*"' |
        sed 's#.*:"\(.*\)"#/api/v2/bars/\1?limit=200#')
    [ "${#paths[@]}" -gt 0 ] || fail "the market has no stocks"
    bytes=$(curl -sf "http://$address${paths[0]}" | wc -c)
    constant=127.0.0.1:$(shuf -i 20000-60000 -n 1)
    "$load" constant "$constant" "$bytes" & peer=$!
    servers+=("$peer")
    sleep 1
    echo "== $clients clients, the latest 200 bars of ${#paths[@]} stocks"
    "$load" rest "$address" "$clients" 3 "${paths[@]}" >/dev/null
    for _ in $(seq "$runs"); do
        before=$(spent "$peer")
        line=$("$load" rest "$constant" "$clients" "$time" /)
        echo "constant: $(per_second "$line" "$time" $(($(spent "$peer") - before)) 0)"
        before=$(spent "$server") of_database=$(spent_by_database "$url")
        line=$("$load" rest "$address" "$clients" "$time" "${paths[@]}")
        echo "bars:     $(per_second "$line" "$time" $(($(spent "$server") - before)) $(($(spent_by_database "$url") - of_database)))"
    done
    kill "$server" && wait "$server" || true
fi

feed() { # clients, one or all
    local before after of_server
    serve "$live"
    for _ in $(seq "$runs"); do
        before=$(resident "$server")
        of_server=$(spent "$server")
        "$load" feed "$address" "$1" "$feed_time" "$2" & local client=$!
        sleep "$((feed_time - 10))"
        after=$(resident "$server")
        of_server=$(($(spent "$server") - of_server))
        wait "$client" || failed=yes
        echo "memory: $before kB before, $after kB with $1 clients: $(((after - before) / $1)) kB a client;" \
            "processor: $((of_server / (feed_time - 10))) % of one"
    done
    kill "$server" && wait "$server" || true
}
if wanted one || wanted all; then
    [ -n "${admin:-}" ] || cluster
    psql -Xq "$admin" -c 'CREATE DATABASE live'
    live=${admin%/*}/live
    fill "$live" "$feed_stocks" 2
    "$bin/market-generator" --test --speed 1 --db-url "$live" >"$place/generator.log" 2>&1 & servers+=("$!")
    sleep 5
    if wanted one; then echo "== $sockets WebSockets on one stock each"; feed "$sockets" one; fi
    if wanted all; then echo "== 200 WebSockets on all of $feed_stocks stocks"; feed 200 all; fi
fi
[ -z "${failed:-}" ] || fail "not everything was delivered in order"
