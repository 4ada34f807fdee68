"""The foreign exchange market: the rows of `fx-generator`."""

import ast
import datetime
import os
import pathlib
import subprocess

import klined
import pandas
import pyarrow
import pyarrow.csv
import pytest

START, END = "2025-07-07T13:30:00", "2025-07-07T13:30:04"
PAIRS = ["USDJPY", "EURUSD"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """What the program writes: the three tables as pandas reads them."""
    place = tmp_path_factory.mktemp("fx")
    words = ["--mode", "faster-than-life", "--to", f"file:{place / 'fx'}", "--start_ts", START, "--end_ts", END, "--pairs", ",".join(PAIRS)]
    words += ["--seed", "31", "--min_levels", "3", "--max_levels", "6"]
    environment = os.environ | {"KLINED_NO_LOG_FILES": "1"}
    subprocess.run([pathlib.Path(os.environ["KLINED_BIN"]) / "fx-generator", *words], check=True, capture_output=True, cwd=place, env=environment)
    return {path.stem: pandas.read_csv(path, parse_dates=["timestamp"]) for path in (place / "fx").glob("*.csv")}


def assert_same(made, expected):
    made = made.to_pandas()
    assert list(made.columns) == list(expected.columns) and len(made) == len(expected) > 0
    for name in made.columns:
        assert made[name].tolist() == expected[name].tolist(), name


def test_books_are_those_of_the_program(tables):
    expected = tables["market_data"]
    made = klined.fx.books(PAIRS, START, END, seed=31, min_levels=3, max_levels=6)
    for side in ("bids", "asks"):
        lists = pyarrow.table(made)[side].to_pylist()
        assert lists == expected[side].map(ast.literal_eval).tolist()
        assert {len(prices) for prices, _ in lists} == {3, 4, 5, 6}
    plain = [name for name in expected.columns if name not in ("bids", "asks")]
    assert_same(pyarrow.table(made).select(plain), expected[plain])


def test_prices_are_those_of_the_program(tables):
    assert_same(klined.fx.prices(PAIRS, START, END, seed=31, max_levels=6), tables["core_price"])


def test_trades_are_those_of_the_program(tables):
    made = klined.fx.trades(PAIRS, START, END, seed=31, max_levels=6)
    assert_same(made, tables["fx_trades"])
    assert pyarrow.table(made)["timestamp"].type == pyarrow.timestamp("ns", "UTC")


def test_rows_depend_neither_on_threads_nor_on_how_an_instant_is_written():
    one = klined.fx.books("EURUSD", START, END, threads=1).to_arrow()
    utc = datetime.timezone.utc
    start, end = datetime.datetime(2025, 7, 7, 13, 30, tzinfo=utc), pandas.Timestamp("2025-07-07 15:30:04+02:00")
    assert klined.fx.books("EURUSD", start, end, threads=3).to_arrow().equals(one)
    few = klined.fx.books("EURUSD", START, datetime.date(2025, 7, 8), total_market_data_events=100).to_arrow()
    assert few.equals(one.slice(0, 100).combine_chunks())


@pytest.mark.parametrize(
    "words, arguments, keywords",
    [
        ('pairs: "EURXXX" is not one of the 30 pairs', ("EURXXX", START, END), {}),
        ("pairs names EURUSD twice", (["EURUSD", "EURUSD"], START, END), {}),
        ('start_ts: "now" is no instant', (None, "now", END), {}),
        ("is no instant: use a text such as", (None, 5, END), {}),
        ("start_ts .* does not lie before end_ts", (None, END, START), {}),
        ("the market is closed in all of the time", (None, "2025-07-05T10:00", "2025-07-05T11:00"), {}),
        ("the years 1990 to 2099 are known", (None, "1980-01-01", "1980-01-02"), {}),
        ("market_data_min_eps is 0: it must lie between 1 and", (None, START, END), {"market_data_min_eps": 0}),
        ("min_levels 9 is more than max_levels 5", (None, START, END), {"min_levels": 9}),
        ("threads must be 1 or more", (None, START, END), {"threads": 0}),
    ],
)
def test_what_cannot_be_made_is_refused_in_words(words, arguments, keywords):
    with pytest.raises(klined.KlinedError, match=words):
        klined.fx.books(*arguments, **keywords)


def test_a_pool_of_entities_has_bounds():
    with pytest.raises(klined.KlinedError, match="lei_pool_size is 0: it must lie between 1 and 1000000"):
        klined.fx.trades(None, START, END, lei_pool_size=0)
