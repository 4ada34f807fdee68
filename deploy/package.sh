#!/usr/bin/env bash
# Makes what klined is handed out as, from programs that are built: Debian packages, an archive and a wheel for Python.
#
#   deploy/package.sh [--profile PROFILE] [--out DIR] [deb|archive|wheel…]    default all
#
# --profile  the profile of Cargo that built the programs, such as dev [release]
# --out      where packages go [target/packages]
#
# deb      klined, klined-exchange and klined-relay; needs cargo-deb (`cargo install cargo-deb`), dpkg and dpkg-dev
# wheel    the package klined with the programs, so that `pip install` brings them too; needs maturin and wheel (`pip install maturin wheel`)
# archive  a .tar.gz with programs, deploy/install.sh, pages and licences; the same programs and SOURCE_DATE_EPOCH give the same bytes
#
# klined-export, the programs of the exchange and the relay go in if they are built. Programs are stripped of symbols.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=release
out=target/packages
fail() { echo "package.sh: $1" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case $1 in
        --profile) [ $# -ge 2 ] || fail "--profile needs a profile"; profile=$2; shift ;;
        --out) [ $# -ge 2 ] || fail "--out needs a directory"; out=$2; shift ;;
        -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
        deb | archive | wheel) break ;;
        *) fail "unknown word $1; see --help" ;;
    esac
    shift
done
[ $# -gt 0 ] || set -- deb archive wheel
for kind in "$@"; do
    [[ $kind = deb || $kind = archive || $kind = wheel ]] || fail "there is no package \"$kind\"; there are deb, archive and wheel"
done

directory=$profile
[ "$profile" != dev ] || directory=debug
built=${CARGO_TARGET_DIR:-target}/$directory
[ -x "$built/klined" ] || fail "there is no $built/klined; build it with \`cargo build --profile $profile\`"
version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
# The trees of files are install.sh's, so that every way to install has the same files.
tree=target/package
rm -rf "$tree"
trees=()
lay() { # name of the tree, flags of install.sh
    deploy/install.sh "${@:2}" --root "$tree/$1" --bin-dir "$built" --no-start >/dev/null
    strip "$tree/$1/usr/local/bin"/*
    trees+=("$tree/$1")
}
lay root
[ ! -x "$built/exchange-producer" ] || lay exchange --exchange
[ ! -x "$built/market-relay" ] || lay relay --relay
mkdir -p "$out"

debian() {
    cargo deb --version >/dev/null 2>&1 || fail "cargo-deb is missing; install it with \`cargo install cargo-deb\`"
    mkdir "$tree/units"
    local root unit variant
    for root in "${trees[@]}"; do
        for unit in "$root"/etc/systemd/system/*.service; do
            # A package has its files where the system has them.
            sed 's,/usr/local/,/usr/,g' "$unit" >"$tree/units/${unit##*/}"
        done
        variant=()
        [ "$root" = "$tree/root" ] || variant=(--variant "${root##*/}")
        # Without the page and the bars there is no whole package of the exchange.
        [ "$root" != "$tree/exchange" ] || { [ -x "$root/usr/local/bin/exchange-playback" ] && [ -x "$root/usr/local/bin/exchange-bars" ]; } ||
            fail "klined-exchange needs exchange-bars and exchange-playback; build them with \`cargo build --profile $profile -p klined-venue\`"
        cargo deb --quiet --no-build --no-strip --profile "$profile" "${variant[@]}" --compress-type gzip --compress-system --output "$out/"
    done
}

archive() {
    local name=klined-$version-$(uname -m)-linux place
    place=$tree/$name
    mkdir -p "$place/bin" "$place/deploy"
    local root
    for root in "${trees[@]}"; do cp "$root/usr/local/bin"/* "$place/bin/"; done
    cp -r deploy/install.sh deploy/systemd deploy/nginx deploy/caddy deploy/prometheus deploy/grafana "$place/deploy/"
    cp -r docs README.md README.zh-CN.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$place/"
    tar --create --directory "$tree" --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w,a+rX \
        --mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}" "$name" | gzip -n >"$out/.$name.partial"
    mv "$out/.$name.partial" "$out/$name.tar.gz"
}

wheel() {
    command -v maturin >/dev/null && python3 -c 'import wheel' 2>/dev/null ||
        fail "maturin or wheel is missing; install them with \`pip install maturin wheel\`"
    maturin build --quiet --profile "$profile" --manifest-path crates/klined-python/Cargo.toml --out "$tree/module"
    python3 -m wheel unpack --dest "$tree/wheel" "$tree"/module/klined-*.whl >/dev/null
    local unpacked=$tree/wheel/klined-$version newest
    mkdir -p "$unpacked/klined-$version.data/scripts"
    local root
    for root in "${trees[@]}"; do cp "$root/usr/local/bin"/* "$unpacked/klined-$version.data/scripts/"; done
    # The tag names the C library that the programs need; maturin has looked at the module only.
    newest=$(objdump --dynamic-syms "$unpacked/klined-$version.data/scripts"/* | sed -n 's/.*GLIBC_2\.\([0-9]*\).*/\1/p' | sort -n | tail -n 1)
    sed -i "s/^Tag: \(.*\)-[^-]*$/Tag: \1-manylinux_2_${newest}_$(uname -m)/" "$unpacked/klined-$version.dist-info/WHEEL"
    python3 -m wheel pack --dest-dir "$out" "$unpacked" >/dev/null
}

for kind in "$@"; do
    case $kind in
        wheel) wheel ;;
        deb) debian ;;
        archive) archive ;;
    esac
done
ls -1 "$out"
