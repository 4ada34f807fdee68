#!/usr/bin/env bash
# Format, lint, documentation and every test, on SQLite and on throw-away PostgreSQL clusters.
#
# Installs what the tests need where it is missing, by the system's package manager: the PostgreSQL server, libfaketime,
# systemd for its analyser (nothing of it runs), npm for pm2, the chart page and the vendors' clients, Python's venv for those and
# schemathesis, openssl for the clients, Chromium for the page, and promtool. Works as root and as an ordinary user; an ordinary user
# needs sudo only when something is missing.
set -euo pipefail
cd "$(dirname "$0")"

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
have_faketime() { compgen -G '/usr/lib*/*/faketime/libfaketime.so.1' >/dev/null || compgen -G '/usr/lib*/faketime/libfaketime.so.1' >/dev/null; }
have_chromium() { [ -n "${CHROMIUM:-}" ] || command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null

have_venv() { python3 -c 'import ensurepip, venv'; } 2>/dev/null

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    if command -v apt-get >/dev/null; then
        as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@"
    elif command -v dnf >/dev/null; then
        set -- "${@/%postgresql/postgresql-server}"
        as_root dnf install -y -q "${@/%python3-venv/python3}"
    elif command -v apk >/dev/null; then
        as_root apk add -q "${@/%python3-venv/python3}"
    elif command -v pacman >/dev/null; then
        as_root pacman -S --noconfirm "${@/%python3-venv/python}"
    else
        return 1
    fi
}

missing=()
have_postgres || missing+=(postgresql)
have_faketime || missing+=(libfaketime)
command -v systemd-analyze >/dev/null || missing+=(systemd)
command -v npm >/dev/null || missing+=(npm)
have_chromium || missing+=(chromium)
have_venv || missing+=(python3-venv)
command -v openssl >/dev/null || missing+=(openssl)
if [ ${#missing[@]} -gt 0 ]; then
    echo "test.sh: installing ${missing[*]}"
    install_packages "${missing[@]}" || {
        echo "test.sh: cannot install ${missing[*]}; install them by hand and run again" >&2
        exit 1
    }
fi

# Prometheus's package starts a server; its promtool alone is unpacked instead.
if ! command -v promtool >/dev/null && [ ! -x target/tools/usr/bin/promtool ]; then
    echo "test.sh: fetching promtool"
    mkdir -p target/tools
    { (cd target/tools && apt-get download -q prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb) ||
        install_packages prometheus; } || {
        echo "test.sh: cannot get promtool; install prometheus by hand and run again" >&2
        exit 1
    }
fi

cargo fmt --all -- --check
cargo clippy --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
# The integration tests come last, so that theirs is the closing summary; clippy has built benches and examples.
# Most tests wait for programs and servers, so more of them run at once than there are cores.
RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((3 * $(nproc)))} cargo test --lib --bins --tests
