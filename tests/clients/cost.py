"""What an answer of 200 bars costs the server in each dialect, in its user CPU time, against the native one's.

    cost.py [REQUESTS]        alternating blocks; prints each ratio's median. A dialect's line fails above 1.5.
"""

import datetime
import http.client
import os
import statistics
import sys

from market import Market

# A path, with the first second of a range that has 200 bars.
DIALECTS = {
    "native": "/api/v1/bars/AAPL?timeframe=1m&start={start}&limit=200",
    "alpaca": "/v2/stocks/bars?symbols=AAPL&timeframe=1Min&start={iso}&limit=200",
}
BLOCKS = 15


def user_ticks(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[11])


def main():
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    worst = 0.0
    with Market(days=3, speed=0.01, keys=False) as market:
        start = market.bars("AAPL")[0][0]
        iso = f"{datetime.datetime.fromtimestamp(start, datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
        paths = {name: path.format(start=start, iso=iso) for name, path in DIALECTS.items()}
        wire = http.client.HTTPConnection(market.address)

        def cost(path):
            before = user_ticks(market.server)
            for _ in range(requests):
                wire.request("GET", path)
                answer = wire.getresponse()
                body = answer.read()
                assert answer.status == 200 and len(body) > 10_000, body[:200]
            return (user_ticks(market.server) - before) / os.sysconf("SC_CLK_TCK") / requests

        costs = {name: [] for name in paths}
        for _ in range(BLOCKS):
            for name, path in paths.items():
                costs[name].append(cost(path))
        for name, own in costs.items():
            ratio = statistics.median(mine / native for mine, native in zip(own, costs["native"]))
            worst = max(worst, ratio)
            print(f"{name}: {statistics.median(own) * 1e6:.0f} µs, {ratio:.2f} of the native one")
    return 0 if worst <= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
