#!/usr/bin/env bash
# Format, lint, documentation and every test.
#
#   ./test.sh               everything, which is all tiers in this order
#   ./test.sh lint          format, clippy, documentation
#   ./test.sh pure          unit tests, the market's tests and the checks of the repository; needs cargo alone
#   ./test.sh db            stores and jobs, on SQLite and on throw-away PostgreSQL clusters
#   ./test.sh programs      the programs as processes: command lines, faults, logs, health, deployment
#   ./test.sh web           the servers of both markets, the vendors' clients, the OpenAPI document, the chart page, the exchange's bars and
#                           playback
#   ./test.sh data          exports and the wheel for Python: files and tables in the hands of pyarrow, pandas, polars, DuckDB, SQLite, psql and
#                           Spark; the packages that programs are installed from
#   ./test.sh servers       crates that are tested against servers of their own (QuestDB, Kafka, ClickHouse), readers of order events, and
#                           the files for containers
#
# Several tiers may be named at once. At the end a table says where the time went.
#
# What a tier needs and is missing is installed by the system's package manager: perl and make for OpenSSL, which every tier builds from
# source, the PostgreSQL server with PgBouncer before it, sqlite3, libfaketime, systemd for its
# analyser (nothing of it runs), npm for pm2, the chart page and the vendors' clients, Python's venv for those and schemathesis,
# openssl for PostgreSQL, the clients and the proxies, curl, nginx and Caddy for the proxies, Chromium for the page, promtool, Java for Spark, Go for
# actionlint and for a client of Alpaca, dpkg-dev for the package, Maven with Java for QuestDB, Kafka and ZooKeeper, and the headers of OpenSSL and zlib for Kafka's client. The
# servers of a ClickHouse cluster and tshark are unpacked from Debian's packages. Works as root and as an ordinary user; an ordinary user needs sudo
# only when something is missing.
set -euo pipefail
cd "$(dirname "$0")"

ALL_TIERS=(lint pure db programs web data servers)
# The crates of the tier `servers`.
SERVER_CRATES=(klined-fx)

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
have_faketime() { compgen -G '/usr/lib*/*/faketime/libfaketime.so.1' >/dev/null || compgen -G '/usr/lib*/faketime/libfaketime.so.1' >/dev/null; }
have_chromium() { [ -n "${CHROMIUM:-}" ] || command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null
have_venv() { python3 -c 'import ensurepip, venv'; } 2>/dev/null
have_headers() { [ -f /usr/include/openssl/ssl.h ] && [ -f /usr/include/zlib.h ] && command -v pkg-config; } >/dev/null
have() { command -v "$1" >/dev/null; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    if have apt-get; then
        as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@"
    elif have dnf; then
        set -- "${@/%postgresql/postgresql-server}"
        as_root dnf install -y -q "${@/%python3-venv/python3}"
    elif have apk; then
        as_root apk add -q "${@/%python3-venv/python3}"
    elif have pacman; then
        as_root pacman -S --noconfirm "${@/%python3-venv/python}"
    else
        return 1
    fi
}

# Installs what the tiers need and is missing.
provide() {
    local missing=() tier
    have perl || missing+=(perl)
    have make || missing+=(make)
    for tier in "$@"; do
        case $tier in
        db)
            have_postgres || missing+=(postgresql)
            have openssl || missing+=(openssl)
            have sqlite3 || missing+=(sqlite3)
            ;;
        programs)
            have_postgres || missing+=(postgresql)
            have_faketime || missing+=(libfaketime)
            have systemd-analyze || missing+=(systemd)
            have npm || missing+=(npm)
            have openssl || missing+=(openssl)
            have curl || missing+=(curl)
            ;;
        web)
            have_postgres || missing+=(postgresql)
            have npm || missing+=(npm)
            have_chromium || missing+=(chromium)
            have_venv || missing+=(python3-venv)
            have go || missing+=(golang)
            have openssl || missing+=(openssl)
            have systemd-analyze || missing+=(systemd)
            ;;
        data)
            have_postgres || missing+=(postgresql)
            have sqlite3 || missing+=(sqlite3)
            have_venv || missing+=(python3-venv)
            have java || missing+=(default-jre-headless)
            have go || missing+=(golang)
            have dpkg-shlibdeps || missing+=(dpkg-dev)
            have systemd-analyze || missing+=(systemd)
            ;;
        servers)
            have_postgres || missing+=(postgresql)
            have mvn || missing+=(maven)
            have java || missing+=(default-jre-headless)
            have openssl || missing+=(openssl)
            have systemd-analyze || missing+=(systemd)
            have_venv || missing+=(python3-venv)
            have_headers || missing+=(libssl-dev zlib1g-dev pkg-config)
            ;;
        esac
    done
    if [ ${#missing[@]} -gt 0 ]; then
        mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
        echo "test.sh: installing ${missing[*]}"
        install_packages "${missing[@]}" || {
            echo "test.sh: cannot install ${missing[*]}; install them by hand and run again" >&2
            exit 1
        }
    fi
    [[ " $* " != *" programs "* ]] || provide_program caddy caddy
    [[ " $* " != *" programs "* && " $* " != *" web "* ]] || provide_program nginx nginx
    [[ " $* " != *" programs "* && " $* " != *" servers "* ]] || provide_program promtool prometheus
    [[ " $* " != *" db "* && " $* " != *" programs "* ]] || provide_program pgbouncer pgbouncer $(libraries_of pgbouncer)
}

# The libraries that a package needs and the system lacks.
libraries_of() {
    have apt-cache || return 0
    local library
    for library in $(apt-cache depends "$1" 2>/dev/null | sed -n 's/.*Depends: \(lib[^ ]*\)$/\1/p'); do
        dpkg -s "$library" >/dev/null 2>&1 || echo "$library"
    done
}

# A program whose package starts a server: it is unpacked instead of installed, with the libraries that are named after its package.
provide_program() {
    local program=$1 package=$2
    shift 2
    if have "$program" || compgen -G "target/tools/usr/*bin/$program" >/dev/null; then return; fi
    echo "test.sh: fetching $program"
    mkdir -p target/tools
    { (cd target/tools && apt-get download -q "$package" "$@" && for file in *.deb; do dpkg -x "$file" . && rm "$file"; done) ||
        install_packages "$package"; } || {
        echo "test.sh: cannot get $program; install $package by hand and run again" >&2
        exit 1
    }
}

STAGES=()
LOG=target/test-output.log

# Runs a command and notes how long it took.
stage() {
    local name=$1 begun=$SECONDS outcome=0
    shift
    "$@" 2>&1 | tee -a "$LOG" || outcome=$?
    STAGES+=("$(printf '%6d s  %s' $((SECONDS - begun)) "$name")")
    return "$outcome"
}

summary() {
    local outcome=$?
    if [ ${#STAGES[@]} -gt 0 ]; then
        printf '\nwhere the time went:\n'
        printf '%s\n' "${STAGES[@]}"
        printf '%6d s  in all\n' "$SECONDS"
        # All that the test harness says of single tests' times.
        sed -n 's/^test \(.*\) has been running for over 60 seconds$/         over a minute: \1/p' "$LOG" | sort -u
    fi
    [ "$outcome" = 0 ] || echo "test.sh: failed" >&2
}

# The crates that need neither a server nor a database.
PURE=(--workspace --exclude klined --exclude klined-fx-api --exclude klined-export --exclude klined-python --exclude klined-venue)
for crate in "${SERVER_CRATES[@]}"; do PURE+=(--exclude "$crate"); done

lint() {
    stage 'format' cargo fmt --all -- --check
    stage 'clippy' cargo clippy --workspace --all-targets -- -D warnings
    stage 'documentation' env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
}

pure() {
    stage 'pure: build' cargo test "${PURE[@]}" --lib --bins --tests --no-run
    stage 'pure: build of klined' cargo test -p klined --lib --bins --no-run
    stage 'pure: market and repository' cargo test "${PURE[@]}" --lib --bins --tests
    stage 'pure: unit tests of klined' cargo test -p klined --lib --bins
}

# A tier of the programs' own integration tests. Most of them wait for programs and servers, so more of them run at once than
# there are cores.
integration() {
    stage "$1: build" cargo test -p klined --test it --no-run
    stage "$1: tests" env RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((3 * $(nproc)))}" cargo test -p klined --test it -- "$1::"
}
# The programs of all packages, with the server's Arrow, in one build that every tier shares; tests/data.sh needs the same.
all_programs() { stage "$1: programs" cargo build --bins -p klined -p klined-export -p klined-exchange -p klined-venue -p klined-fx --features klined/arrow; }
db() { integration db; }
programs() { integration programs; }
web() {
    integration web
    stage 'web: foreign exchange' cargo test -p klined-fx-api
    all_programs web
    stage 'web: bars and playback of the exchange' cargo test -p klined-venue
}

data() {
    stage 'data: exports' cargo test -p klined-export
    all_programs data
    stage 'data: wheel, readers, Spark, recipes and notebook' tests/data.sh
    stage 'data: packages' tests/packages.sh
}

servers() {
    local crate
    for crate in "${SERVER_CRATES[@]}"; do
        stage "servers: $crate" cargo test -p "$crate"
    done
    local spine=(-p klined-exchange -p klined-relay --features 'klined-exchange/platform,klined-relay/platform')
    stage 'servers: clippy of Kafka and ClickHouse' cargo clippy "${spine[@]}" --all-targets -- -D warnings
    stage 'servers: Kafka and ClickHouse' cargo test "${spine[@]}" --lib --bins --test servers
    stage 'servers: readers of exchange logs' crates/klined-exchange/tests/readers.sh
    all_programs servers
    stage 'servers: containers' tests/containers.sh
}

[ $# -gt 0 ] || set -- "${ALL_TIERS[@]}"
for tier in "$@"; do
    if [[ " ${ALL_TIERS[*]} " != *" $tier "* ]]; then
        echo "test.sh: there is no tier \"$tier\"; there are ${ALL_TIERS[*]}" >&2
        exit 2
    fi
done
mkdir -p target
: >"$LOG"
trap summary EXIT
provide "$@"
for tier in "$@"; do "$tier"; done
