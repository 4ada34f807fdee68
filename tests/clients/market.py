"""A real market under a vendor's client: `klined up` writes it, `market-api` serves it, each a process of its own.

As a program it opens one and runs a command before it, which finds it by its environment:

    python3 market.py [--backend sqlite|postgres] [--days N] [--speed N] COMMAND…
    python3 market.py query URL SQL         rows as lines of tab-separated text, read past the server
"""

import argparse
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("KLINED_BIN", ROOT / "target/debug")).resolve()
# How long anything may take, in seconds.
PATIENCE = 180


def until(what, probe, patience=PATIENCE):
    """The first true answer of a probe; an error of it is a no."""
    end, last = time.monotonic() + patience, None
    while time.monotonic() < end:
        try:
            last = probe()
            if last:
                return last
        except Exception as error:  # noqa: BLE001 - reported below
            last = error
        time.sleep(0.05)
    raise AssertionError(f"waited in vain until {what}: {last!r}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def query(url, sql):
    """Rows as tuples of text, read from the database itself."""
    if url.startswith("sqlite:///"):
        with sqlite3.connect(url.removeprefix("sqlite:///"), timeout=60) as database:
            return [tuple(str(value) for value in row) for row in database.execute(sql)]
    answer = subprocess.run(["psql", url, "-X", "-A", "-t", "-q", "-F", "\t", "-c", sql], check=True, capture_output=True, text=True)
    return [tuple(line.split("\t")) for line in answer.stdout.splitlines() if line]


class Market:
    """A market with a writer and a server. Closed by `close`, or at the end of a `with`."""

    def __init__(self, backend="sqlite", days=3, speed=60, write=(), serve=(), keys=True, backfill=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="klined-clients-"))
        self.cluster = self.writer = self.server = None
        self.key_id = self.key_secret = "anything"
        self.serve_words = list(serve)
        try:
            self._database(backend)
            if keys:
                made = subprocess.run([PROGRAMS / "klined", "key", "somebody"], check=True, capture_output=True, text=True)
                # Clients under test are no reason to be held back.
                limits = "requests_per_second = 10000\nsubscriptions = 20000\nconnections = 50\n"
                (self.directory / "keys.toml").write_text(made.stdout + limits)
                self.key_id, self.key_secret = made.stderr.split()[-1].split(".", 1)
            self.keys = str(self.directory / "keys.toml") if keys else "none"
            if backfill:
                self.run("market-backfill", *backfill)
            words = ["--days", str(days)] if days and not backfill else []
            self.write_words = ["up", "--addr", "none", "--speed", str(speed), *words, *write]
            self.write()
            self.port = free_port()
            self.serve()
        except BaseException:
            self.close()
            raise

    def _database(self, backend):
        if backend == "sqlite":
            self.database = f"sqlite:///{self.directory / 'market.db'}"
            return
        script = ROOT / "tests/support/cluster.sh"
        self.cluster = subprocess.Popen(["sh", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = self.cluster.stdout.readline().strip()
        assert port, "no PostgreSQL"
        self.database = f"postgresql://postgres@127.0.0.1:{port}/postgres"

    @property
    def address(self):
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def _start(self, name, *words):
        with (self.directory / f"{name}.log").open("ab") as log:
            words = [PROGRAMS / name, *words, "--no-log-files", "--db-url", self.database]
            return subprocess.Popen(words, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def run(self, name, *words):
        """Runs a program to its end."""
        assert self._start(name, *words).wait(PATIENCE) == 0, self.log(name)

    def log(self, name):
        return (self.directory / f"{name}.log").read_text()[-2000:]

    def write(self):
        """Starts the writer."""
        self.writer = self._start("klined", *self.write_words)

    def serve(self):
        """Starts the server and waits until it answers with a bar."""

        def answers():
            if self.writer.poll() is not None:
                raise SystemExit(f"the writer has ended: {self.log('klined')}")
            if self.server is None or self.server.poll() is not None:
                words = ["--addr", self.address, "--api-keys", self.keys, "--rate", "100000", *self.serve_words]
                self.server = self._start("market-api", *words)
            headers = {"X-API-Key": f"{self.key_id}.{self.key_secret}"}
            with urllib.request.urlopen(urllib.request.Request(f"{self.url}/api/v2/status", headers=headers)) as answer:
                return answer.status == 200 and self.rows("SELECT 1 FROM market_clock")

        until("the server answers", answers)

    def stop(self, process):
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait(60)

    def restart(self):
        """The server, not the writer, is stopped and started again at the same address."""
        self.stop(self.server)
        self.serve()

    def rows(self, sql):
        """Rows as tuples of text, read past the server."""
        return query(self.database, sql)

    def bars(self, symbol, interval="1m", extra=""):
        """Stored bars in order of time: (time, open, high, low, close, volume) as numbers."""
        sql = f"SELECT time, open, high, low, close, volume FROM market_klines WHERE symbol = '{symbol}' AND interval = '{interval}' {extra} ORDER BY time"
        return [(int(time), *map(float, prices), int(volume)) for time, *prices, volume in self.rows(sql)]

    def symbols(self):
        return [symbol for (symbol,) in self.rows("SELECT symbol FROM stock_metadata ORDER BY symbol")]

    def close(self):
        self.stop(self.server)
        self.stop(self.writer)
        if self.cluster is not None:
            self.cluster.stdin.close()
            self.cluster.wait(60)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def on_every_backend(laws):
    """The test class once for each database: a copy of it with `backend` set."""
    for backend in ["sqlite", "postgres"]:
        name = f"{laws.__name__}On{backend.capitalize()}"
        made = type(name, (laws, unittest.TestCase), {"backend": backend, "__module__": laws.__module__})
        sys.modules[laws.__module__].__dict__[name] = made
    return laws


def main():
    if sys.argv[1:2] == ["query"]:
        for row in query(*sys.argv[2:4]):
            print(*row, sep="\t")
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="sqlite")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--speed", type=float, default=60)
    parser.add_argument("--no-keys", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    with Market(asked.backend, asked.days, asked.speed, keys=not asked.no_keys) as market:
        environment = os.environ | {
            "KLINED_URL": market.url,
            "KLINED_DATABASE": market.database,
            "KLINED_KEY_ID": market.key_id,
            "KLINED_KEY_SECRET": market.key_secret,
        }
        return subprocess.run(asked.command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
