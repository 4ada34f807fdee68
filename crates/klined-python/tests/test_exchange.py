"""Order events of the exchange: those of the logs of `exchange-producer`, made or read."""

import os
import pathlib
import subprocess

import duckdb
import klined
import polars
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

PROGRAMS = pathlib.Path(os.environ["KLINED_BIN"])
SECURITIES = ["AAPL:10000", "MSFT:15000"]
SHORT = {"days": 2, "seconds": 900, "start_date": "2026-03-06", "trading_days": "nyse"}


def run(program, *words):
    subprocess.run([PROGRAMS / program, *words], check=True, capture_output=True)


@pytest.fixture(scope="module", params=["simple", "qr-2"])
def logs(request, tmp_path_factory):
    """The logs of a run, and its model."""
    place = tmp_path_factory.mktemp("run")
    words = ["--securities", ",".join(SECURITIES), "--days", "2", "--seconds", "900", "--start-date", "2026-03-06", "--trading-days", "nyse"]
    run("exchange-producer", "--seed", "31", "--model", request.param, "--output", place / "run", *words)
    return place, request.param


def converted(place, symbol, date, to):
    out = place / f"{symbol}-{date}.{to}"
    if not out.exists():
        run("exchange-log", "convert", place / "run" / symbol / f"{date}.qrsdp", "--to", to, "--output", out)
    return out


DATES = ["2026-03-06", "2026-03-09"]


def test_events_are_those_of_the_logs(logs):
    place, model = logs
    made = klined.exchange.events(SECURITIES, seed=31, model=model, **SHORT)
    parts = [pyarrow.parquet.read_table(converted(place, symbol, date, "parquet")) for symbol in ("AAPL", "MSFT") for date in DATES]
    assert made.to_arrow().equals(pyarrow.concat_tables(parts))
    assert made.metadata["klined:seed"] == "31" and repr(made).startswith("<klined.Stream of symbol, date, ts_ns")


def test_a_log_is_read(logs):
    place, _ = logs
    read = klined.exchange.read(place / "run/MSFT/2026-03-09.qrsdp").to_arrow()
    assert read.equals(pyarrow.parquet.read_table(converted(place, "MSFT", "2026-03-09", "parquet")))
    text = pyarrow.csv.read_csv(converted(place, "MSFT", "2026-03-09", "csv"))
    assert read.drop_columns(["symbol", "date"]).to_pylist() == text.to_pylist()
    other = klined.exchange.read(str(place / "run/MSFT/2026-03-09.qrsdp"), symbol="X", date="2020-01-02").to_arrow()
    assert set(other["symbol"].to_pylist()) == {"X"} and str(other["date"][0]) == "2020-01-02"


def test_other_libraries_take_a_stream_as_often_as_they_like():
    events = klined.exchange.events("AAPL:10000", seconds=3600)
    table = pyarrow.table(events)
    assert pyarrow.table(events).equals(table) and len(table) > 100_000
    assert polars.DataFrame(events).shape == events.to_polars().shape == (len(table), 9)
    assert len(events.to_pandas()) == len(table)
    reader = pyarrow.RecordBatchReader.from_stream(events)
    assert duckdb.sql("SELECT count(*), max(order_id) FROM reader").fetchall() == [(len(table), len(table))]


def test_memory_is_bounded_and_a_reader_may_leave():
    # A thousand days would be gigabytes.
    reader = pyarrow.RecordBatchReader.from_stream(klined.exchange.events(days=1000))
    batch = reader.read_next_batch()
    assert 0 < len(batch) <= 32_768 and pyarrow.total_allocated_bytes() < 1 << 28
    reader.close()


def test_sessions_follow_one_another():
    days = klined.exchange.events(days=3, seconds=60, seed=5).to_pandas()
    assert [str(day) for day in days["date"].unique()] == ["2026-01-02", "2026-01-05", "2026-01-06"]
    assert days.groupby("date")["order_id"].apply(lambda ids: ids.tolist() == list(range(1, len(ids) + 1))).all()
    assert set(days["symbol"]) == {""}
    busy = klined.exchange.events(seconds=60, seed=5, base_L=40.0).to_arrow()
    assert len(busy) > 1.2 * len(klined.exchange.events(seconds=60, seed=5).to_arrow())


@pytest.mark.parametrize(
    "words, arguments, keywords",
    [
        ('"AAPL" is no security: write SYMBOL:PRICE', ("AAPL",), {}),
        ("named twice", (["A:1", "a:2"],), {}),
        ("the list of symbols is empty", ([],), {}),
        ("days is 0: it must be from 1 to 1000000", (), {"days": 0}),
        ("the number of levels is 65: it must be from 1 to 64", (), {"levels": 65}),
        ("does not end on the same day", (), {"seconds": 80_000}),
        ('market_open is "25:00": it must be a time from 00:00 to 23:59', (), {"market_open": "25:00"}),
        ('"garch" is not a model of order events', (), {"model": "garch"}),
        ("qr-2 takes neither hlr_curves nor parameters", (), {"model": "qr-2", "base_L": 3.0}),
        ('"moon" names no trading days: use weekdays, sse', (), {"trading_days": "moon"}),
        ('"odd" is not a scheme of seeds', (), {"seed_scheme": "odd"}),
        ("the days of sse end before it", (), {"trading_days": "sse", "start_date": "2100-12-31", "days": 9}),
        ("too low for a price floor of 9999", (), {"price_floor": 9999}),
        ("cannot use the curves in none.json", (), {"hlr_curves": "none.json"}),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(words, arguments, keywords):
    with pytest.raises(klined.KlinedError, match=words):
        klined.exchange.events(*arguments, **keywords)


def test_what_is_no_log_is_refused_in_words(logs, tmp_path):
    place, _ = logs
    with pytest.raises(klined.KlinedError, match="cannot open .*none.qrsdp"):
        klined.exchange.read(tmp_path / "none.qrsdp")
    (tmp_path / "2026-03-06.qrsdp").write_bytes(b"no log" * 100)
    with pytest.raises(klined.KlinedError, match="2026-03-06.qrsdp: "):
        klined.exchange.read(tmp_path / "2026-03-06.qrsdp")
    log = (place / "run/AAPL/2026-03-06.qrsdp").read_bytes()
    (tmp_path / "copy.qrsdp").write_bytes(log)
    with pytest.raises(klined.KlinedError, match="copy.qrsdp is not named by its date"):
        klined.exchange.read(tmp_path / "copy.qrsdp")
    # Damage inside of a chunk is found when the chunk is read.
    (tmp_path / "2026-03-09.qrsdp").write_bytes(log[:3000] + bytes(200) + log[3200:])
    with pytest.raises(Exception, match="2026-03-09.qrsdp: "):
        klined.exchange.read(tmp_path / "2026-03-09.qrsdp").to_arrow()
