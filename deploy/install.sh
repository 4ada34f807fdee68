#!/usr/bin/env bash
# Installs klined as systemd services, or removes them. Running it again brings everything up to date and keeps what the
# operator wrote: /etc/klined is made once and never overwritten.
#
#   deploy/install.sh [--exchange|--relay] [--bin-dir DIR] [--no-start] [--root DIR]    install, enable and start
#   deploy/install.sh [--exchange|--relay] --uninstall [--purge] [--root DIR]          remove; --purge also configuration, data and logs
#
# --exchange the exchange in place of the stock market: exchange-producer.service, and exchange-playback.service if that program is built.
#            exchange-bars.service is installed and not enabled, because it needs a run on the trading days of a calendar
# --relay    the relay of the stock market to Kafka (market-relay.service) in place of the stock market
# --bin-dir  where the built programs are [target/release beside this script]
# --no-start enable the services without starting or restarting them
# --root     write below DIR, and touch neither users nor the running system: for packages and tests
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
programs=(klined market-generator data-aggregator market-backfill market-api)
# Installed if they are built, which takes a command of its own.
extra=(klined-export)
units=(market-generator.service data-aggregator.service market-api.service)
# Units of programs that are installed only if they are built: enabled, and left to the operator.
extra_units=()
idle_units=()
env_file=klined.env
page=OPERATIONS.md
build='cargo build --release'
bin_dir=$here/../target/release
root=
start=yes
uninstall=no
purge=no

fail() { echo "install.sh: $1" >&2; exit 1; }

while [ $# -gt 0 ]; do
    case $1 in
        --bin-dir) [ $# -ge 2 ] || fail "--bin-dir needs a directory"; bin_dir=$2; shift ;;
        --root) [ $# -ge 2 ] || fail "--root needs a directory"; root=${2%/}; shift ;;
        --exchange)
            programs=(exchange-producer exchange-log exchange-feed exchange-listen exchange-calibrate)
            extra=(exchange-bars exchange-playback)
            units=(exchange-producer.service)
            extra_units=(exchange-playback.service)
            idle_units=(exchange-bars.service)
            env_file=exchange.env
            page=EXCHANGE.md
            build='cargo build --release -p klined-exchange -p klined-venue --features klined-exchange/platform'
            ;;
        --relay)
            programs=(market-relay)
            extra=()
            units=(market-relay.service)
            env_file=relay.env
            page=KAFKA.md
            build='cargo build --release -p klined-relay --features platform'
            ;;
        --no-start) start=no ;;
        --uninstall) uninstall=yes ;;
        --purge) purge=yes ;;
        -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail "unknown option $1; see --help" ;;
    esac
    shift
done
[ "$purge" = no ] || [ "$uninstall" = yes ] || fail "--purge goes with --uninstall"
[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "must be run as root, or with --root DIR"

has_systemd() { [ -z "$root" ] && [ -d /run/systemd/system ]; }
enabled=$root/etc/systemd/system/multi-user.target.wants

if [ "$uninstall" = yes ]; then
    units+=("${extra_units[@]}" "${idle_units[@]}")
    if has_systemd; then
        for unit in "${units[@]}"; do systemctl disable --now "$unit" 2>/dev/null || true; done
    fi
    for unit in "${units[@]}"; do
        rm -f "$root/etc/systemd/system/$unit" "$enabled/$unit"
    done
    for program in "${programs[@]}" "${extra[@]}"; do
        rm -f "$root/usr/local/bin/$program"
    done
    rm -f "$root/usr/local/share/doc/klined/$page"
    rmdir "$root/usr/local/share/doc/klined" 2>/dev/null || true
    if [ "$purge" = yes ] && [ "$env_file" = exchange.env ]; then
        rm -rf "$root/etc/klined/$env_file" "$root/var/lib/klined/exchange" "$root"/var/lib/klined/exchange.db*
    elif [ "$purge" = yes ] && [ "$env_file" = relay.env ]; then
        rm -f "$root/etc/klined/$env_file"
    elif [ "$purge" = yes ]; then
        rm -rf "$root/etc/klined" "$root/var/lib/klined" "$root/var/log/klined"
        [ -n "$root" ] || ! getent passwd klined >/dev/null || userdel klined
    fi
    has_systemd && systemctl daemon-reload
    echo "removed klined$([ "$purge" = yes ] || echo "; /etc/klined, /var/lib/klined and /var/log/klined are left")"
    exit 0
fi

for program in "${programs[@]}"; do
    [ -x "$bin_dir/$program" ] || fail "there is no $bin_dir/$program; build it with \`$build\`, or say --bin-dir"
done
for program in "${extra[@]}"; do
    [ -x "$bin_dir/$program" ] || continue
    programs+=("$program")
    [[ " ${extra_units[*]} " != *" $program.service "* ]] || units+=("$program.service")
done

if [ -z "$root" ] && ! getent passwd klined >/dev/null; then
    useradd --system --user-group --home-dir /var/lib/klined --no-create-home --shell /usr/sbin/nologin klined
fi

install -d -m 755 "$root/usr/local/bin" "$root/etc/systemd/system" "$enabled" "$root/etc/klined" \
    "$root/usr/local/share/doc/klined"
for program in "${programs[@]}"; do
    # Under another name first: a program that runs cannot be overwritten, but it can be replaced.
    install -m 755 "$bin_dir/$program" "$root/usr/local/bin/.$program.new"
    mv -f "$root/usr/local/bin/.$program.new" "$root/usr/local/bin/$program"
done
for unit in "${units[@]}" "${idle_units[@]}"; do
    [[ " ${extra[*]} " != *" ${unit%.service} "* ]] || [ -x "$bin_dir/${unit%.service}" ] || continue
    install -m 644 "$here/systemd/$unit" "$root/etc/systemd/system/$unit"
done
install -m 644 "$here/../docs/$page" "$root/usr/local/share/doc/klined/$page"
if [ ! -e "$root/etc/klined/$env_file" ]; then
    install -m 600 "$here/systemd/$env_file" "$root/etc/klined/$env_file"
fi
if [ ! -e "$root/etc/klined/log-filter" ]; then
    echo "warn,klined=info" >"$root/etc/klined/log-filter"
    chmod 644 "$root/etc/klined/log-filter"
fi

if has_systemd; then
    systemctl daemon-reload
    systemctl enable --quiet "${units[@]}"
    if [ "$start" = yes ]; then
        systemctl restart "${units[@]}"
        # Those that the operator has started.
        for unit in "${idle_units[@]}"; do
            [ ! -e "/etc/systemd/system/$unit" ] || systemctl try-restart "$unit"
        done
    fi
else
    for unit in "${units[@]}"; do
        ln -sf "/etc/systemd/system/$unit" "$enabled/$unit"
    done
fi
echo "installed klined; its configuration is $root/etc/klined/$env_file"
