#!/usr/bin/env bash
# The recipes of docs/DATA.md for qlib and vectorbt, as they stand there. These libraries take about 1 GB and some minutes to install, so ./test.sh
# does not run this; tests/data.sh runs the other recipes, and has to have run before.
#
#   tests/libraries.sh
#
# Needs Python 3.11 with venv. The libraries are installed in target/libraries.
set -euo pipefail
cd "$(dirname "$0")/.."

place=$PWD/target/libraries
python=$place/venv/bin/python
fail() { echo "libraries.sh: $1" >&2; exit 1; }

wheel=$(echo target/data/wheels/klined-*.whl)
[ -f "$wheel" ] || fail "there is no wheel; run tests/data.sh wheel"
if ! cat tests/data/libraries*.txt | cmp -s - "$place/requirements.txt"; then
    mkdir -p "$place"
    python3 -m venv --clear "$place/venv"
    "$python" -m pip install --quiet --disable-pip-version-check -r tests/data/libraries.txt
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps -r tests/data/libraries-alone.txt
    cat tests/data/libraries*.txt >"$place/requirements.txt"
fi
"$python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-index "$wheel"
PYTHONPATH=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
export PYTHONPATH PATH="$place/venv/bin:$PATH"
"$python" -m pytest -q -p no:cacheprovider tests/data/test_recipes.py -k "qlib or vectorbt" || fail "a recipe of docs/DATA.md does not run"
echo "libraries.sh: ok"
