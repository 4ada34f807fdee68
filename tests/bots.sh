#!/usr/bin/env bash
# freqtrade and nautilus_trader before a real market: freqtrade lists the markets, downloads candles and makes a dry run;
# nautilus_trader's Binance adapter loads the instruments. They take about 2 GB and some minutes to install, so ./test.sh does not run this.
#
#   tests/bots.sh [DIRECTORY OF THE PROGRAMS]    default target/debug
#
# Needs Python 3.11 with venv. The bots are installed in target/bots.
set -euo pipefail
cd "$(dirname "$0")/.."

KLINED_BIN=$(cd "${1:-target/debug}" && pwd)
export KLINED_BIN
place=$PWD/target/bots
python=$place/venv/bin/python

fail() { echo "bots.sh: $1" >&2; exit 1; }

if ! cmp -s tests/bots/requirements.txt "$place/requirements.txt"; then
    mkdir -p "$place"
    python3 -m venv --clear "$place/venv"
    "$python" -m pip install --quiet --disable-pip-version-check -r tests/bots/requirements.txt
    cp tests/bots/requirements.txt "$place/requirements.txt"
fi
"$python" tests/clients/market.py --no-keys --days 5 --speed 60 "$python" tests/bots/bots.py "$place" || fail "a bot does not run"
echo "bots.sh: ok"
