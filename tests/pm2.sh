#!/usr/bin/env bash
# deploy/pm2 under the real pm2, from npm: start, kill -9, restarted and writing on, logs, stop.
#
#   tests/pm2.sh [DIRECTORY OF THE PROGRAMS]    default target/debug
#
# pm2 is installed into target/pm2 once. All else is in a directory that is removed at the end, pm2's own daemon included.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$(cd "${1:-target/debug}" && pwd)
pm2_version=7
tool=target/pm2
place=$(mktemp -d)
export PM2_HOME=$place/pm2 KLINED_HOME=$place/home KLINED_BIN=$bin KLINED_HEALTH_ADDR= KLINED_API_ADDR=127.0.0.1:0
unset NOTIFY_SOCKET

fail() { echo "pm2.sh: $1" >&2; pm2 logs --nostream --lines 20 >&2 || true; exit 1; }

if [ ! -x "$tool/node_modules/.bin/pm2" ]; then
    mkdir -p "$tool"
    npm install --no-audit --no-fund --loglevel=error --prefix "$tool" "pm2@$pm2_version" >/dev/null
fi
pm2() { "$PWD/$tool/node_modules/.bin/pm2" "$@" </dev/null; }
trap 'pm2 kill >/dev/null 2>&1 || true; rm -rf "$place"' EXIT

process() { pm2 pid "$1" | tail -n 1; }
bars() {
    "$bin/klined" verify --db-url "sqlite:///$KLINED_HOME/market.db" 2>/dev/null | sed -n 's/^checked \([0-9]*\) 1-minute bars.*/\1/p'
}
until_it_is() { # what, command…: true within a minute
    local what=$1 tries
    shift
    for tries in $(seq 300); do
        if "$@"; then return; fi
        sleep 0.2
    done
    fail "waited in vain until $what"
}
restarted() { local now; now=$(process "$1"); [ -n "$now" ] && [ "$now" != 0 ] && [ "$now" != "$2" ]; }
has_more() { local now; now=$(bars); [ "${now:-0}" -gt "${1:-0}" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
said() { grep -qs "$2" "$PM2_HOME/logs/$1-error.log"; }

mkdir "$KLINED_HOME"
printf 'DATABASE_URL=sqlite:///market.db\nKLINED_TEST=1\nKLINED_SPEED=600\n' >"$KLINED_HOME/.env"
"$bin/market-backfill" --from 2026-03-02 --to 2026-03-02 --db-url "sqlite:///$KLINED_HOME/market.db" --no-log-files 2>/dev/null

pm2 start deploy/pm2/ecosystem.config.js >/dev/null || fail "pm2 does not start the programs"
until_it_is "the generator writes" has_more "$(bars)"
for name in market-generator data-aggregator; do
    until_it_is "$name has said that it started" said "$name" started
    before=$(process "$name")
    kill -9 "$before"
    until_it_is "$name is started again" restarted "$name" "$before"
done
until_it_is "the generator writes on" has_more "$(bars)"
pm2 logs market-generator --nostream --lines 50 | grep -q started || fail "pm2 logs does not show the generator's"

generator=$(process market-generator)
pm2 stop all >/dev/null
until_it_is "the generator has ended" gone "$generator"
said market-generator ' stopped' || fail "the generator did not end by itself"
"$bin/klined" verify --db-url "sqlite:///$KLINED_HOME/market.db" >/dev/null || fail "the database is damaged"
echo "pm2.sh: ok"
