"""What cannot be made is refused with the words of the programs."""

import os
import pathlib
import subprocess

import klined
import pytest

PROGRAMS = pathlib.Path(os.environ["KLINED_BIN"])
RANGE = ("2026-03-02", "2026-03-03")


def words_of(program, *words):
    environment = os.environ | {"KLINED_NO_LOG_FILES": "1"}
    done = subprocess.run([PROGRAMS / program, *words], capture_output=True, text=True, env=environment)
    assert done.returncode != 0
    # Lines may be broken, and flags have their dashes.
    return " ".join(done.stderr.replace("--", "").split())


def export(command, *words, start=RANGE[0], end=RANGE[1]):
    return words_of("klined-export", command, "--seed", "31", "--from", start, "--to", end, "--format", "csv", "--out", "-", *words)


FX = ("fx-generator", "--mode", "faster-than-life", "--to", "file:fx", "--start_ts", "2025-07-07T13:30:00", "--end_ts", "2025-07-07T13:31:00")
TIMES = ("2025-07-07T13:30:00", "2025-07-07T13:31:00")


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: klined.ticks("XYZ", *RANGE, seed=31), lambda: export("trades", "--symbols", "XYZ")),
        (lambda: klined.quotes("XYZ", *RANGE, seed=31), lambda: export("quotes", "--symbols", "XYZ")),
        (lambda: klined.ticks("AAPL", "2026-03-07", "2026-03-08"), lambda: export("trades", start="2026-03-07", end="2026-03-08")),
        (lambda: klined.quotes("AAPL", "1980-01-01", "1980-02-01"), lambda: export("quotes", start="1980-01-01", end="1980-02-01")),
        (lambda: klined.ticks("AAPL", *RANGE, listed="2026-03-03"), lambda: export("trades", "--listed", "2026-03-03")),
        (lambda: klined.bars("AAPL", *RANGE, interval="3h"), lambda: export("bars", "--interval", "3h")),
        (lambda: klined.bars("AAPL", *RANGE, model="garch"), lambda: export("bars", "--model", "garch")),
        (lambda: klined.universe("ashare:9999"), lambda: export("bars", "--universe", "ashare:9999")),
        (lambda: klined.exchange.events("AAPL"), lambda: words_of("exchange-producer", "--securities", "AAPL")),
        (lambda: klined.exchange.events(levels=65), lambda: words_of("exchange-producer", "--levels", "65")),
        (lambda: klined.exchange.events(price_floor=9999), lambda: words_of("exchange-producer", "--price-floor", "9999")),
        (lambda: klined.fx.books("EURXXX", *TIMES), lambda: words_of(*FX, "--pairs", "EURXXX")),
        (lambda: klined.fx.books(None, *TIMES, min_levels=9), lambda: words_of(*FX, "--min_levels", "9")),
        (lambda: klined.fx.trades(None, *TIMES, lei_pool_size=0), lambda: words_of(*FX, "--lei_pool_size", "0")),
    ],
)
def test_a_refusal_has_the_words_of_the_program(make, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(klined.KlinedError) as refused:
        make()
    assert " ".join(str(refused.value).split()) in said()
    assert not list(tmp_path.iterdir())
