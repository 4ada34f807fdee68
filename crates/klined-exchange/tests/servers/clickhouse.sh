#!/usr/bin/env bash
# ClickHouse's engine for tests, on loopback: the one of PyPI's chdb-core, in a process behind clickhouse.py. Fetched by pip when it is not there yet.
#
#   clickhouse.sh start DIRECTORY PORT LIBRARY
#   clickhouse.sh kill DIRECTORY                  without a chance to tidy up; start goes on with the data
#
# User default without a password, and user exchange with exchange-pw.
set -euo pipefail
# Later ones cannot open a directory again that has a Kafka table.
version=26.1.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
    echo "clickhouse.sh: $1" >&2
    exit 1
}

is_open() { # port
    python3 -c "import socket; socket.create_connection(('127.0.0.1', $1), 2)" 2>/dev/null
}

bring_library() { # directory
    [ -f "$1/.whole-$version" ] && return 0
    mkdir -p "$(dirname "$1")"
    exec 9>"$1.lock"
    flock 9
    if [ ! -f "$1/.whole-$version" ]; then
        rm -rf "$1"
        python3 -m venv "$1" || fail "python3 has no venv: install python3-venv"
        "$1/bin/pip" install -q --no-deps "chdb-core==$version" pyarrow >"$1/log" 2>&1 || fail "pip cannot install chdb-core: $(tail -3 "$1/log")"
        touch "$1/.whole-$version"
    fi
    exec 9>&-
}

start() { # directory port library
    bring_library "$3"
    "$3/bin/python" "$here/clickhouse.py" "$1/data" "$2" >>"$1/log" 2>&1 </dev/null &
    local pid=$!
    echo "$pid" >"$1/pid"
    for _ in $(seq 600); do
        [ -d "/proc/$pid" ] || fail "the engine ended: $(tail -5 "$1/log")"
        if is_open "$2"; then return 0; fi
        sleep 0.1
    done
    fail "the engine does not answer: $(tail -5 "$1/log")"
}

end() { # directory
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 0
    if grep -qaF "$1/data" "/proc/$pid/cmdline" 2>/dev/null; then
        kill -KILL "$pid"
        while [ -d "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null; do sleep 0.05; done
    fi
}

case ${1:-} in
    start) start "${@:2}" ;;
    kill) end "$2" ;;
    *) fail "start or kill" ;;
esac
