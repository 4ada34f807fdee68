"""The wheel: the rows of the daemons, in the hands of other libraries."""

import datetime
import os
import pathlib
import sqlite3
import subprocess
import threading

import duckdb
import klined
import pandas
import polars
import pyarrow
import pytest

RANGE = ("2026-03-02", "2026-03-13")


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """A database that market-backfill has filled with seed 31."""
    place = tmp_path_factory.mktemp("market")
    url = f"sqlite:///{place / 'market.db'}"
    backfill = pathlib.Path(os.environ["KLINED_BIN"]) / "market-backfill"
    words = [backfill, "--db-url", url, "--seed", "31", "--from", RANGE[0], "--to", RANGE[1]]
    subprocess.run(words, check=True, capture_output=True, cwd=place)
    return sqlite3.connect(place / "market.db")


@pytest.mark.parametrize("interval", ["1m", "5m", "15m", "30m", "60m", "120m", "1d"])
def test_bars_are_those_of_the_daemons(market, interval):
    made = klined.bars(None, *RANGE, interval=interval, seed=31).to_arrow()
    times = made["time"].cast(pyarrow.int64()).to_pylist()
    columns = [made[name].to_pylist() for name in ("symbol", "open", "high", "low", "close", "volume", "turnover", "trades")]
    rows = sorted((symbol, time // 1_000_000, *rest) for (symbol, *rest), time in zip(zip(*columns), times))
    query = "SELECT symbol, time, open, high, low, close, volume, turnover, trades FROM market_klines WHERE interval = ? ORDER BY symbol, time"
    assert rows == market.execute(query, [interval]).fetchall()


def test_other_libraries_take_a_table_without_help():
    bars = klined.bars(["AAPL", "MSFT"], *RANGE, interval="5m", seed=31, universe="demo")
    assert len(bars) == bars.num_rows == 2 * 10 * 48
    assert bars.column_names == ["symbol", "time", "open", "high", "low", "close", "volume", "turnover", "trades"]
    arrow = pyarrow.table(bars)
    assert arrow.schema.field("time").type == pyarrow.timestamp("us", "Asia/Shanghai")
    frame = polars.DataFrame(bars)
    assert frame.shape == (960, 9)
    assert duckdb.sql("SELECT count(*), sum(volume) FROM bars").fetchall() == [(960, frame["volume"].sum())]
    if hasattr(pandas.DataFrame, "from_arrow"):
        assert pandas.DataFrame.from_arrow(bars).shape == (960, 9)
    assert bars.to_pandas()["close"].tolist() == frame["close"].to_list() == arrow["close"].to_pylist()
    assert bars.to_polars().equals(frame)
    assert str(bars.to_pandas()["time"].iloc[0]) == "2026-03-02 09:30:00+08:00"


def test_a_table_can_be_taken_many_times_and_says_where_it_is_from():
    table = klined.bars("AAPL", *RANGE, seed=31)
    assert pyarrow.table(table).equals(pyarrow.table(table))
    assert table.metadata["klined:seed"] == "31"
    assert table.metadata["klined:listed"] == "2026-03-02"
    assert repr(table).startswith("<klined.Table: 2400 rows of symbol, time")


def test_no_memory_is_copied():
    table = klined.bars("AAPL", *RANGE)
    addresses = {pyarrow.table(table)["close"].chunk(0).buffers()[1].address for _ in range(3)}
    # All of them are the table's own.
    assert len(addresses) == 1


def test_rows_do_not_depend_on_threads():
    one = klined.bars(None, *RANGE, seed=7, universe="ashare:50", threads=1)
    assert all(one.to_arrow().equals(klined.bars(None, *RANGE, seed=7, universe="ashare:50", threads=n).to_arrow()) for n in (2, 5))


def test_trades_add_up_to_the_bars():
    day = "2026-03-02"
    bars = klined.bars("AAPL", day, day, seed=31).to_pandas()
    trades = klined.ticks("AAPL", day, day, seed=31).to_pandas()
    minutes = trades.groupby(trades["time"].dt.floor("min"))
    assert minutes["size"].sum().tolist() == bars["volume"].tolist()
    assert minutes["size"].count().tolist() == bars["trades"].tolist()
    turnover = (trades["price"] * trades["size"]).groupby(trades["time"].dt.floor("min")).sum()
    assert turnover.round(2).tolist() == bars["turnover"].tolist()
    assert minutes["price"].first().tolist() == bars["open"].tolist()
    assert minutes["price"].max().tolist() == bars["high"].tolist()
    quotes = klined.quotes("AAPL", day, day, seed=31).to_pandas()
    assert (quotes["bid"].dropna() > 0).all() and ((quotes["ask"] - quotes["bid"]).dropna() > 0).all()


def test_calendars_and_universes():
    sessions = klined.calendar.sessions("2026-10-01", "2026-10-09").to_pandas()
    assert sessions["session"].tolist() == ["morning", "afternoon"] * 2
    assert klined.calendar.minutes("2026-10-09", "2026-10-09").num_rows == 240
    assert klined.calendar.minutes("2025-11-28", "2025-11-28", calendar="nyse").num_rows == 210
    assert klined.universe("ashare:5400", seed=31).num_rows == 5400
    assert klined.universe().to_arrow()["symbol"].to_pylist()[0] == "AAPL"


def test_styles_and_dates():
    day = datetime.date(2026, 3, 2)
    decimal = klined.bars("AAPL", day, day, interval="1d", seed=31, prices="decimal", label="end").to_arrow()
    floats = klined.bars("AAPL", pandas.Timestamp(day), day, interval="1d", seed=31).to_arrow()
    assert decimal["close"].type == pyarrow.decimal128(10, 2)
    assert float(decimal["close"][0].as_py()) == floats["close"][0].as_py()
    assert decimal["time"][0].as_py().isoformat() == "2026-03-02T15:00:00+08:00"


@pytest.mark.parametrize(
    "words, arguments, keywords",
    [
        ("no stock XYZ in the universe demo", ("XYZ", *RANGE), {}),
        ("is not a symbol", ("a b", *RANGE), {}),
        ("the list of symbols is empty", ([], *RANGE), {}),
        ("the calendar covers", ("AAPL", "1980-01-01", "1980-02-01"), {}),
        ("no trading day", ("AAPL", "2026-03-07", "2026-03-08"), {}),
        ("later than the last day", ("AAPL", RANGE[1], RANGE[0]), {}),
        ("is no date", ("AAPL", "tomorrow", RANGE[1]), {}),
        ("is no date", ("AAPL", 20260302, RANGE[1]), {}),
        ("is no date", ("AAPL", datetime.datetime(2026, 3, 2, 9), RANGE[1]), {}),
        ("3h", ("AAPL", *RANGE), {"interval": "3h"}),
        ("not a model", ("AAPL", *RANGE), {"model": "garch"}),
        ("not a calendar", ("AAPL", *RANGE), {"calendar": "lse"}),
        ("not a number of A-shares", (None, *RANGE), {"universe": "ashare:9999"}),
        ("cannot read the universe file", (None, *RANGE), {"universe": "none.csv"}),
        ("cannot use the model's parameters", ("AAPL", *RANGE), {"model_params": "none.toml"}),
        ("cannot use the scenario", ("AAPL", *RANGE), {"scenarios": ["none.toml"]}),
        ("listed on 2026-03-03", ("AAPL", *RANGE), {"listed": "2026-03-03"}),
        ("not a type of prices", ("AAPL", *RANGE), {"prices": "money"}),
        ("not a label", ("AAPL", *RANGE), {"label": "middle"}),
        ("threads must be", ("AAPL", *RANGE), {"threads": 0}),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(words, arguments, keywords):
    with pytest.raises(klined.KlinedError, match=words):
        klined.bars(*arguments, **keywords)


def test_wrong_types_are_refused():
    for keywords in ({"seed": -1}, {"seed": 2**64}, {"sead": 1}):
        with pytest.raises((OverflowError, TypeError)):
            klined.bars("AAPL", *RANGE, **keywords)
    with pytest.raises(TypeError):
        klined.bars(5, *RANGE)


def test_python_goes_on_while_rows_are_made():
    begun, made = threading.Event(), []

    def make():
        begun.set()
        made.append(klined.bars(None, "2024-01-02", "2026-03-31", universe="ashare:40", threads=1))

    worker = threading.Thread(target=make)
    worker.start()
    begun.wait()
    turns = 0
    while worker.is_alive():
        turns += 1
    worker.join()
    assert made and turns > 1000
