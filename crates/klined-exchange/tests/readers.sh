#!/usr/bin/env bash
# What exchange-log writes, read back by readers that others wrote.
#
# Makes a day of three securities, converts it, and has Python packages rebuild the books: itch-book, itchfeed, itchcpp and meatpy from ITCH,
# databento-dbn from DBN, hftbacktest from its archive; pyarrow and DuckDB read Parquet. The capture, LOBSTER, CSV and JSON are read by
# check.py itself. Needs python3 with venv and a package index; everything goes to a folder that vanishes.
set -euo pipefail
cd "$(dirname "$0")/../../.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo build -q -p klined-exchange --bins
programs=${CARGO_TARGET_DIR:-target}/debug
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q -r crates/klined-exchange/tests/readers/requirements.txt

export KLINED_NO_LOG_FILES=1
day=2026-01-02
"$programs/exchange-producer" --seed 42 --days 1 --seconds "${SECONDS_A_DAY:-300}" --securities AAPL:10000,MSFT:15000,GOOG:12000 --output "$folder/run"
logs=("$folder/run/"{AAPL,GOOG,MSFT}"/$day.qrsdp")
"$programs/exchange-log" verify "${logs[@]}"
"$programs/exchange-log" convert --to itch --output "$folder/$day.itch" "${logs[@]}"
"$programs/exchange-log" convert --to pcap --output "$folder/$day.pcap" "${logs[@]}"
"$programs/exchange-log" convert --to dbn --output "$folder/$day.dbn" "${logs[@]}"
for log in "${logs[@]}"; do
    symbol=$(basename "$(dirname "$log")")
    "$programs/exchange-log" convert --to csv --output "$folder/$symbol.csv" "$log"
    "$programs/exchange-log" convert --to jsonl --output "$folder/$symbol.jsonl" "$log"
    "$programs/exchange-log" convert --to parquet --output "$folder/$symbol.parquet" "$log"
    "$programs/exchange-log" convert --to hftbacktest --output "$folder/$symbol.npz" "$log"
    "$programs/exchange-log" convert --to lobster --output "$folder/$symbol.lobster.csv" "$log"
done
for check in check check_archives; do
    "$folder/venv/bin/python" "crates/klined-exchange/tests/readers/$check.py" "$folder" "$day" AAPL:10000 GOOG:12000 MSFT:15000
done
