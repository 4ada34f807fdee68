#!/usr/bin/env bash
# Tables and files in the hands of others: the wheel `klined` in a fresh environment, exports read by pyarrow, polars and DuckDB, bars made by
# the executors of Spark, the recipes of docs/DATA.md as they stand there, and the notebook.
#
#   tests/data.sh [wheel|readers|spark|recipes|notebook…]    default all
#
# Needs Python 3.10 with venv, sqlite3, Java 17 and the PostgreSQL server with psql, which ./test.sh installs. Everything is installed in target/data.
set -euo pipefail
cd "$(dirname "$0")/.."

place=$PWD/target/data
venv=$place/venv
fresh=$place/fresh
mkdir -p "$place"
fail() { echo "data.sh: $1" >&2; exit 1; }

[ $# -gt 0 ] || set -- wheel readers spark recipes notebook
# Installed anew only when other versions are asked for.
if ! cat tests/data/requirements*.txt | cmp -s - "$place/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/data/requirements.txt
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r tests/data/requirements-alone.txt
    cat tests/data/requirements*.txt >"$place/requirements.txt"
fi

# The programs of all packages, with the server's Arrow, in one build: `./test.sh data` needs the same.
cargo build -q --bins -p klined -p klined-export -p klined-exchange -p klined-venue -p klined-fx --features klined/arrow
KLINED_BIN=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
export KLINED_BIN KLINED_NO_LOG_FILES=1
export PATH="$KLINED_BIN:$PATH"
unset DATABASE_URL

# The wheel with its programs, in an environment that has nothing else.
rm -rf "$place/wheels"
VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH deploy/package.sh --profile dev --out "$place/wheels" wheel
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
        "$fresh/bin/python" -m mypy --strict --cache-dir "$place/mypy" -p klined || fail "the types of the package do not agree"
        "$fresh/bin/python" -m mypy.stubtest klined || fail "the stubs are not those of the module"
        ;;
    readers) "$fresh/bin/python" -m pytest -q -p no:cacheprovider tests/data/test_readers.py || fail "a reader gets other rows" ;;
    spark) "$fresh/bin/python" -m pytest -q -p no:cacheprovider tests/data/test_spark.py || fail "executors of Spark make other rows" ;;
    # qlib and vectorbt are for tests/libraries.sh.
    recipes) "$fresh/bin/python" -m pytest -q -p no:cacheprovider tests/data/test_recipes.py -k "not (qlib or vectorbt)" || fail "a recipe of docs/DATA.md does not run" ;;
    notebook) "$fresh/bin/python" -m pytest -q -p no:cacheprovider tests/data/test_notebook.py || fail "the notebook does not run" ;;
    *) fail "there is no part \"$part\"" ;;
    esac
done
echo "data.sh: ok"
