#!/usr/bin/env bash
# The chart page: that web/dist is what web/ builds, and the page in headless Chromium before a real market. Or the playback page of
# klined-venue, which is no part of web/ but is tested with its tools.
#
#   tests/web.sh [DIRECTORY OF THE PROGRAMS] [chart|playback]    default target/debug, chart
#
# Needs npm and Chromium, which ./test.sh installs; CHROMIUM names another one. The pictures are in target/web.
set -euo pipefail
cd "$(dirname "$0")/.."

KLINED_BIN=$(cd "${1:-target/debug}" && pwd)
export KLINED_BIN KLINED_PICTURES=$PWD/target/web
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
export CHROMIUM
unset NOTIFY_SOCKET

fail() { echo "web.sh: $1" >&2; exit 1; }

[ -n "$CHROMIUM" ] || fail "there is no Chromium; install the package chromium"
cd web
# Installed anew only when other versions are asked for.
if ! cmp -s package-lock.json "$KLINED_PICTURES/installed.json" || [ ! -d node_modules ]; then
    npm ci --no-audit --no-fund --loglevel=error
    mkdir -p "$KLINED_PICTURES"
    cp package-lock.json "$KLINED_PICTURES/installed.json"
fi
if [ "${2:-chart}" = playback ]; then
    node --test --test-concurrency=1 tests/playback/*.test.mjs || fail "a law of the playback page is broken"
    echo "web.sh: ok"
    exit
fi
npm run --silent build -- --outDir "$KLINED_PICTURES/dist" --emptyOutDir --logLevel warn
diff -r "$KLINED_PICTURES/dist" dist || fail "web/dist is not what web/ builds: npm run build in web/, and commit it"
node --test --test-concurrency=1 tests/*.test.mjs || fail "a law of the page is broken"
echo "web.sh: ok"
