#!/bin/sh
# A throw-away PostgreSQL cluster for as long as standard input stays open.
#
# Prints its port on 127.0.0.1 once it accepts connections, then waits for the end of its input, which comes when the
# process that started it ends, however it ends; then stops the server and removes its files. Works as root, where the
# server runs as the user postgres, and as an ordinary user. Durability is off unless FSYNC=on.
#
# Further options of the server, such as "-c wal_level=logical", come in SERVER_OPTIONS.
#
# Until then each line of input is a wish, answered by a line: "stop fast", "stop immediate" and "start", answered "done";
# "standby", answered with the port of a server that follows this one; "promote", which makes that one a server of its own,
# answered "done"; "encrypt DIRECTORY", which has the server take TLS only, with the certificates of that directory, answered "done"; "small 8m", answered with the path of a file system of that size to put a tablespace on, or with nothing where one may not
# be mounted.
set -eu

fail() { echo "cluster.sh: $1" >&2; exit 1; }

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -n | tail -n 1)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb || true)")
[ -x "$bin/initdb" ] || fail "no PostgreSQL server found; install the package postgresql (./test.sh does)"

dir=$(mktemp -d /tmp/klined-postgres.XXXXXX)
if [ "$(id -u)" = 0 ]; then
    chown postgres "$dir"
    as="runuser -u postgres --"
    mount=""
else
    as=""
    mount="sudo -n"
fi
stop() {
    [ ! -d "$dir/small" ] || $mount umount -l "$dir/small" 2>/dev/null || true
    [ ! -d "$dir/standby" ] || $as "$bin/pg_ctl" -D "$dir/standby" -m immediate stop >/dev/null 2>&1 || true
    $as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' HUP INT TERM

cd "$dir"
$as "$bin/initdb" -D "$dir/data" -U postgres -A trust -N --no-instructions -E UTF8 --locale=C >"$dir/initdb.log" 2>&1 ||
    fail "initdb failed: $(cat "$dir/initdb.log")"
start_in() {
    $as "$bin/pg_ctl" -D "$dir/$1" -l "$dir/$1.log" -w -t 60 start \
        -o "-c fsync=${FSYNC:-off} -c listen_addresses=127.0.0.1 -p $2 -k $dir -c max_connections=300 ${SERVER_OPTIONS:-}" \
        >/dev/null 2>&1 </dev/null
}
start() { start_in data "$port"; }
standby() {
    $as "$bin/pg_basebackup" -h 127.0.0.1 -p "$port" -U postgres -D "$dir/standby" -R -X stream -c fast >/dev/null 2>&1 </dev/null ||
        return 0
    for try in 1 2 3 4 5; do
        port2=$(shuf -i 20000-60000 -n 1)
        if start_in standby "$port2"; then
            echo "$port2"
            return 0
        fi
    done
}
small() {
    mkdir "$dir/small" && $mount mount -t tmpfs -o "size=$1" tmpfs "$dir/small" && mkdir "$dir/small/space" || return 0
    if [ -n "$as" ]; then chown -R postgres "$dir/small"; fi
    echo "$dir/small/space"
}
# As the server's user, who can read neither the directory nor the files.
into() { $as sh -c "umask 077; cat $1 \"$dir/data/$2\""; }
encrypt() {
    for file in server.crt server.key ca.crt; do into '>' "$file" <"$1/$file"; done
    printf '%s\n' 'ssl = on' "ssl_ca_file = 'ca.crt'" | into '>>' postgresql.conf
    printf '%s\n' 'local all all trust' 'host all plain 127.0.0.1/32 trust' \
        'hostssl all certified 127.0.0.1/32 trust clientcert=verify-full' 'hostssl all all 127.0.0.1/32 trust' | into '>' pg_hba.conf
    $as "$bin/pg_ctl" -D "$dir/data" -m fast -t 60 stop >/dev/null 2>&1 && start
}
obey() {
    while read -r wish how; do
        case $wish in
        stop) $as "$bin/pg_ctl" -D "$dir/data" -m "$how" -t 60 stop >/dev/null 2>&1 && echo done ;;
        start) start && echo done ;;
        standby) echo "$(standby)" ;;
        promote) $as "$bin/pg_ctl" -D "$dir/standby" -w -t 60 promote >/dev/null 2>&1 && echo done ;;
        encrypt) encrypt "$how" && echo done ;;
        small) echo "$(small "$how" 2>/dev/null)" ;;
        esac
    done
}
for try in 1 2 3 4 5 6 7 8 9 10; do
    port=$(shuf -i 20000-60000 -n 1)
    if start; then
        echo "$port"
        obey
        exit 0
    fi
done
fail "the server did not start: $(tail -n 5 "$dir/data.log")"
