#!/usr/bin/env bash
# The files of deploy/ for containers: the Dockerfile by a linter, compose.yaml by `docker compose config` (where there is no Docker, by
# the schema of the Compose specification), the configuration of Prometheus by promtool; and each service against the programs, whose
# flags and variables it names. No container runs.
#
#   tests/containers.sh [DIRECTORY OF THE PROGRAMS]    default target/debug
#
# Needs Python with venv, which ./test.sh installs, and a package index. The tools are kept in target/containers.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-target/debug}
place=target/containers
fail() { echo "containers.sh: $1" >&2; exit 1; }

if ! cmp -s tests/containers/requirements.txt "$place/requirements.txt"; then
    python3 -m venv --clear "$place/venv" || fail "there is no venv of Python; install the package python3-venv"
    "$place/venv/bin/pip" install -q -r tests/containers/requirements.txt
    cp tests/containers/requirements.txt "$place/requirements.txt"
fi
export PATH=$PWD/$place/venv/bin:$PWD/target/tools/usr/bin:$PATH

hadolint deploy/Dockerfile
if docker compose version >/dev/null 2>&1; then
    docker compose -f deploy/compose.yaml --profile '*' config --quiet
else
    check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
fi
promtool check config --syntax-only deploy/prometheus/prometheus.yml >/dev/null
python tests/containers/check.py "$bin"
echo "containers.sh: ok"
