"""The relay: the vendors' clients read real and synthetic symbols in one connection. The vendor is a second market behind nginx with TLS."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from datetime import datetime, timezone

from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import StockBarsRequest, StockSnapshotRequest
from alpaca.data.timeframe import TimeFrame
from massive import RESTClient

from listener import Listener
from market import ROOT, Market, free_port, until
from test_alpaca import Stream

NODE = ROOT / "target/clients/node"
NGINX = shutil.which("nginx", path=f"{ROOT}/target/tools/usr/sbin:{os.environ['PATH']}:/usr/sbin")
CONFIGURATION = """
pid {place}/nginx.pid;
daemon off;
events {{}}
http {{
    access_log off;
    {temporary}
    server {{
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {place}/cert.pem;
        ssl_certificate_key {place}/key.pem;
        location / {{
            proxy_pass http://{address};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
}}
"""


def rows(bars):
    return [(int(bar.timestamp.timestamp()), bar.open, bar.high, bar.low, bar.close, int(bar.volume)) for bar in bars]


class Relay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = pathlib.Path(tempfile.mkdtemp(prefix="klined-relay-"))
        cls.addClassCleanup(shutil.rmtree, cls.place, ignore_errors=True)
        tls = free_port()
        cls.vendor = Market("sqlite", write=["--universe", "synth"], serve=["--external-url", f"https://127.0.0.1:{tls}"])
        cls.addClassCleanup(cls.vendor.close)
        # No certificate of an authority: the server's own is trusted.
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=vendor", *names]
        subprocess.run([*made, "-keyout", cls.place / "key.pem", "-out", cls.place / "cert.pem"], check=True, capture_output=True)
        parts = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        temporary = "".join(f"{part}_temp_path {cls.place}/{part};" for part in parts)
        text = CONFIGURATION.format(place=cls.place, temporary=temporary, tls=tls, address=cls.vendor.address)
        (cls.place / "nginx.conf").write_text(text)
        with (cls.place / "nginx.out").open("wb") as log:
            words = [NGINX, "-e", cls.place / "nginx.log", "-p", cls.place, "-c", cls.place / "nginx.conf"]
            cls.nginx = subprocess.Popen(words, stdout=log, stderr=log)
        cls.addClassCleanup(cls.vendor.stop, cls.nginx)
        cls.upstream = f"https://127.0.0.1:{tls}"
        cls.key = f"{cls.vendor.key_id}.{cls.vendor.key_secret}"
        (cls.place / "vendor.key").write_text(f"{cls.vendor.key_id}:{cls.vendor.key_secret}\n")
        words = ["--upstream-polygon", cls.upstream, "--upstream-polygon-key", cls.key, "--upstream-ca", cls.place / "cert.pem"]
        words += ["--upstream-alpaca", cls.upstream, "--upstream-alpaca-key-file", cls.place / "vendor.key"]
        cls.market = Market("sqlite", serve=words)
        cls.addClassCleanup(cls.market.close)
        cls.own_key = f"{cls.market.key_id}.{cls.market.key_secret}"

    def test_massive_reads_both_kinds_in_one_connection(self):
        listener = Listener(self.market.address, "stocks", self.own_key, ["T.AAPL", "T.TECH", "AM.*"])
        for symbol in ["AAPL", "TECH"]:
            until(f"trades of {symbol}", lambda: len(listener.of("T", symbol)) > 20)
        until("bars of both", lambda: listener.of("AM", "SYNTH") and listener.of("AM", "JPM"))
        bar = listener.of("AM", "SYNTH")[0]
        stored = {start: rest for start, *rest in self.vendor.bars("SYNTH")}
        self.assertEqual([bar.open, bar.high, bar.low, bar.close, int(bar.volume)], stored[bar.start_timestamp // 1000])
        listener.close()

    def test_massive_reads_pages_of_both_kinds(self):
        rest = RESTClient(self.own_key, base=self.market.url)
        for symbol, market in [("AAPL", self.market), ("TECH", self.vendor)]:
            stored = market.bars(symbol)[:-5]
            first, last = stored[0][0] * 1000, stored[-1][0] * 1000
            found = rest.list_aggs(symbol, 1, "minute", first, last, limit=150)
            self.assertEqual([(bar.timestamp // 1000, bar.open, bar.high, bar.low, bar.close, int(bar.volume)) for bar in found], stored, symbol)

    def test_alpaca_reads_both_kinds_in_one_connection(self):
        # Its stream is MessagePack.
        with Stream(self.market) as stream:
            trades = stream.hear("trades", "AAPL", "TECH")
            until("trades of both", lambda: {trade.symbol for trade in trades} == {"AAPL", "TECH"})
            trade = next(trade for trade in trades if trade.symbol == "TECH")
            self.assertIsInstance(trade.price, float)
            self.assertIsInstance(trade.timestamp, datetime)

    def test_alpaca_reads_both_kinds_in_one_answer(self):
        client = StockHistoricalDataClient(self.market.key_id, self.market.key_secret, url_override=self.market.url)
        symbols = {"AAPL": self.market, "TECH": self.vendor}
        stored = {symbol: market.bars(symbol)[:-5] for symbol, market in symbols.items()}
        end = datetime.fromtimestamp(min(bars[-1][0] for bars in stored.values()), timezone.utc)
        begin = datetime(2000, 1, 1, tzinfo=timezone.utc)
        request = StockBarsRequest(symbol_or_symbols=list(symbols), timeframe=TimeFrame.Minute, start=begin, end=end)
        found = client.get_stock_bars(request).data
        for symbol, bars in stored.items():
            self.assertEqual(rows(found[symbol]), [bar for bar in bars if bar[0] <= end.timestamp()], symbol)
        snapshots = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=list(symbols)))
        self.assertEqual(set(snapshots), set(symbols))

    def test_javascript_reads_both_kinds(self):
        environment = os.environ | {"KLINED_URL": self.market.url, "KLINED_KEY": self.own_key}
        subprocess.run(["node", NODE / "relay.mjs"], check=True, env=environment, timeout=180)

    def test_go_reads_both_kinds(self):
        symbols = {"AAPL": self.market, "TECH": self.vendor}
        stored = {symbol: market.bars(symbol)[:-5] for symbol, market in symbols.items()}
        end = min(bars[-1][0] for bars in stored.values())
        environment = os.environ | {"KLINED_URL": self.market.url, "KLINED_KEY_ID": self.market.key_id, "KLINED_KEY_SECRET": self.market.key_secret}
        instant = datetime.fromtimestamp(end, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        words = ["go", "run", ".", instant, *symbols]
        done = subprocess.run(words, cwd=ROOT / "tests/clients/go", env=environment, timeout=180, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)
        for symbol, bars in stored.items():
            self.assertEqual([tuple(bar) for bar in found["stored"][symbol]], [bar for bar in bars if bar[0] <= end], symbol)
            live = {bar[0]: bar for bar in symbols[symbol].bars(symbol)}
            self.assertEqual(tuple(found["live"][symbol]), live[found["live"][symbol][0]], symbol)
            self.assertGreater(found["trades"][symbol], 0, symbol)

    def test_a_certificate_that_is_not_trusted_is_refused(self):
        words = ["--upstream-polygon", self.upstream, "--upstream-polygon-key", self.key]
        with Market("sqlite", days=1, serve=words) as market:
            headers = {"Authorization": f"Bearer {market.key_id}.{market.key_secret}"}
            request = urllib.request.Request(f"{market.url}/v2/last/trade/TECH", headers=headers)
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request)
            self.assertEqual(refused.exception.code, 502)
            self.assertIn("certificate", market.log("market-api"))
