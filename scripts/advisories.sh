#!/usr/bin/env bash
# Checks the dependencies against the RustSec advisories, and their licences, sources and duplicates against deny.toml.
#
#   scripts/advisories.sh                    fetches the advisories
#   scripts/advisories.sh DATABASE           offline, with a clone of the RustSec advisory database
#
# Needs cargo-deny for everything, or cargo-audit for the advisories alone: cargo install --locked cargo-deny
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "advisories.sh: $1" >&2; exit 1; }

[ $# -le 1 ] || fail "there is one argument at most, the directory of the advisory database"
database=${1:-}
if [ -n "$database" ]; then
    [ -d "$database/crates" ] || fail "$database is no advisory database: it has no directory crates"
    database=$(cd "$database" && pwd)
fi

if cargo deny --version >/dev/null 2>&1; then
    # Offline cargo-deny looks for a database under a name of its own, so licences, bans and sources are its part, and cargo-audit takes the
    # database that is given.
    [ -n "$database" ] || exec cargo deny check
    cargo deny --offline check bans licenses sources
fi
if cargo audit --version >/dev/null 2>&1; then
    [ -n "$database" ] || exec cargo audit
    exec cargo audit --no-fetch --stale --db "$database"
fi
fail "cargo-audit is missing; cargo install --locked cargo-audit"
