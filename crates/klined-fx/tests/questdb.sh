#!/usr/bin/env bash
# A QuestDB server for tests, on loopback, fetched by Maven when it is not there yet.
#
#   questdb.sh start DIRECTORY PORT LIBRARY OWNER [auth]
#                                                     PORT http, PORT+1 PostgreSQL wire, PORT+2 line protocol over TCP;
#                                                     when process OWNER has ended, so does the server, and DIRECTORY is removed
#   questdb.sh stop DIRECTORY
#   questdb.sh kill DIRECTORY                         without a chance to tidy up
#
# With auth: user and password ingest / ingest-pw over HTTP, fx / fx-pw and reader / reader-pw (who may
# only read) over the PostgreSQL wire, and the line protocol
# over TCP wants the key of user ilp_ingest, whose public half is below. Every QDB_ variable is passed on to the server.
# Files that it reads are in DIRECTORY/import. FILE_KILOBYTES limits the size of each file that the server writes, as a full disk would.
set -euo pipefail
version=9.3.4
source "$(dirname "${BASH_SOURCE[0]}")/../../../tests/support/jars.sh"

fail() {
    echo "questdb.sh: $1" >&2
    exit 1
}

# Waits until a process is gone.
await_end() {
    for _ in $(seq 600); do
        [ -d "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null || return 0
        sleep 0.05
    done
    fail "process $1 does not end"
}

end_with() { # signal directory
    [ -f "$2/pid" ] || return 0
    local pid
    pid=$(cat "$2/pid")
    if grep -qaF "$2/root" "/proc/$pid/cmdline" 2>/dev/null; then
        kill "-$1" "$pid"
        await_end "$pid"
    fi
    rm -f "$2/pid"
}

bring_library() { # directory
    fetch_jars "$1" "$version" "org.questdb:questdb:$version"
}

start() { # directory port library owner [auth]
    command -v java >/dev/null || fail "java is missing: install a JRE of version 17 or later"
    bring_library "$3"
    mkdir -p "$1/root/conf" "$1/import"
    local settings=(
        "QDB_HTTP_BIND_TO=127.0.0.1:$2" "QDB_PG_NET_BIND_TO=127.0.0.1:$(($2 + 1))"
        "QDB_LINE_TCP_NET_BIND_TO=127.0.0.1:$(($2 + 2))" QDB_HTTP_MIN_ENABLED=false QDB_TELEMETRY_ENABLED=false
        "QDB_CAIRO_SQL_COPY_ROOT=$1/import"
    )
    if [ "${5:-}" = auth ]; then
        printf '%s\tec-p-256-sha256\t%s\t%s\n' ilp_ingest Rxw-dYxJBChbun5TEY7Q9SSt6wdX0lvS-Oew1236cUw \
            3VIPesqKi5F6zDf1HejwybvjrYWDgucC3CWhLQn3qFg >"$1/root/conf/auth.txt"
        settings+=(QDB_LINE_TCP_AUTH_DB_PATH=conf/auth.txt QDB_HTTP_USER=ingest QDB_HTTP_PASSWORD=ingest-pw
            QDB_PG_USER=fx QDB_PG_PASSWORD=fx-pw QDB_PG_READONLY_USER_ENABLED=true QDB_PG_READONLY_USER=reader
            QDB_PG_READONLY_PASSWORD=reader-pw)
    fi
    [ -z "${FILE_KILOBYTES:-}" ] || ulimit -f "$FILE_KILOBYTES"
    env "${settings[@]}" setsid java ${JAVA_FLAGS:--Xmx1g -XX:+UseSerialGC -XX:TieredStopAtLevel=1} -cp "$3/*" io.questdb.ServerMain \
        -d "$1/root" >>"$1/log" 2>&1 </dev/null &
    local pid=$!
    echo "$pid" >"$1/pid"
    if [ ! -f "$1/owned" ]; then
        touch "$1/owned"
        (
            while [ -d "/proc/$4" ]; do sleep 0.5; done
            end_with KILL "$1"
            rm -rf "$1"
        ) >/dev/null 2>&1 </dev/null &
    fi
    for _ in $(seq 1200); do
        [ -d "/proc/$pid" ] || fail "the server ended: $(tail -5 "$1/log")"
        if curl -fs -o /dev/null -m 2 "http://127.0.0.1:$2/ping"; then return 0; fi
        sleep 0.1
    done
    end_with KILL "$1"
    fail "the server does not answer: $(tail -5 "$1/log")"
}

case ${1:-} in
    start) start "${@:2}" ;;
    stop) end_with TERM "$2" ;;
    kill) end_with KILL "$2" ;;
    *) fail "start, stop or kill" ;;
esac
