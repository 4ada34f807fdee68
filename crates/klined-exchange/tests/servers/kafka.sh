#!/usr/bin/env bash
# A Kafka broker for tests: one node in KRaft mode on loopback, fetched by Maven when it is not there yet.
#
#   kafka.sh start DIRECTORY PORT LIBRARY    PORT plaintext, PORT+1 controller, PORT+2 SASL over TLS (CA: DIRECTORY/tls/ca.pem)
#   kafka.sh stop DIRECTORY
#   kafka.sh kill DIRECTORY                  without a chance to tidy up; start goes on with the data
#   kafka.sh pause DIRECTORY                 the process stands still, and its connections stay open
#   kafka.sh resume DIRECTORY
#   kafka.sh limit DIRECTORY BYTES           each client may send so many bytes a second
#
# KAFKA_NODE and KAFKA_VOTERS (`NODE@HOST:PORT,…`, the controllers) make it one of several brokers of a cluster, which starts when most are
# there; the topics then have KAFKA_REPLICAS replicas.
#
# Users over TLS, by PLAIN and by SCRAM-SHA-256: exchange / exchange-pw may do everything, stranger / stranger-pw nothing. Topics are not made by
# themselves.
set -euo pipefail
version=4.4.0
source "$(dirname "${BASH_SOURCE[0]}")/../../../../tests/support/jars.sh"

fail() {
    echo "kafka.sh: $1" >&2
    exit 1
}

pid_of() { # directory: the broker's, when it runs
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    grep -qaF "$1/broker.properties" "/proc/$pid/cmdline" 2>/dev/null || return 1
    echo "$pid"
}

signal() { # directory signal
    local pid
    pid=$(pid_of "$1") || return 0
    kill "-$2" "$pid"
    case $2 in TERM | KILL) ;; *) return 0 ;; esac
    for _ in $(seq 400); do
        [ -d "/proc/$pid" ] && ! grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null || return 0
        sleep 0.05
    done
    kill -KILL "$pid"
}

is_open() { # port
    python3 -c "import socket; socket.create_connection(('127.0.0.1', $1), 2)" 2>/dev/null
}

bring_library() { # directory
    fetch_jars "$1" "$version" "org.apache.kafka:kafka_2.13:$version" org.slf4j:slf4j-simple:1.7.36
    rm -f "$1"/slf4j-reload4j-*.jar
}

make_certificates() { # directory
    [ -f "$1/tls/broker.pem" ] && return 0
    mkdir -p "$1/tls"
    (
        cd "$1/tls"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=klined-tests -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=broker -keyout broker.key -out broker.csr
        openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out broker.crt \
            -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1')
        cat broker.key broker.crt ca.pem >broker.pem
    ) >"$1/openssl.log" 2>&1 || fail "openssl cannot make certificates: $(tail -3 "$1/openssl.log")"
}

configure() { # directory port
    local login=org.apache.kafka.common.security
    cat >"$1/broker.properties" <<PROPERTIES
process.roles=broker,controller
node.id=${KAFKA_NODE:-1}
controller.quorum.voters=${KAFKA_VOTERS:-1@127.0.0.1:$(($2 + 1))}
default.replication.factor=${KAFKA_REPLICAS:-1}
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$(($2 + 1)),SASL_SSL://127.0.0.1:$(($2 + 2))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$1/data
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:exchange
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256
listener.name.sasl_ssl.plain.sasl.jaas.config=$login.plain.PlainLoginModule required user_exchange="exchange-pw" user_stranger="stranger-pw";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$login.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=$1/tls/broker.pem
PROPERTIES
}

run_java() { # library, heap, then class and arguments
    exec java "-Xmx$2" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$1/*" "${@:3}"
}

start() { # directory port library
    command -v java >/dev/null || fail "java is missing: install a JRE of version 17 or later"
    command -v openssl >/dev/null || fail "openssl is missing"
    bring_library "$3"
    mkdir -p "$1"
    make_certificates "$1"
    configure "$1" "$2"
    echo "$2 $3" >"$1/place"
    if [ ! -f "$1/data/meta.properties" ]; then
        (run_java "$3" 128m kafka.tools.StorageTool format --cluster-id klined-tests-cluster-A \
            --config "$1/broker.properties" --add-scram 'SCRAM-SHA-256=[name=exchange,password=exchange-pw]') >"$1/format.log" 2>&1 ||
            fail "the storage cannot be formatted: $(tail -3 "$1/format.log")"
    fi
    (run_java "$3" 512m kafka.Kafka "$1/broker.properties") >>"$1/log" 2>&1 </dev/null &
    local pid=$!
    echo "$pid" >"$1/pid"
    for _ in $(seq 1200); do
        [ -d "/proc/$pid" ] || fail "the broker ended: $(tail -5 "$1/log")"
        # The last listener opens when the broker takes requests.
        if is_open $(($2 + 2)) && is_open "$2"; then return 0; fi
        sleep 0.1
    done
    signal "$1" KILL
    fail "the broker does not answer: $(tail -5 "$1/log")"
}

limit() { # directory bytes
    local port library
    read -r port library <"$1/place"
    fetch_jars "$library-tools" "$version" "org.apache.kafka:kafka-tools:$version"
    (run_java "$library-tools" 128m org.apache.kafka.tools.ConfigCommand --bootstrap-server "127.0.0.1:$port" --alter \
        --entity-type clients --entity-default --add-config "producer_byte_rate=$2") >"$1/limit.log" 2>&1 ||
        fail "the clients cannot be limited: $(tail -3 "$1/limit.log")"
}

case ${1:-} in
    start) start "${@:2}" ;;
    stop) signal "$2" TERM ;;
    kill) signal "$2" KILL ;;
    pause) signal "$2" STOP ;;
    resume) signal "$2" CONT ;;
    limit) limit "${@:2}" ;;
    *) fail "start, stop, kill, pause, resume or limit" ;;
esac
