"""Compares what readers of others rebuild with the best prices that follow from the events alone.

Usage: check.py FOLDER DATE SYMBOL:P0 ... with the securities in the order of their locates.
"""

import datetime
import json
import struct
import sys
from pathlib import Path

import itch_book
import itchcpp.book
from itch.parser import MessageParser
from meatpy.itch50 import ITCH50MarketProcessor, ITCH50MessageReader

from model import compare, model_quotes

def check_itch_book(path, date, models):
    feed = itch_book.Feed(str(path), date=date, price_type="fixed")
    rows = {locate: ([], []) for locate in range(1, len(models) + 1)}
    midnight = int(datetime.datetime.combine(date, datetime.time(), datetime.timezone.utc).timestamp()) * 10**9
    first = None
    for batch in feed.batches(("bbo",)):
        bbo = batch.bbo
        for ts, locate, bid, ask in zip(bbo["ts_event"], bbo["locate"], bbo["bid_px"], bbo["ask_px"]):
            times, quotes = rows[int(locate)]
            first = first if first is not None else int(ts)
            times.append(int(ts))
            quotes.append((int(bid), int(ask)))
    stats = feed.stats
    assert stats["missing_ref"] == 0 and stats["crossed_books"] == 0 and stats["dup_ref"] == 0, stats
    assert stats["unknown"] == 0 and stats["malformed"] == 0 and stats["last_event"] == "C", stats
    # Whether times count from midnight in UTC or on the exchange's coast is that reader's choice.
    offset = first - models[0][1][0][0]
    offset = round(offset / 3.6e12) * 3_600_000_000_000
    for locate, (symbol, (times, quotes)) in enumerate(models, 1):
        found_times, found_quotes = rows[locate]
        compare("itch-book", symbol, times, quotes, [time - offset for time in found_times], found_quotes)
    assert midnight <= first


def check_meatpy(path, date, models):
    for symbol, (times, quotes) in models:
        processor = ITCH50MarketProcessor(symbol, datetime.datetime.combine(date, datetime.time()))
        processor.track_lob = True
        found_times, found_quotes = [], []
        with ITCH50MessageReader(str(path)) as reader:
            for message in reader:
                processor.process_message(message)
                book = processor.current_lob
                if book is None or not book.bid_levels or not book.ask_levels:
                    continue
                found_times.append(message.timestamp)
                found_quotes.append((book.bid_levels[0].price, book.ask_levels[0].price))
        compare("meatpy", symbol, times, quotes, found_times, found_quotes)


def check_itchfeed(path):
    live, references = {}, set()
    with open(path, "rb") as file:
        for message in MessageParser().parse_file(file):
            kind = message.message_type
            if kind == b"A":
                reference = message.order_reference_number
                assert reference not in references, "a reference is used twice"
                references.add(reference)
                live[reference] = message.stock_locate
            elif kind in (b"D", b"E"):
                locate = live.pop(message.order_reference_number, None)
                assert locate == message.stock_locate, "an unknown reference"
    print(f"itchfeed: {len(references)} references, none unknown, none twice, {len(live)} live at the end")


def check_itchcpp(path, models):
    manager = itchcpp.book.BookManager()
    for symbol, _ in models:
        manager.track_symbol(symbol)
    manager.process_stream(path.read_bytes())
    for symbol, (_, quotes) in models:
        bbo = manager.book_for_symbol(symbol).bbo()
        found = (round(bbo.bid_price * 10_000), round(bbo.ask_price * 10_000))
        assert found == quotes[-1], f"itchcpp, {symbol}: {found} where the model has {quotes[-1]}"
    print(f"itchcpp: {len(models)} books, best prices at the close equal")


def check_capture(capture, itch):
    """The packets carry the file's messages, numbered without a gap."""
    data, frames, expected, heartbeats = capture.read_bytes(), bytearray(), 1, 0
    assert struct.unpack_from("<I", data)[0] == 0xA1B23C4D
    offset, last, ended = 24, 0, False
    while offset < len(data):
        seconds, nanos, length, _ = struct.unpack_from("<IIII", data, offset)
        assert seconds * 10**9 + nanos >= last, "packets go back in time"
        last = seconds * 10**9 + nanos
        packet = data[offset + 16 + 42 : offset + 16 + length]
        sequence, count = struct.unpack_from(">QH", packet, 10)
        assert sequence == expected, f"message {sequence} where {expected} is next"
        assert len(packet) <= 1400 and not ended
        ended = count == 0xFFFF
        heartbeats += count == 0
        if not ended:
            frames += packet[20:]
            expected += count
        offset += 16 + length
    assert ended and bytes(frames) == itch.read_bytes(), "the capture has other messages than the file"
    print(f"capture: {expected - 1} messages in order, {heartbeats} heartbeats, then the end of the session")


def check_lobster(folder, symbol, times, quotes):
    with open(folder / f"{symbol}.lobster.csv") as messages, open(folder / f"{symbol}.lobster.book.csv") as books:
        found_times, found_quotes, queues = [], [], {}
        for message, book in zip(messages, books, strict=True):
            time, kind, order, size, price, _ = message.split(",")
            row = book.split(",")
            queue = queues.setdefault(price, [])
            if kind == "1":
                queue.append(order)
            elif kind == "4":
                assert queue.pop(0) == order, "an execution passes an order that has waited longer"
            else:
                queue.remove(order)
            seconds, nanos = time.split(".")
            found_times.append(int(seconds) * 10**9 + int(nanos))
            found_quotes.append((int(row[2]), int(row[0])))
    compare("lobster", symbol, times, quotes, found_times, found_quotes)


def check_lines(folder, symbol, times):
    with open(folder / f"{symbol}.jsonl") as lines:
        found = [json.loads(line)["ts_ns"] for line in lines]
    assert found == times, "the lines of JSON have other events than the CSV"


def main():
    folder, day = Path(sys.argv[1]), sys.argv[2]
    date = datetime.date.fromisoformat(day)
    securities = [argument.split(":") for argument in sys.argv[3:]]
    models = [(symbol, model_quotes(folder / f"{symbol}.csv", int(p0))) for symbol, p0 in securities]
    itch = folder / f"{day}.itch"
    check_itch_book(itch, date, models)
    check_itchfeed(itch)
    check_itchcpp(itch, models)
    check_meatpy(itch, date, models)
    check_capture(folder / f"{day}.pcap", itch)
    for symbol, (times, quotes) in models:
        check_lobster(folder, symbol, times, quotes)
        check_lines(folder, symbol, times)


main()
