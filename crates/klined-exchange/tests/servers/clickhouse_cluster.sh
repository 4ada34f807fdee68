#!/usr/bin/env bash
# A cluster for tests, on loopback: ClickHouse servers of Debian's package (18.16, the only one of the registries with the protocol between
# servers) and a ZooKeeper. The packages are unpacked, not installed: nothing of them runs by itself.
#
#   clickhouse_cluster.sh start DIRECTORY PORT LIBRARY    HTTP of the servers: PORT and PORT+3; ZooKeeper: PORT+6
#   SHARDS=3 clickhouse_cluster.sh start ...              another number of servers; ZooKeeper comes behind the last one
#   clickhouse_cluster.sh kill DIRECTORY                  without a chance to tidy up; start goes on with the data
#
# The cluster is called klined. Each server is a shard of one replica. User default without a password.
set -euo pipefail
zookeeper=3.8.4
shards=${SHARDS:-2}
support=$(dirname "${BASH_SOURCE[0]}")/../../../../tests/support
source "$support/jars.sh"
source "$support/packages.sh"

fail() {
    echo "clickhouse_cluster.sh: $1" >&2
    exit 1
}

is_open() { # port
    python3 -c "import socket; socket.create_connection(('127.0.0.1', $1), 2)" 2>/dev/null
}

configure() { # directory, first port of the server, its shard, first port of all
    local nth servers=
    for ((nth = 0; nth < shards; nth++)); do
        servers+="<shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host><port>$(($4 + 3 * nth + 1))</port></replica></shard>"
    done
    mkdir -p "$1"/{data,tmp,files,schemas}
    cat >"$1/config.xml" <<XML
<?xml version="1.0"?>
<yandex>
    <logger><level>warning</level><log>$1/server.log</log><errorlog>$1/error.log</errorlog></logger>
    <listen_host>127.0.0.1</listen_host>
    <http_port>$2</http_port>
    <tcp_port>$(($2 + 1))</tcp_port>
    <interserver_http_port>$(($2 + 2))</interserver_http_port>
    <interserver_http_host>127.0.0.1</interserver_http_host>
    <path>$1/data/</path>
    <tmp_path>$1/tmp/</tmp_path>
    <user_files_path>$1/files/</user_files_path>
    <format_schema_path>$1/schemas/</format_schema_path>
    <users_config>users.xml</users_config>
    <default_profile>default</default_profile>
    <default_database>default</default_database>
    <timezone>UTC</timezone>
    <mark_cache_size>67108864</mark_cache_size>
    <remote_servers>
        <klined>$servers</klined>
    </remote_servers>
    <zookeeper><node><host>127.0.0.1</host><port>$(($4 + 3 * shards))</port></node></zookeeper>
    <macros><shard>$3</shard><replica>1</replica></macros>
    <kafka><auto_offset_reset>smallest</auto_offset_reset></kafka>
</yandex>
XML
    cat >"$1/users.xml" <<XML
<?xml version="1.0"?>
<yandex>
    <profiles>
        <default><stream_flush_interval_ms>500</stream_flush_interval_ms><insert_distributed_sync>1</insert_distributed_sync></default>
    </profiles>
    <users>
        <default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
    </users>
    <quotas><default><interval><duration>3600</duration></interval></default></quotas>
</yandex>
XML
}

start() { # directory port library
    command -v java >/dev/null || fail "java is missing: install a JRE of version 17 or later"
    unpack_package "$3/debian" clickhouse-server
    fetch_jars "$3/zookeeper" "$zookeeper" "org.apache.zookeeper:zookeeper:$zookeeper" org.slf4j:slf4j-simple:1.7.36 \
        io.dropwizard.metrics:metrics-core:4.1.12.1 org.xerial.snappy:snappy-java:1.1.10.5
    mkdir -p "$1/zookeeper"
    printf '%s\n' tickTime=1000 "dataDir=$1/zookeeper" "clientPort=$(($2 + 3 * shards))" clientPortAddress=127.0.0.1 admin.enableServer=false \
        >"$1/zookeeper.cfg"
    (exec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$3/zookeeper/*" \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$1/zookeeper.cfg") >>"$1/log" 2>&1 </dev/null &
    echo $! >"$1/pids"
    local nth
    for ((nth = 0; nth < shards; nth++)); do
        configure "$1/server$nth" $(($2 + 3 * nth)) "$nth" "$2"
    done
    wait_for "$1" $(($2 + 3 * shards))
    for ((nth = 0; nth < shards; nth++)); do
        (LD_LIBRARY_PATH=$(libraries_in "$3/debian") exec "$3/debian/usr/sbin/clickhouse-server" "--config-file=$1/server$nth/config.xml") >>"$1/log" 2>&1 </dev/null &
        echo $! >>"$1/pids"
    done
    for ((nth = 0; nth < shards; nth++)); do wait_for "$1" $(($2 + 3 * nth)); done
}

wait_for() { # directory port
    for _ in $(seq 600); do
        if is_open "$2"; then return 0; fi
        sleep 0.1
    done
    fail "nothing answers at port $2: $(tail -5 "$1/log")"
}

end() { # directory
    local pid
    while read -r pid; do
        if grep -qaF "$1/" "/proc/$pid/cmdline" 2>/dev/null; then kill -KILL "$pid"; fi
    done <"$1/pids"
}

case ${1:-} in
    start) start "${@:2}" ;;
    kill) [ ! -f "$2/pids" ] || end "$2" ;;
    *) fail "start or kill" ;;
esac
