#!/usr/bin/env bash
# The vendors' own clients, unchanged but for the URL, before real markets on SQLite and PostgreSQL; what they hear is compared
# with the database. SQLAlchemy on the tables themselves. Then the examples of docs/CLIENTS.md, as they stand there.
#
#   tests/clients.sh [DIRECTORY OF THE PROGRAMS] [DIALECT…]    default target/debug, and all dialects
#
# Needs Python 3.11 with venv, npm, Go, openssl, nginx and the PostgreSQL server, which ./test.sh installs. The clients are installed in
# target/clients.
set -euo pipefail
cd "$(dirname "$0")/.."

KLINED_BIN=$(cd "${1:-target/debug}" && pwd)
export KLINED_BIN
shift || true
unset NOTIFY_SOCKET
place=$PWD/target/clients
python=$place/venv/bin/python
mkdir -p "$place/node"

fail() { echo "clients.sh: $1" >&2; exit 1; }

# Installed anew only when other versions are asked for.
if ! cmp -s tests/clients/requirements.txt "$place/requirements.txt"; then
    python3 -m venv --clear "$place/venv"
    "$python" -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
    cp tests/clients/requirements.txt "$place/requirements.txt"
fi
if ! cmp -s tests/clients/package-lock.json "$place/installed.json"; then
    cp tests/clients/package.json tests/clients/package-lock.json "$place/node/"
    npm ci --no-audit --no-fund --loglevel=error --prefix "$place/node"
    cp tests/clients/package-lock.json "$place/installed.json"
fi

# Modules are looked for above a script, so the scripts go to the modules.
rm -f "$place"/node/*.mjs
cp tests/clients/*.mjs "$place/node/" 2>/dev/null || true
export KLINED_MARKET="$python $PWD/tests/clients/market.py"

dialects=("$@")
is_wanted() { [ ${#dialects[@]} = 0 ] || [[ " ${dialects[*]} " == *" $1 "* ]]; }
# The forex market has a program of its own, in a crate that is not among the default ones.
if is_wanted forex && [ "$KLINED_BIN" = "$PWD/target/debug" ]; then cargo build -q -p klined-fx-api; fi
for laws in tests/clients/test_*.py; do
    [ -e "$laws" ] || continue
    name=$(basename "$laws" .py)
    is_wanted "${name#test_}" || continue
    echo "clients.sh: ${name#test_}, Python"
    (cd tests/clients && "$python" -m unittest -v "$name") || fail "a law of ${name#test_}'s Python client is broken"
done
for laws in "$place"/node/*.test.mjs; do
    [ -e "$laws" ] || continue
    name=$(basename "$laws" .test.mjs)
    is_wanted "$name" || continue
    if [ "$name" = forex ]; then
        echo "clients.sh: $name, JavaScript"
        node --test "$laws" || fail "a law of $name's JavaScript client is broken"
        continue
    fi
    for backend in sqlite postgres; do
        echo "clients.sh: $name, JavaScript, $backend"
        "$python" tests/clients/market.py --backend "$backend" --days 3 --speed 60 node --test "$laws" ||
            fail "a law of $name's JavaScript client is broken"
    done
done
"$python" tests/clients/examples.py "$place/node" "${dialects[@]}" || fail "an example of docs/CLIENTS.md does not run"
echo "clients.sh: ok"
