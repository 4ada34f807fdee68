#!/usr/bin/env bash
# The exchange's producer at a thousand times the clock, with Kafka, under faults: killed, stopped and frozen, and its broker too. In the end the logs have to
# be those of a run without faults, `exchange-log verify` has to find them whole, and the topic has to have every event once and in order.
#
#   benches/soak.sh                 for an hour
#   SOAK_MINUTES=10 benches/soak.sh
#   SOAK_FLAGS='--base-L 7 --base-M 5 --base-C 0.17' benches/soak.sh    with other flags of the run
#
# With the default flags three securities have 180,000 events a second: 6 GB of logs in an hour, twice (the run without faults), and 15 GB in the broker. Starts a
# broker (Java, Maven) on loopback and removes it. Prints the number of faults and of events, and the producer's memory in the first and the last quarter.
set -euo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cargo build --quiet --release -p klined-exchange --features platform --bins
SOAK_MINUTES=${SOAK_MINUTES:-60} SOAK_PROGRAMS=$PWD/target/release SOAK_REPORT=$place/report \
    cargo test --release --quiet -p klined-exchange --features platform --test servers an_hour_of_faults
cat "$place/report"
