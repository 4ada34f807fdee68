"""Reads what is written for archives and backtests, by the readers that its users have: pyarrow, DuckDB, databento-dbn, NumPy and hftbacktest.

Usage: check_archives.py FOLDER DATE SYMBOL:P0 ... with the securities in the order of their instruments.
"""

import csv
import datetime
import sys
from pathlib import Path

import databento_dbn as dbn
import duckdb
import hftbacktest
import numpy as np
import pyarrow.parquet
from hftbacktest.data import validate_event_order
from hftbacktest.types import event_dtype

from model import model_quotes

# Of a ten-thousandth of a dollar in the units of DBN.
DBN_SCALE = 100_000


def midnight_ns(date):
    midnight = datetime.datetime.combine(date, datetime.time(), datetime.timezone.utc)
    return int(midnight.timestamp()) * 10**9


def check_parquet(folder, symbol, date):
    path = folder / f"{symbol}.parquet"
    with open(folder / f"{symbol}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pyarrow.parquet.read_table(path).to_pydict()
    for name in rows[0]:
        found = [str(value) for value in table[name]]
        assert found == [row[name] for row in rows], f"parquet, {symbol}: column {name} differs"
    assert set(table["symbol"]) == {symbol} and set(table["date"]) == {date}
    counts = duckdb.sql(
        f"SELECT type_name, count(*), sum(price_ticks) FROM '{path}' WHERE date = DATE '{date}' GROUP BY type_name"
    ).fetchall()
    expected = {}
    for row in rows:
        count, total = expected.get(row["type_name"], (0, 0))
        expected[row["type_name"]] = (count + 1, total + int(row["price_ticks"]))
    assert {name: (count, int(total)) for name, count, total in counts} == expected
    print(f"pyarrow and DuckDB: {symbol}: {len(rows)} events equal, {path.stat().st_size / len(rows):.2f} bytes an event")


class Book:
    """Orders as records of DBN change them."""

    def __init__(self):
        self.orders, self.levels = {}, {"B": {}, "A": {}}

    def add(self, order, side, price):
        assert order not in self.orders, "an order is added twice"
        self.orders[order] = (side, price)
        self.levels[side][price] = self.levels[side].get(price, 0) + 1

    def remove(self, order, side, price):
        assert self.orders.pop(order) == (side, price), "an order is not the one that was added"
        self.levels[side][price] -= 1
        if self.levels[side][price] == 0:
            del self.levels[side][price]

    def quote(self):
        return max(self.levels["B"]), min(self.levels["A"])


def check_dbn(path, date, models):
    decoder = dbn.DBNDecoder()
    decoder.write(path.read_bytes())
    metadata, *records = decoder.decode()
    assert metadata.schema == dbn.Schema.MBO and list(metadata.symbols) == [symbol for symbol, _ in models]
    instruments = {int(intervals[0]["symbol"]): symbol for symbol, intervals in metadata.mappings.items()}
    books = {nth: Book() for nth in instruments}
    quotes = {nth: [] for nth in instruments}
    traded = {nth: 0 for nth in instruments}
    filled, last_ts = {}, 0
    for record in records:
        nth, action, side = record.instrument_id, record.action.value, record.side.value
        assert record.ts_event >= last_ts and record.ts_event == record.ts_recv
        last_ts = record.ts_event
        book, price = books[nth], record.price // DBN_SCALE
        if action == "A":
            book.add(record.order_id, side, price)
        elif action == "C":
            book.remove(record.order_id, side, price)
            filled.pop(record.order_id, None)
        elif action == "F":
            assert book.orders[record.order_id] == (side, price) and price in book.quote()
            filled[record.order_id] = price
        elif action == "T":
            # A buyer takes from the asks.
            assert price == book.quote()[side == "B"], "a trade away from the best price"
            traded[nth] += 1
        else:
            assert action == "R" and not book.orders
        if record.flags & 0x80:
            assert not filled, "an event ends with a fill whose order is still there"
            quotes[nth].append((record.ts_event - midnight_ns(date), book.quote()))
    for nth, symbol in instruments.items():
        times, expected = dict(models)[symbol]
        # First the opening.
        found = quotes[nth][1:]
        assert found == list(zip(times, expected)), f"DBN: {symbol}: best prices differ"
        print(f"databento-dbn: {symbol}: {len(found)} events, best prices equal after each, {traded[nth]} trades")


def check_hftbacktest(path, date, symbol, times, quotes):
    data = np.load(path)["data"]
    assert data.dtype == event_dtype, data.dtype
    validate_event_order(data)
    asset = (
        hftbacktest.BacktestAsset()
        .data([str(path)])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .l3_fifo_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0, 0)
        .tick_size(0.01)
        .lot_size(1)
    )
    backtest = hftbacktest.HashMapMarketDepthBacktest([asset])
    start, compared, at = int(data["exch_ts"][0]), 0, 0
    while backtest.elapse(1_000_000_000) == 0:
        now = backtest.current_timestamp - midnight_ns(date)
        while at < len(times) and times[at] <= now:
            at += 1
        if at == len(times):
            break
        depth = backtest.depth(0)
        found = (round(depth.best_bid * 10_000), round(depth.best_ask * 10_000))
        assert at == 0 or found == quotes[at - 1], f"hftbacktest: {symbol}, {now}: {found}, not {quotes[at - 1]}"
        compared += at > 0
    backtest.close()
    assert start == midnight_ns(date) + 34_200 * 10**9 and compared > 100, compared
    print(f"hftbacktest: {symbol}: {len(data)} rows, best prices equal at {compared} seconds")


def main():
    folder, date = Path(sys.argv[1]), datetime.date.fromisoformat(sys.argv[2])
    securities = [argument.split(":") for argument in sys.argv[3:]]
    models = [(symbol, model_quotes(folder / f"{symbol}.csv", int(p0))) for symbol, p0 in securities]
    check_dbn(folder / f"{date}.dbn", date, models)
    for symbol, (times, quotes) in models:
        check_parquet(folder, symbol, date)
        check_hftbacktest(folder / f"{symbol}.npz", date, symbol, times, quotes)


main()
