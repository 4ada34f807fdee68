#!/usr/bin/env bash
# The files of deploy/nginx and deploy/caddy before a real server: TLS, the name of the host, WebSockets, and that the chart page's key
# reaches nobody through a proxy, not even through one that says nothing of itself.
#
#   tests/proxies.sh [DIRECTORY OF THE PROGRAMS]    default target/debug
#
# Needs nginx, Caddy, openssl and curl, which ./test.sh installs; those in target/tools go first.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(cd "${1:-target/debug}" && pwd)
root=$PWD
unset NOTIFY_SOCKET
export PATH=$root/target/tools/usr/sbin:$root/target/tools/usr/bin:$PATH KLINED_NO_LOG_FILES=true
place=$(mktemp -d)
started=()
finish() {
    for process in "${started[@]}"; do kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true; done
    rm -rf "$place"
}
trap finish EXIT
fail() { echo "proxies.sh: $1" >&2; tail -n 5 "$place"/*.log >&2 || true; exit 1; }
cd "$place"

# Below the ports that the system gives to clients.
port=$(shuf -i 20000-32000 -n 1)
tls=$((port + 1)) plain=$((port + 2)) caddy=$((port + 3)) named=$((port + 4))
name=market.example.org
export DATABASE_URL=sqlite:///market.db
"$bin/market-backfill" --from 2026-03-02 --to 2026-03-03 >backfill.log 2>&1 || fail "backfill"
key=$("$bin/klined" key somebody 2>&1 >keys.toml | sed 's/.* //')
"$bin/market-api" --addr "$port" --api-keys keys.toml >api.log 2>&1 & started+=($!)
"$bin/market-api" --addr "$named" --api-keys keys.toml --host "$name" >named.log 2>&1 & started+=($!)
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj "/CN=$name" 2>/dev/null

sed -e "s#listen 443 ssl#listen 127.0.0.1:$tls ssl#" -e "s#/etc/nginx/$name.pem#$place/cert.pem#" \
    -e "s#/etc/nginx/$name.key#$place/key.pem#" -e "s#127.0.0.1:8780#127.0.0.1:$named#" "$root/deploy/nginx/klined.conf" >klined.conf
temporary=$(for part in client_body proxy fastcgi uwsgi scgi; do echo "${part}_temp_path $place/$part;"; done)
cat >nginx.conf <<END
pid $place/nginx.pid;
daemon off;
events {}
http {
    access_log off;
    $temporary
    include $place/klined.conf;
    server { listen 127.0.0.1:$plain; location / { proxy_pass http://127.0.0.1:$port; } }
}
END
nginx -e "$place/nginx.log" -p "$place" -c "$place/nginx.conf" >nginx.out.log 2>&1 & started+=($!)
sed -e "s#^$name {#{\n\tadmin off\n\tauto_https off\n}\nhttps://$name:$caddy {\n\tbind 127.0.0.1\n\ttls $place/cert.pem $place/key.pem#" \
    -e "s#127.0.0.1:8780#127.0.0.1:$named#" "$root/deploy/caddy/Caddyfile" >Caddyfile
HOME=$place caddy run --adapter caddyfile --config Caddyfile >caddy.log 2>&1 & started+=($!)

ask() { # port, path, further words of curl
    local at=$1 path=$2
    shift 2
    curl -sk --resolve "$name:$at:127.0.0.1" "https://$name:$at$path" "$@"
}
status() { ask "$@" -o /dev/null -w '%{http_code}'; }
until_up() {
    for _ in $(seq 300); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.1; done
    fail "$* never succeeds"
}
for at in "$tls" "$caddy"; do
    until_up ask "$at" /health --fail
    [ "$(status "$at" /api/v2/tickers)" = 401 ] || fail "a client without a key is let in at $at"
    [ "$(status "$at" /api/v2/tickers -H "X-API-Key: $key")" = 200 ] || fail "a client with a key is not let in at $at"
    # A URL as long as the server takes: the parameter that there is not is the server's own objection.
    [ "$(status "$at" "/api/v2/tickers?x=$(printf '%060000d' 0)" -H "X-API-Key: $key")" = 400 ] || fail "a long URL does not get through at $at"
    ask "$at" /health -H 'Host: evil.example' | grep -q '"ok"' && fail "any host is answered at $at"
    ask "$at" / | grep -q 'name="klined-key" content=""' || fail "the page has a key at $at"
    shaken=$(status "$at" "/ws?api_key=$key" --http1.1 --max-time 2 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
        -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' -H "Origin: https://$name:$at" || true)
    # nginx passes the name on without the port, which is the usual one in the file.
    [ "$shaken" = 101 ] || [ "$at" = "$tls" ] || fail "a WebSocket is not passed on at $at: $shaken"
    shaken=$(status "$at" "/ws?api_key=$key" --http1.1 --max-time 2 -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
        -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' || true)
    [ "$shaken" = 101 ] || fail "a WebSocket is not passed on at $at: $shaken"
done
curl -s "http://127.0.0.1:$port/" | grep -q 'name="klined-key" content="page\.' || fail "the page has no key on this machine"
until_up curl -sf "http://127.0.0.1:$plain/health"
curl -s "http://127.0.0.1:$plain/" | grep -q 'name="klined-key" content=""' || fail "a plain proxy hands the page's key on"
echo "proxies.sh: ok"
