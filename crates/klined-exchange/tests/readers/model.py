"""What follows from the events alone: best prices after each of them, by a book of counts that shares nothing with the programs under test."""

import csv
from bisect import bisect_right

LEVELS, DEPTH, SPREAD, TICK = 5, 5, 2, 100


def model_quotes(path, p0):
    """Best bid and ask in ten-thousandths after each event, by a book of counts of its own: (times, quotes)."""
    bid0 = p0 - SPREAD // 2
    best = {"BID": bid0, "ASK": bid0 + SPREAD}
    depths = {"BID": [DEPTH] * LEVELS, "ASK": [DEPTH] * LEVELS}
    out = {"BID": -1, "ASK": 1}
    times, quotes = [], []
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            side, price = row["side"], int(row["price_ticks"])
            level = (price - best[side]) * out[side]
            ladder = depths[side]
            if row["type_name"].startswith("ADD"):
                if level == -1:
                    ladder.insert(0, 1)
                    ladder.pop()
                    best[side] = price
                else:
                    ladder[level] += 1
            else:
                ladder[level] -= 1
                while ladder[0] == 0:
                    ladder.pop(0)
                    ladder.append(DEPTH)
                    best[side] += out[side]
            times.append(int(row["ts_ns"]))
            quotes.append((best["BID"] * TICK, best["ASK"] * TICK))
    return times, quotes


def compare(name, symbol, times, quotes, found_times, found_quotes):
    """The last quote found up to each event's time must be the model's; found_times ascend."""
    for nth, (time, quote) in enumerate(zip(times, quotes)):
        if nth + 1 < len(times) and times[nth + 1] == time:
            continue
        found = found_quotes[bisect_right(found_times, time) - 1]
        assert found == quote, f"{name}, {symbol}, event {nth + 1}: {found} where the model has {quote}"
    print(f"{name}: {symbol}: {len(times)} events, best prices equal after each")
