#!/usr/bin/env bash
# Order events a second of processor time: made, written and read, beside the plain loop of the same arithmetic in the same run.
#
#   benches/exchange.sh [ROUNDS]
#
# ORIGINAL=DIR has the original simulator's C++ sources beside it, as they are published; they are built in a folder that vanishes, with the same
# day made in it by its own program. Its figures are those that it prints, by wall time.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo bench -q -p klined-exchange --bench rates -- "${1:-15}"

[ -n "${ORIGINAL:-}" ] || exit 0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cmake -S "$ORIGINAL" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release >"$folder/cmake.log"
cmake --build "$folder/build" --target qrsdp_run >>"$folder/cmake.log"
program=$(find "$folder/build" -name qrsdp_run -type f | head -1)
for _ in 1 2 3; do
    "$program" --seed 42 --days 1 --seconds 3600 --output "$folder/run" | grep 'events='
done
