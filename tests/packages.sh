#!/usr/bin/env bash
# What klined is handed out as: the Debian packages of the market and of the exchange are installed, started, upgraded, removed and purged; the
# archive is unpacked and installed from; the workflow that makes releases is linted.
#
#   tests/packages.sh [PROFILE]    the profile of the programs, which are built already; default dev
#
# The packages are installed on a copy of this system that is dropped afterwards: an overlay over / in a mount namespace. systemd does not
# run there, so tests/data/units.py starts the services as their units say. Needs root (or sudo), Debian with dpkg-dev, and Go for actionlint.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1:-dev}
tools=$PWD/target/tools
place=$(mktemp -d "${TMPDIR:-/tmp}/klined-packages.XXXXXX")
trap 'rm -rf "$place"' EXIT
fail() { echo "packages.sh: $1" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

CARGO_DEB=3.8.0
ACTIONLINT=v1.7.12

if [ "$("$tools/cargo-deb/bin/cargo-deb" --version 2>/dev/null)" != "$CARGO_DEB" ]; then
    env CARGO_TARGET_DIR="$tools/build" cargo install --quiet --locked cargo-deb --version "$CARGO_DEB" --no-default-features --debug --root "$tools/cargo-deb"
    rm -rf "$tools/build"
fi
export PATH="$tools/cargo-deb/bin:$PATH"

# The archive: nothing of this machine or hour in it, stripped programs that run, and an installer that finds them.
SOURCE_DATE_EPOCH=86400 deploy/package.sh --profile "$profile" --out "$place/out" archive
listed=$(TZ=UTC tar --list --verbose --numeric-owner --file "$place"/out/klined-*.tar.gz)
strange=$(grep -v ' 0/0  *[0-9]* 1970-01-02 ' <<<"$listed" || true)
[ -z "$strange" ] || fail "the archive depends on who makes it and when: $strange"
tar --extract --file "$place"/out/klined-*.tar.gz --directory "$place"
archive=$(echo "$place"/klined-*-linux)
for program in klined market-generator data-aggregator market-backfill market-api klined-export exchange-producer exchange-log exchange-feed \
    exchange-listen exchange-calibrate exchange-bars exchange-playback; do
    "$archive/bin/$program" --version >/dev/null || fail "$program of the archive does not run"
    ! readelf --sections "$archive/bin/$program" | grep -q ' \.symtab' || fail "$program of the archive is not stripped"
done
"$archive/deploy/install.sh" --root "$place/root" --bin-dir "$archive/bin" >/dev/null
[ -x "$place/root/usr/local/bin/klined-export" ] || fail "the archive's installer does not install klined-export"
"$archive/deploy/install.sh" --exchange --root "$place/root" --bin-dir "$archive/bin" >/dev/null
[ -x "$place/root/usr/local/bin/exchange-playback" ] || fail "the archive's installer does not install exchange-playback"

# The Debian packages.
deploy/package.sh --profile "$profile" --out "$place/deb" deb
package=$(echo "$place"/deb/klined_*.deb)
exchange_package=$(echo "$place"/deb/klined-exchange_*.deb)
inside() {
    local root=$1 unit left
    local units=(market-generator.service data-aggregator.service market-api.service)
    within() { chroot "$root" "$@"; }
    mount -t proc proc "$root/proc"
    : >"$root/dev/null"
    mount --bind /dev/null "$root/dev/null"
    cp "$package" "$root/klined.deb"
    cp "$exchange_package" "$root/exchange.deb"
    within dpkg --install /klined.deb || fail "the package cannot be installed"
    [ "$(within stat -c '%a %U' /etc/klined/klined.env)" = '600 root' ] || fail "klined.env can be read by others"
    for unit in "${units[@]}"; do
        [ -L "$root/etc/systemd/system/multi-user.target.wants/$unit" ] || fail "$unit is not enabled"
        within systemd-analyze verify --man=no "$unit" || fail "systemd refuses the unit $unit"
    done
    within python3 - "${units[@]/#//lib/systemd/system/}" <tests/data/units.py || fail "the services of the package do not start"
    [ -s "$root/var/lib/klined/klined.db" ] || fail "the services have written no market"
    # An upgrade keeps the operator's words.
    echo 'KLINED_SEED=7' >>"$root/etc/klined/klined.env"
    within dpkg --install /klined.deb >/dev/null || fail "the package cannot be installed again"
    grep -q '^KLINED_SEED=7$' "$root/etc/klined/klined.env" || fail "an upgrade has changed klined.env"
    within dpkg --remove klined || fail "the package cannot be removed"
    [ ! -e "$root/usr/bin/klined" ] || fail "a removal leaves programs"
    [ -e "$root/etc/klined/klined.env" ] && [ -s "$root/var/lib/klined/klined.db" ] || fail "a removal takes configuration or data"
    within dpkg --purge klined || fail "the package cannot be purged"
    for left in etc/klined var/lib/klined var/log/klined usr/share/doc/klined lib/systemd/system/market-api.service \
        etc/systemd/system/multi-user.target.wants/market-api.service; do
        [ ! -e "$root/$left" ] && [ ! -L "$root/$left" ] || fail "a purge leaves /$left"
    done
    ! within getent passwd klined >/dev/null || fail "a purge leaves the user klined"

    # The exchange by itself, and beside the market that is purged.
    within dpkg --install /exchange.deb || fail "the package of the exchange cannot be installed"
    [ "$(within stat -c '%a %U' /etc/klined/exchange.env)" = '600 root' ] || fail "exchange.env can be read by others"
    units=(exchange-producer.service exchange-playback.service)
    for unit in "${units[@]}"; do
        [ -L "$root/etc/systemd/system/multi-user.target.wants/$unit" ] || fail "$unit is not enabled"
    done
    [ ! -e "$root/etc/systemd/system/multi-user.target.wants/exchange-bars.service" ] || fail "exchange-bars.service is enabled"
    for unit in "${units[@]}" exchange-bars.service; do
        within systemd-analyze verify --man=no "$unit" || fail "systemd refuses the unit $unit"
    done
    within python3 - "${units[@]/#//lib/systemd/system/}" <tests/data/units.py || fail "the services of the exchange do not start"
    [ -s "$root/var/lib/klined/exchange/manifest.json" ] || fail "the services have written no run"
    within dpkg --install /klined.deb >/dev/null || fail "the market cannot be installed beside the exchange"
    within dpkg --purge klined || fail "the market cannot be purged beside the exchange"
    [ -s "$root/var/lib/klined/exchange/manifest.json" ] && [ -e "$root/etc/klined/exchange.env" ] && within getent passwd klined >/dev/null ||
        fail "a purge of the market takes what is the exchange's"
    within dpkg --purge klined-exchange || fail "the package of the exchange cannot be purged"
    for left in etc/klined var/lib/klined usr/bin/exchange-playback lib/systemd/system/exchange-producer.service; do
        [ ! -e "$root/$left" ] || fail "a purge of the exchange leaves /$left"
    done
    ! within getent passwd klined >/dev/null || fail "the last purge leaves the user klined"
}
export -f inside fail
export package exchange_package place
# The upper layer is in memory: an overlay cannot lie on an overlay, which a container's / may be.
as_root env package="$package" exchange_package="$exchange_package" place="$place" unshare --mount bash -euo pipefail -c '
    mkdir "$place/system" "$place/layers"
    mount -t tmpfs tmpfs "$place/layers"
    mkdir "$place/layers/upper" "$place/layers/work"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$place/layers/upper,workdir=$place/layers/work" "$place/system"
    inside "$place/system"
' || fail "the package does not keep its promises"

# The workflow of releases.
if command -v actionlint >/dev/null; then actionlint .github/workflows/*.yml
else go run "github.com/rhysd/actionlint/cmd/actionlint@$ACTIONLINT" .github/workflows/*.yml
fi || fail "a workflow has a fault"
echo "packages.sh: ok"
