#!/usr/bin/env bash
# What exchange-log writes, read back by readers that others wrote.
#
# Makes a day of three securities, converts it, and has Python packages rebuild the books: itch-book, itchfeed, itchcpp and meatpy from ITCH,
# databento-dbn from DBN, hftbacktest from its archive; pyarrow and DuckDB read Parquet; tshark decodes the capture. LOBSTER, CSV and JSON are read
# by check.py itself, and the capture too. Needs python3 with venv, a package index and Debian's package tshark, which is unpacked in
# target/tmp; everything else goes to a folder that vanishes.
set -euo pipefail
cd "$(dirname "$0")/../../.."
source tests/support/packages.sh
fail() { echo "readers.sh: $1" >&2; exit 1; }

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

# Wireshark's own decoder of MoldUDP64, where the system has none.
if command -v tshark >/dev/null; then
    tshark=(tshark)
else
    unpack_package target/tmp/tshark tshark
    tshark=(env "LD_LIBRARY_PATH=$(libraries_in "$PWD/target/tmp/tshark")" target/tmp/tshark/usr/bin/tshark)
fi
fields=(moldudp64.session moldudp64.sequence moldudp64.count moldudp64.msglen moldudp64.msgseq moldudp64.msgdata _ws.malformed moldudp64.msglen.invalid)
"${tshark[@]}" -n -r "$folder/$day.pcap" -d udp.port==5001,moldudp64 -T fields -E separator=/t \
    "${fields[@]/#/-e}" >"$folder/$day.tshark"
"$folder/venv/bin/python" crates/klined-exchange/tests/readers/check_capture.py "$folder/$day.tshark" "$folder/$day.itch"
