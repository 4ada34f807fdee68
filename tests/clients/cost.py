"""What an answer of 200 bars costs the server in each dialect, in its user CPU time, against the native one's.

    cost.py [REQUESTS]        alternating blocks; prints each ratio's median. A dialect's line fails above 1.5.
"""

import datetime
import http.client
import json
import os
import socket
import statistics
import struct
import sys

from market import Market, free_port

# A path with the ends of a range of 200 bars, the last one included, and where its answer has them.
DIALECTS = {
    "native": ("/api/v2/bars/AAPL?timeframe=1m&start={start}&limit=200", lambda answer: answer["data"]),
    "alpaca": ("/v2/stocks/bars?symbols=AAPL&timeframe=1Min&start={iso}&limit=200", lambda answer: answer["bars"]["AAPL"]),
    "polygon": ("/v2/aggs/ticker/AAPL/range/1/minute/{start}000/{end}000?limit=200", lambda answer: answer["results"]),
    "binance": ("/api/v3/klines?symbol=AAPL&interval=1m&startTime={start}000&limit=200", lambda answer: answer),
    "udf": ("/udf/history?symbol=AAPL&resolution=1&from={start}&to={past}", lambda answer: answer["t"]),
    "tushare": ("/tushare/stk_mins", lambda answer: answer["data"]["items"]),
    # 10 minutes are sums of two stored bars, 3 minutes of three.
    "native, 10m": ("/api/v2/bars/AAPL?timeframe=10m&start=0&limit=200", lambda answer: answer["data"]),
    "native, 3m": ("/api/v2/bars/AAPL?timeframe=3m&start=0&limit=200", lambda answer: answer["data"]),
}
# What is posted; other paths are got.
BODIES = {
    "tushare": {"api_name": "stk_mins", "token": "any", "fields": "", "params": {"ts_code": "AAPL", "freq": "1min", "limit": 200}},
}
# TDX's question for the last 200 minutes of AAPL.
TDX = struct.pack("<BIBHHHH6sHHHHIIH", 0x0C, 0x01640801, 1, 28, 28, 0x052D, 1, b"AAPL", 8, 1, 0, 200, 0, 0, 0)
COUNT = 200
BLOCKS = 15


def user_ticks(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[11])


def main():
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    worst = 0.0
    tdx_port = free_port()
    # Without the present day, which may have just begun, there are 216 bars of 10 minutes.
    with Market(days=10, speed=0.01, keys=False, serve=["--tdx-addr", f"127.0.0.1:{tdx_port}"]) as market:
        times = [bar[0] for bar in market.bars("AAPL")]
        start, end, past = times[0], times[COUNT - 1], times[COUNT]
        iso = f"{datetime.datetime.fromtimestamp(start, datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
        asked = {"start": start, "end": end, "past": past, "iso": iso}
        paths = {name: path.format(**asked) for name, (path, _) in DIALECTS.items()}
        wire = http.client.HTTPConnection(market.address)
        tdx = [socket.create_connection(("127.0.0.1", tdx_port))]

        def ask(name):
            body = BODIES.get(name)
            wire.request("POST" if body else "GET", paths[name], body and json.dumps(body))
            answer = wire.getresponse()
            text = answer.read()
            assert answer.status == 200 and len(text) > 5_000, text[:200]
            return text

        def ask_tdx(_):
            tdx[0].sendall(TDX)
            head = tdx[0].recv(16, socket.MSG_WAITALL)
            body = tdx[0].recv(struct.unpack("<H", head[12:14])[0], socket.MSG_WAITALL)
            assert struct.unpack("<H", body[:2])[0] == COUNT, body[:2]

        for name, (_, bars) in DIALECTS.items():
            answer = bars(json.loads(ask(name)))
            assert len(answer) == COUNT, f"{name} answers {len(answer)} bars"
        asking = {name: ask for name in paths} | {"tdx": ask_tdx}

        def cost(name):
            # The server closes a connection that is silent while the others are measured.
            tdx[0].close()
            tdx[0] = socket.create_connection(("127.0.0.1", tdx_port))
            before = user_ticks(market.server)
            for _ in range(requests):
                asking[name](name)
            return (user_ticks(market.server) - before) / os.sysconf("SC_CLK_TCK") / requests

        costs = {name: [] for name in asking}
        for _ in range(BLOCKS):
            for name in asking:
                costs[name].append(cost(name))
        for name, own in costs.items():
            ratio = statistics.median(mine / native for mine, native in zip(own, costs["native"]))
            # A longer bar is read as several stored ones.
            worst = max(worst, ratio if "," not in name else 0)
            print(f"{name}: {statistics.median(own) * 1e6:.0f} µs, {ratio:.2f} of the native one")
    return 0 if worst <= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
