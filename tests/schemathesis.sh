#!/usr/bin/env bash
# schemathesis on the OpenAPI document of a real `klined up`: nothing fails with 5xx, every status and body is one that the
# document tells of, what it forbids is refused, and no route answers without the key.
#
#   tests/schemathesis.sh [DIRECTORY OF THE PROGRAMS]    default target/debug
#   EXAMPLES=500 tests/schemathesis.sh                   more cases of each route, default 25
#   SEED=7 tests/schemathesis.sh                         others, default 1
#
# On SQLite and on a throw-away PostgreSQL server. schemathesis is installed into target/schemathesis once, from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$(cd "${1:-target/debug}" && pwd)
version=4.32.5
tool=$PWD/target/schemathesis/$version
place=$(mktemp -d)
server=''
unset NOTIFY_SOCKET KLINED_API_ADDR

finish() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf "$place"
}
trap finish EXIT
fail() { echo "schemathesis.sh: $1" >&2; tail -n 20 "$place"/*.log >&2 || true; exit 1; }

if [ ! -x "$tool/bin/schemathesis" ]; then
    rm -rf "$tool"
    python3 -m venv "$tool" || fail "there is no venv of Python; install the package python3-venv"
    "$tool/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" || fail "schemathesis cannot be installed"
fi

"$bin/klined" key schemathesis >"$place/keys.toml" 2>"$place/key.txt"
echo 'requests_per_second = 1000000' >>"$place/keys.toml"
key=$(sed 's/.*: //' "$place/key.txt")

start() { # database URL
    "$bin/klined" up --addr 127.0.0.1:0 --rate 1000000 --api-keys "$place/keys.toml" --days 3 --no-log-files --db-url "$1" \
        >"$place/up.log" 2>&1 &
    server=$!
    for _ in $(seq 300); do
        url=$(sed -n 's/.*serving the market on \(http[^ ]*\).*/\1/p' "$place/up.log")
        if [ -n "$url" ]; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    fail "klined up does not serve"
}

# One run with stocks that there are, which is how the handlers' insides are reached, and one with whatever name.
mkdir "$place/named"
printf '[parameters]\n"path.ticker" = ["AAPL", "MSFT"]\n"query.symbol" = ["AAPL", "MSFT"]\n' >"$place/named/schemathesis.toml"
: >"$place/schemathesis.toml"
try() { # directory of the configuration
    # A start after the end, or the 30th of February, is refused though no document can forbid it: hence without that check.
    (cd "$1" && "$tool/bin/schemathesis" run "$url/openapi.json" -H "X-API-Key: $key" --checks all \
        --exclude-checks positive_data_acceptance --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-25}" \
        --seed "${SEED:-1}" --continue-on-failure --generation-database none --suppress-health-check all --no-color \
        --warnings off) || fail "the server and its document do not agree"
}

coproc CLUSTER { exec tests/support/cluster.sh; }
read -r port <&"${CLUSTER[0]}" || fail "there is no PostgreSQL server"
for database in "sqlite:///$place/market.db" "postgresql://postgres@127.0.0.1:$port/postgres"; do
    echo "== ${database%%:*}"
    start "$database"
    try "$place/named"
    try "$place"
    kill -0 "$server" 2>/dev/null || fail "klined up has ended"
    kill "$server" && wait "$server" || fail "klined up ended with $?"
    server=''
    ! grep -E ' ERROR |panicked' "$place/up.log" || fail "the server's log tells of an error"
done
echo "schemathesis.sh: ok"
