#!/usr/bin/env bash
# Format, lint, documentation and every test, on SQLite and on throw-away PostgreSQL clusters.
#
# Installs what the tests need where it is missing: the PostgreSQL server and libfaketime, by the system's package
# manager. Works as root and as an ordinary user; an ordinary user needs sudo only when something is missing.
set -euo pipefail
cd "$(dirname "$0")"

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; }
have_faketime() { compgen -G '/usr/lib*/*/faketime/libfaketime.so.1' >/dev/null || compgen -G '/usr/lib*/faketime/libfaketime.so.1' >/dev/null; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_packages() {
    if command -v apt-get >/dev/null; then
        as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q postgresql libfaketime
    elif command -v dnf >/dev/null; then
        as_root dnf install -y -q postgresql-server libfaketime
    elif command -v apk >/dev/null; then
        as_root apk add -q postgresql libfaketime
    elif command -v pacman >/dev/null; then
        as_root pacman -S --noconfirm postgresql libfaketime
    else
        return 1
    fi
}

if ! have_postgres || ! have_faketime; then
    echo "test.sh: installing the PostgreSQL server and libfaketime"
    install_packages || {
        echo "test.sh: cannot install them; install a PostgreSQL server and libfaketime by hand and run again" >&2
        exit 1
    }
fi

cargo fmt --all -- --check
cargo clippy --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
# The integration tests come last, so that theirs is the closing summary; clippy has built benches and examples.
cargo test --lib --bins --tests
