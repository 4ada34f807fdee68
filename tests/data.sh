#!/usr/bin/env bash
# Tables and files in the hands of others: the wheel `klined` in a fresh environment, exports read by pyarrow, polars and DuckDB, and the
# recipes of docs/DATA.md, as they stand there.
#
#   tests/data.sh [wheel|readers|recipes…]    default all
#
# Needs Python 3.10 with venv, sqlite3 and the PostgreSQL server with psql, which ./test.sh installs. Everything is installed in target/data.
set -euo pipefail
cd "$(dirname "$0")/.."

place=$PWD/target/data
venv=$place/venv
fresh=$place/fresh
mkdir -p "$place"
fail() { echo "data.sh: $1" >&2; exit 1; }

[ $# -gt 0 ] || set -- wheel readers recipes
# Installed anew only when other versions are asked for.
if ! cmp -s tests/data/requirements.txt "$place/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/data/requirements.txt
    cp tests/data/requirements.txt "$place/requirements.txt"
fi

cargo build -q --bins
cargo build -q -p klined-export
KLINED_BIN=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
export KLINED_BIN KLINED_NO_LOG_FILES=1
export PATH="$KLINED_BIN:$PATH"
unset DATABASE_URL

# The wheel in an environment that has nothing else.
rm -rf "$place/wheels"
VIRTUAL_ENV=$venv "$venv/bin/maturin" build --quiet --profile "${WHEEL_PROFILE:-dev}" --manifest-path crates/klined-python/Cargo.toml --out "$place/wheels"
python3 -m venv --clear "$fresh"
"$fresh/bin/python" -m pip install --quiet --disable-pip-version-check --no-index "$place"/wheels/klined-*.whl
"$fresh/bin/python" -c 'import klined; assert len(klined.bars("AAPL", "2026-03-02", "2026-03-02")) == 240' ||
    fail "the wheel does not work alone"
# What its tests need besides comes from the other environment.
libraries=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
export PYTHONPATH=$libraries PYTHONDONTWRITEBYTECODE=1

for part in "$@"; do
    case $part in
    wheel)
        "$fresh/bin/python" -m pytest -q -p no:cacheprovider crates/klined-python/tests || fail "a law of the wheel is broken"
        "$fresh/bin/python" -m mypy.stubtest klined || fail "the stubs are not those of the module"
        ;;
    readers) "$fresh/bin/python" -m pytest -q -p no:cacheprovider tests/data/test_readers.py || fail "a reader gets other rows" ;;
    recipes) "$fresh/bin/python" -m pytest -q -p no:cacheprovider tests/data/test_recipes.py || fail "a recipe of docs/DATA.md does not run" ;;
    *) fail "there is no part \"$part\"" ;;
    esac
done
echo "data.sh: ok"
