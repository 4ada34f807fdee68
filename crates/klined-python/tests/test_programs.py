"""The programs that come with the wheel: `pip install` is enough for `klined up`."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request

import klined
import pyarrow.parquet
import pytest

PROGRAMS = pathlib.Path(sys.prefix) / "bin"
ALL = ["klined", "market-generator", "data-aggregator", "market-backfill", "market-api", "klined-export"]


@pytest.fixture
def environment(tmp_path):
    """Nothing of a build, so that the wheel's own programs find one another."""
    return {"PATH": os.defpath, "HOME": str(tmp_path), "KLINED_NO_LOG_FILES": "1"}


@pytest.mark.parametrize("program", ALL)
def test_a_program_runs(program, environment):
    said = subprocess.run([PROGRAMS / program, "--version"], check=True, capture_output=True, text=True, env=environment).stdout
    assert klined.__version__ in said


def test_an_export_has_the_rows_of_the_module(tmp_path, environment):
    words = "export bars --seed 31 --from 2026-03-02 --to 2026-03-03 --interval 5m --out bars.parquet".split()
    subprocess.run([PROGRAMS / "klined", *words], check=True, capture_output=True, env=environment, cwd=tmp_path)
    made = klined.bars(None, "2026-03-02", "2026-03-03", interval="5m", seed=31).to_arrow()
    assert pyarrow.parquet.read_table(tmp_path / "bars.parquet").equals(made)


def test_a_market_runs(tmp_path, environment):
    words = ["up", "--days", "1", "--addr", "127.0.0.1:0"]
    market = subprocess.Popen([PROGRAMS / "klined", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=tmp_path)
    try:
        address = next(word for line in market.stdout for word in line.split() if word.startswith("http://127.0.0.1:"))
        with urllib.request.urlopen(f"{address.rstrip('/')}/api/v2/tickers") as answer:
            assert len(json.load(answer)["data"]) == 10
    finally:
        market.send_signal(signal.SIGINT)
        market.communicate(timeout=60)
    assert market.returncode == 0
