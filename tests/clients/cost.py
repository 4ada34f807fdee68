"""What an answer of 200 bars costs the server in each dialect, in its user CPU time, against the native one's.

    cost.py [REQUESTS]        alternating blocks; prints each ratio's median. A dialect's line fails above 1.5.
"""

import datetime
import http.client
import json
import os
import statistics
import sys

from market import Market

# A path with the ends of a range of 200 bars, the last one included, and where its answer has them.
DIALECTS = {
    "native": ("/api/v2/bars/AAPL?timeframe=1m&start={start}&limit=200", lambda answer: answer["data"]),
    "alpaca": ("/v2/stocks/bars?symbols=AAPL&timeframe=1Min&start={iso}&limit=200", lambda answer: answer["bars"]["AAPL"]),
    "polygon": ("/v2/aggs/ticker/AAPL/range/1/minute/{start}000/{end}000?limit=200", lambda answer: answer["results"]),
    "binance": ("/api/v3/klines?symbol=AAPL&interval=1m&startTime={start}000&limit=200", lambda answer: answer),
    "udf": ("/udf/history?symbol=AAPL&resolution=1&from={start}&to={past}", lambda answer: answer["t"]),
}
COUNT = 200
BLOCKS = 15


def user_ticks(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[11])


def main():
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    worst = 0.0
    with Market(days=3, speed=0.01, keys=False) as market:
        times = [bar[0] for bar in market.bars("AAPL")]
        start, end, past = times[0], times[COUNT - 1], times[COUNT]
        iso = f"{datetime.datetime.fromtimestamp(start, datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
        asked = {"start": start, "end": end, "past": past, "iso": iso}
        paths = {name: path.format(**asked) for name, (path, _) in DIALECTS.items()}
        wire = http.client.HTTPConnection(market.address)
        for name, (_, bars) in DIALECTS.items():
            wire.request("GET", paths[name])
            answer = bars(json.loads(wire.getresponse().read()))
            assert len(answer) == COUNT, f"{name} answers {len(answer)} bars"

        def cost(path):
            before = user_ticks(market.server)
            for _ in range(requests):
                wire.request("GET", path)
                answer = wire.getresponse()
                body = answer.read()
                assert answer.status == 200 and len(body) > 5_000, body[:200]
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
