#!/usr/bin/env bash
# The market's server under load: requests a second, times, WebSockets, memory. Not part of CI.
#
#   benches/load.sh                      all of it; some minutes and 5 GB of disk for the market that it asks
#   benches/load.sh rest                 only that part: rest, one (a stock each), all (all stocks)
#   RUNS=5 SECONDS_EACH=20 CLIENTS=100 benches/load.sh rest
#   STOCKS=100 DAYS=10 benches/load.sh   a smaller market
#   LOAD_DATABASE=postgresql://… benches/load.sh rest     one that there is; it must have $STOCKS stocks of ashare
#
# PostgreSQL is a server of its own that is removed at the end. Clients and server share the machine. Before each run of `rest`
# comes one against a server that answers the same bytes whatever it is asked: the ratio of the two says more than either.
set -euo pipefail
cd "$(dirname "$0")/.."
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"

part=${1:-} runs=${RUNS:-3} time=${SECONDS_EACH:-10} clients=${CLIENTS:-100} stocks=${STOCKS:-1000} days=${DAYS:-85}
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

wanted rest && rest=yes || rest=''
if [ -z "${LOAD_DATABASE:-}" ]; then cluster; fi

if [ -n "$rest" ]; then
    url=${LOAD_DATABASE:-$admin}
    [ -n "${LOAD_DATABASE:-}" ] || fill "$url" "$stocks" "$days"
    serve "$url"
    mapfile -t paths < <(curl -sf "http://$address/api/v1/tickers?limit=1000" | grep -o '"symbol":"[^"]*"' |
        sed 's#.*:"\(.*\)"#/api/v1/bars/\1?limit=200#')
    [ "${#paths[@]}" -gt 0 ] || fail "the market has no stocks"
    bytes=$(curl -sf "http://$address${paths[0]}" | wc -c)
    constant=127.0.0.1:$(shuf -i 20000-60000 -n 1)
    "$load" constant "$constant" "$bytes" & servers+=("$!")
    sleep 1
    echo "== $clients clients, the latest 200 bars of ${#paths[@]} stocks"
    "$load" rest "$address" "$clients" 3 "${paths[@]}" >/dev/null
    for _ in $(seq "$runs"); do
        echo "constant: $("$load" rest "$constant" "$clients" "$time" /)"
        echo "bars:     $("$load" rest "$address" "$clients" "$time" "${paths[@]}")"
    done
    kill "$server" && wait "$server" || true
fi

feed() { # clients, one or all
    local before after
    serve "$live"
    for _ in $(seq "$runs"); do
        before=$(resident "$server")
        "$load" feed "$address" "$1" "${FEED_SECONDS:-150}" "$2" & local client=$!
        sleep "$((${FEED_SECONDS:-150} - 20))"
        after=$(resident "$server")
        wait "$client" || true
        echo "memory: $before kB before, $after kB with $1 clients: $(((after - before) / $1)) kB a client"
    done
    kill "$server" && wait "$server" || true
}
if wanted one || wanted all; then
    [ -n "${admin:-}" ] || cluster
    psql -Xq "$admin" -c 'CREATE DATABASE live'
    live=${admin%/*}/live
    fill "$live" 500 2
    "$bin/market-generator" --test --speed 1 --db-url "$live" >"$place/generator.log" 2>&1 & servers+=("$!")
    sleep 5
    if wanted one; then echo "== 2,000 WebSockets on one stock each"; feed 2000 one; fi
    if wanted all; then echo "== 200 WebSockets on all of 500 stocks"; feed 200 all; fi
fi
