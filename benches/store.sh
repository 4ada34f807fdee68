#!/bin/sh
# How fast bars are stored: each figure beside its reference, in alternating pairs, as one table.
#
#     benches/store.sh                        everything, in small sizes (some minutes)
#     benches/store.sh postgres               only figures whose name has that in it
#     SYMBOLS=1000 MONTHS=2 PAIRS=3 benches/store.sh postgres
#
# Starts a PostgreSQL server of its own, with fsync on, and removes it again.
set -eu
cd "$(dirname "$0")/.."
FSYNC=on exec cargo run --release --quiet --example bench-store -- "$@"
