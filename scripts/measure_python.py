#!/usr/bin/env python3
"""What the wheel's rows cost in Python: bars of minutes beside those of numpy, and the time from `import klined` to a first frame.

    python3 scripts/measure_python.py [ROUNDS]     default 5

Needs klined (a release build), numpy, pyarrow, pandas and polars in this Python. Printed are medians of CPU time, so that a busy machine changes
little. numpy makes geometric Brownian motion in steps of a second, or of a minute with extremes from one more draw each, and OHLCV of the
same shape; it has no calendar, regimes, price limits, ticks or turnover, and its numbers depend on how it is called.
"""

import statistics
import subprocess
import sys
import time

STOCKS, DAYS, MINUTES = 20, 58, 240
QUARTER = ("2026-01-05", "2026-03-31")
FIRST_FRAME = """
import time
begun, cpu = time.perf_counter(), time.process_time()
import klined
bars = klined.bars(None, "2026-01-05", "2026-03-31", interval="5m", seed=31)
frame = bars.to_{kind}()
print(time.perf_counter() - begun, time.process_time() - cpu, len(frame))
"""


def by_klined():
    import klined

    return len(klined.bars(None, *QUARTER, universe=f"ashare:{STOCKS}", seed=31, threads=1))


def by_numpy(steps):
    import numpy

    draws = numpy.random.default_rng(31)
    rows = 0
    for _ in range(STOCKS):
        moves = draws.standard_normal((DAYS * MINUTES, steps)) * (0.02 / (MINUTES * steps) ** 0.5)
        path = 100 * numpy.exp(numpy.cumsum(moves.ravel())).reshape(moves.shape)
        close = path[:, -1]
        open_ = numpy.concatenate(([100.0], close[:-1]))
        if steps > 1:
            high, low = numpy.maximum(open_, path.max(axis=1)), numpy.minimum(open_, path.min(axis=1))
        else:
            reach = numpy.abs(draws.standard_normal((2, len(close)))) * (0.02 / MINUTES**0.5) * close
            high, low = numpy.maximum(open_, close) + reach[0], numpy.minimum(open_, close) - reach[1]
        bars = [numpy.round(price, 2) for price in (open_, high, low, close)]
        bars.append(numpy.floor(draws.lognormal(8, 1, len(close))).astype(numpy.int64))
        rows += len(bars[0])
    return rows


def cost(work):
    begun = time.process_time()
    rows = work()
    return (time.process_time() - begun) / rows * 1e6


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    works = {"klined.bars": by_klined, "numpy, 60 steps a minute": lambda: by_numpy(60), "numpy, 1 step a minute": lambda: by_numpy(1)}
    for work in works.values():
        work()
    costs = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            costs[name].append(cost(work))
    own = statistics.median(costs["klined.bars"])
    for name, found in costs.items():
        median = statistics.median(found)
        print(f"{name:<26} {median:6.3f} µs a bar ({median / own:.2f} × klined.bars; {min(found):.3f} to {max(found):.3f})")
    for kind in ("arrow", "polars", "pandas"):
        found = []
        for _ in range(rounds):
            done = subprocess.run([sys.executable, "-c", FIRST_FRAME.format(kind=kind)], check=True, capture_output=True, text=True)
            found.append([float(number) for number in done.stdout.split()])
        wall, cpu, rows = (statistics.median(column) for column in zip(*found))
        print(f"import to a first frame of {kind:<7} {cpu:.3f} s of CPU, {wall:.3f} s ({rows:.0f} rows)")


if __name__ == "__main__":
    main()
