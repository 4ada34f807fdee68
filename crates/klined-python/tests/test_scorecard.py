"""The scorecard: the numbers of `klined realism`, of frames from anywhere."""

import json
import os
import pathlib
import subprocess

import klined
import numpy
import pandas
import polars
import pyarrow
import pytest

DAYS = ("2024-06-03", "2024-07-15")


def rows_of(report):
    """The rows of a table, from the JSON of the program."""
    for metric in report["runs"][0]["metrics"]:
        for part in metric["parts"]:
            yield {"number": metric["number"], "metric": metric["name"], "part": part["name"]} | {
                name: part[name] for name in ("value", "low", "high", "real", "passes")
            }


def assert_same(table, report):
    found, expected = table.to_arrow().to_pylist(), list(rows_of(report))
    assert len(found) == len(expected) > 30
    for one, other in zip(found, expected):
        assert one.keys() == other.keys()
        for name, value in other.items():
            # The stocks are in another order, so a sum may differ in its last digit.
            assert one[name] == (pytest.approx(value, rel=1e-9) if name == "value" else value), (name, one, other)


def program(*words):
    words = [pathlib.Path(os.environ["KLINED_BIN"]) / "klined", "realism", "--days", "30", "--seed", "31", "--json", "-", *words]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def shares():
    """Bars of A-shares, whose closes have limits."""
    return klined.bars(None, *DAYS, seed=31, universe="ashare:40")


@pytest.mark.filterwarnings("ignore:the bands are meant")
def test_the_numbers_are_those_of_the_program(shares):
    report = program("--universe", "ashare:40")
    stocks = klined.universe("ashare:40", seed=31)
    assert_same(klined.scorecard(shares, stocks=stocks), report)
    # Some closes are at a limit, so what is known of the stocks is used.
    assert any(row["value"] > 0 for row in rows_of(report) if row["number"] == 15 and "up" in row["part"])
    five = klined.scorecard(klined.bars(None, *DAYS, interval="5m", seed=31, universe="ashare:40").to_polars(), stocks=stocks.to_pandas())
    assert_same(five, report)
    assert_same(klined.scorecard(klined.bars(None, *DAYS, interval="15m", seed=31)), program("--universe", "demo"))


@pytest.mark.filterwarnings("ignore:the bands are meant")
def test_a_frame_of_any_library_in_any_order_of_symbols_is_taken(shares):
    stocks = klined.universe("ashare:40", seed=31)
    expected = klined.scorecard(shares, stocks=stocks).to_arrow()
    frame = shares.to_pandas()
    decimal = klined.bars(None, *DAYS, seed=31, universe="ashare:40", prices="decimal").to_arrow()
    naive = frame.assign(time=frame["time"].dt.tz_localize(None))
    names = shares.to_arrow()
    dictionary = names.set_column(0, "symbol", names["symbol"].dictionary_encode())
    forms = [frame, naive, shares.to_polars(), decimal, dictionary, frame.astype({"symbol": "category", "volume": "float32"})]
    for form in [*forms, frame.sort_values(["time", "symbol"], kind="stable", ignore_index=True)]:
        found = klined.scorecard(form, stocks=stocks).to_arrow()
        assert found.drop_columns("value").equals(expected.drop_columns("value"))
        assert found["value"].to_pylist() == pytest.approx(expected["value"].to_pylist(), rel=1e-6, nan_ok=True)


def random_walk(days, symbols=12):
    """Bars of 5m of independent random walks with normal steps: no market has them."""
    draws = numpy.random.default_rng(5)
    sessions = pandas.bdate_range("2024-06-03", periods=days)
    times = pandas.DatetimeIndex([day + pandas.Timedelta(minutes=minute) for day in sessions for minute in [*range(570, 690, 5), *range(780, 900, 5)]])
    frames = []
    for number in range(symbols):
        close = 50 * numpy.exp(numpy.cumsum(draws.normal(0, 0.002, len(times))))
        open_ = numpy.concatenate([[50.0], close[:-1]])
        wick = numpy.exp(numpy.abs(draws.normal(0, 0.0005, len(times))))
        columns = {"open": open_, "high": numpy.maximum(open_, close) * wick, "low": numpy.minimum(open_, close) / wick, "close": close}
        frames.append(pandas.DataFrame({"symbol": f"W{number}", "time": times, **columns, "volume": draws.integers(1000, 9000, len(times))}))
    return pandas.concat(frames, ignore_index=True)


def test_a_random_walk_fails_and_a_market_passes(recwarn):
    walk = klined.scorecard(random_walk(250)).to_pandas()
    failed = set(walk.loc[~walk["passes"], "number"])
    # Tails, clustering, long memory, both profiles, volume and moves.
    assert {1, 5, 6, 10, 11, 12} <= failed and len(failed) >= 8
    market = klined.scorecard(klined.bars(None, "2024-06-03", "2025-08-22", interval="15m", seed=42)).to_pandas()
    assert market["passes"].all(), market[~market["passes"]]
    assert not recwarn.list


def test_a_small_sample_is_warned_of():
    words = "the bands are meant for at least 10 symbols and 240 days; these are 1 and 2"
    with pytest.warns(UserWarning, match=words):
        klined.scorecard(klined.bars("AAPL", "2026-03-02", "2026-03-03"))


def changed(column, value):
    frame = klined.bars(["AAPL", "MSFT"], "2026-03-02", "2026-03-04", interval="15m", seed=31).to_pandas()
    frame[column] = frame[column].astype(object)
    frame.loc[20, column] = value
    return frame.infer_objects()


def bars(**columns):
    return klined.bars(["AAPL", "MSFT"], "2026-03-02", "2026-03-04", interval="15m", seed=31).to_pandas().assign(**columns)


@pytest.mark.parametrize(
    "words, frame",
    [
        ("has no column \"close\"", lambda: bars().drop(columns="close")),
        ("\"close\" of the frame of bars has a null", lambda: changed("close", None)),
        ("\"close\" of the frame of bars has the type .*: numbers are needed", lambda: bars(close="dear")),
        ("\"time\" of the frame of bars has the type .*: timestamps are needed", lambda: bars(time="today")),
        ("\"symbol\" of the frame of bars has the type Int64: texts are needed", lambda: bars(symbol=5)),
        ("AAPL at 2026-03-03 10:30:00: .* are no bar", lambda: changed("high", 0.5)),
        ("AAPL at 2026-03-03 10:30:00: .* are no bar", lambda: changed("volume", -1)),
        ("AAPL has 15 bars on 2026-03-02: a day must have 240 bars of 1m", lambda: bars().drop(index=3)),
        ("a day must have 240 bars of 1m", lambda: klined.bars("AAPL", "2026-03-02", "2026-03-04", interval="30m")),
        ("not in order of time", lambda: bars().iloc[::-1]),
        ("AAPL has bars on 2026-03-04 and MSFT has none", lambda: bars().iloc[:-16]),
        ("the sample has no symbol", lambda: bars().iloc[:0]),
        ("1 trading days; at least 2 are needed", lambda: bars().iloc[:16]),
        ("the frame of bars is of the type .*list.*: a frame of pandas, polars or pyarrow", lambda: [1, 2]),
    ],
)
def test_a_frame_that_cannot_be_scored_is_refused_in_words(words, frame):
    with pytest.raises(klined.KlinedError, match=words):
        klined.scorecard(frame())


def test_stocks_that_do_not_fit_are_refused_in_words():
    frame, stocks = bars(), klined.universe().to_pandas()
    for words, other in [
        ("no stock MSFT, which the frame of bars has", stocks[stocks["symbol"] != "MSFT"]),
        ("the frame of stocks has no column \"board\"", stocks.drop(columns="board")),
        ("\"mars\" is not a board", stocks.assign(board="mars")),
        ("\"is_st\" of the frame of stocks has the type .*: truth values are needed", stocks.assign(is_st=1.0)),
    ]:
        with pytest.raises(klined.KlinedError, match=words):
            klined.scorecard(frame, stocks=other)
    assert polars and pyarrow
