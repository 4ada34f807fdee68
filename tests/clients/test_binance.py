"""binance-connector, unchanged but for the URL: every value is the database's, and what is heard live adds up to it."""

import json
import time
import unittest

from binance.error import ClientError
from binance.spot import Spot
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

from market import Market, on_every_backend, until

INTERVALS = {"1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "60m", "2h": "120m", "1d": "1d", "1w": "1w", "1M": "1M"}
MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "1d": 1440, "1w": 10080}


def rows(klines):
    return [(kline[0] // 1000, *map(float, kline[1:5]), int(kline[5])) for kline in klines]


class Ear:
    """The connector's stream client and what it has heard."""

    def __init__(self, url, **words):
        self.heard, self.pings, self.ends, self.errors = [], 0, 0, []
        self.client = SpotWebsocketStreamClient(
            stream_url=url,
            on_message=lambda _, text: self.heard.append(json.loads(text)),
            on_ping=lambda *_: setattr(self, "pings", self.pings + 1),
            on_close=lambda _: setattr(self, "ends", self.ends + 1),
            on_error=lambda _, error: self.errors.append(error),
            **words,
        )

    def answers(self):
        return [message for message in self.heard if "id" in message]

    def events(self, kind, interval=None):
        events = [message.get("data", message) for message in list(self.heard) if "id" not in message]
        events = [event for event in events if event["e"] == kind]
        return [event["k"] for event in events if event["k"]["i"] == interval] if interval else events


@on_every_backend
class Laws:
    @classmethod
    def setUpClass(cls):
        # Without the present day, which may have just begun, there are more bars than the 500 that come without a limit.
        cls.market = Market(cls.backend, days=4, speed=20)
        cls.key = f"{cls.market.key_id}.{cls.market.key_secret}"
        cls.spot = Spot(api_key=cls.key, base_url=cls.market.url)
        cls.streams = f"ws://{cls.market.address}/binance/key/{cls.key}"

    @classmethod
    def tearDownClass(cls):
        cls.market.close()

    def test_klines_are_the_stored_bars(self):
        for interval, stored in INTERVALS.items():
            klines = self.spot.klines("AAPL", interval, limit=1000, endTime=self.spot.time()["serverTime"])
            last = klines[-1][0] // 1000
            # The last one grows with the open minute. What was summed from minutes is rolled up a little later.
            earlier = lambda: self.market.bars("AAPL", stored, f"AND time < {last}")
            is_stored = lambda: rows(klines)[:-1] == (earlier()[-(len(klines) - 1) :] if len(klines) > 1 else [])
            until(f"the klines of {interval} are stored", is_stored)
            for kline in klines:
                self.assertEqual(len(kline), 12)
                self.assertTrue(all(isinstance(kline[place], str) for place in [1, 2, 3, 4, 5]))
                # A week that begins after a holiday ends where the next one begins.
                if interval in MINUTES and interval != "1w":
                    self.assertEqual(kline[6], kline[0] + MINUTES[interval] * 60_000 - 1)

            self.assertTrue(all(kline[6] < after[0] for kline, after in zip(klines, klines[1:])), interval)

    def test_a_parameter_that_there_is_not_is_refused(self):
        for query, code in [
            (("/api/v3/klines", {"symbol": "AAPL", "interval": "1m", "star_time": 0}), -1104),
            (("/api/v3/time", {"symbol": "AAPL"}), -1101),
        ]:
            with self.assertRaises(ClientError) as raised:
                self.spot.query(*query)
            self.assertEqual(raised.exception.error_code, code)

    def test_pages_are_complete(self):
        last = self.market.bars("BRK.B")[-1][0]
        found, start = [], 0
        pages = 0
        # As the vendor's users page: on from the last open time.
        while page := self.spot.klines("brk.b", "1m", startTime=start, endTime=last * 1000, limit=100):
            found += page
            start = page[-1][0] + 1
            pages += 1
        self.assertGreater(pages, 3)
        self.assertEqual(rows(found), self.market.bars("BRK.B", "1m", f"AND time <= {last}"))
        self.assertEqual(len(self.spot.klines("V", "1m")), 500)
        self.assertEqual(self.spot.klines("V", "1m", startTime=2000, endTime=1000), [])

    def test_errors_are_binances(self):
        for call, status, code in [
            (lambda: self.spot.klines("NOPE", "1m"), 400, -1121),
            (lambda: self.spot.klines("A A", "1m"), 400, -1100),
            (lambda: self.spot.klines("AAPL", "60m"), 400, -1120),
            (lambda: self.spot.klines("AAPL", "10m"), 400, -1120),
            (lambda: self.spot.klines("AAPL", "1m", limit="x"), 400, -1100),
            (lambda: self.spot.klines("AAPL", "1d", timeZone="-5"), 400, -1130),
            (lambda: self.spot.query("/api/v3/klines", {"symbol": "AAPL"}), 400, -1102),
            (lambda: self.spot.query("/api/v3/ticker/price", {"symbol": "AAPL", "symbols": '["V"]'}), 400, -1128),
            (lambda: self.spot.query("/api/v3/order"), 404, -5000),
            (lambda: Spot(api_key="wrong.key", base_url=self.market.url).ping(), 401, -2015),
            (lambda: Spot(base_url=self.market.url).ping(), 401, -2014),
        ]:
            with self.assertRaises(ClientError) as raised:
                call()
            self.assertEqual((raised.exception.status_code, raised.exception.error_code), (status, code))

    def test_the_rest_of_the_market_data(self):
        self.assertEqual(self.spot.ping(), {})
        symbols = self.spot.exchange_info()["symbols"]
        self.assertEqual([symbol["symbol"] for symbol in symbols], self.market.symbols())
        self.assertEqual([info["symbol"] for info in self.spot.exchange_info(symbols=["V", "AAPL"])["symbols"]], ["V", "AAPL"])
        day = self.spot.ticker_24hr("AAPL")
        self.assertLessEqual(float(day["lowPrice"]), float(day["lastPrice"]))
        self.assertEqual([price["symbol"] for price in self.spot.ticker_price()], self.market.symbols())
        book = self.spot.book_ticker("AAPL")
        self.assertLess(float(book["bidPrice"]), float(book["askPrice"]))
        trades = self.spot.trades("AAPL", limit=10)
        self.assertEqual([trade["id"] for trade in trades], sorted({trade["id"] for trade in trades}))
        same = self.spot.historical_trades("AAPL", limit=10, fromId=trades[0]["id"])
        self.assertEqual(same, trades)
        aggregate = self.spot.agg_trades("aaplusdt", limit=10, fromId=trades[0]["id"])
        self.assertEqual([(trade["a"], trade["p"]) for trade in aggregate], [(trade["id"], trade["price"]) for trade in trades])
        within = self.spot.agg_trades("AAPL", startTime=trades[2]["time"], endTime=trades[5]["time"])
        self.assertTrue({trade["id"] for trade in trades[2:6]} <= {trade["a"] for trade in within})
        self.assertTrue(all(trades[2]["time"] <= trade["T"] <= trades[5]["time"] for trade in within))
        depth = self.spot.depth("AAPL", limit=5)
        self.assertEqual((len(depth["bids"]), len(depth["asks"])), (1, 1))
        self.assertLess(float(depth["bids"][0][0]), float(depth["asks"][0][0]))
        average = self.spot.avg_price("AAPL")
        self.assertEqual(average["mins"], 5)
        self.assertEqual({info["symbol"] for info in self.spot.ticker_24hr()}, set(self.market.symbols()))
        self.assertEqual(len(self.spot.book_ticker()), len(self.market.symbols()))
        window = self.spot.rolling_window_ticker(symbol="AAPLUSDT", windowSize="30m")
        self.assertEqual(window["symbol"], "AAPLUSDT")
        minutes = [bar for bar in self.market.bars("AAPL") if window["openTime"] <= bar[0] * 1000 < window["closeTime"]]
        summed = (minutes[0][1], max(bar[2] for bar in minutes), min(bar[3] for bar in minutes), minutes[-1][4], sum(bar[5] for bar in minutes))
        names = ["openPrice", "highPrice", "lowPrice", "lastPrice", "volume"]
        self.assertEqual(tuple(float(window[name]) for name in names), summed)
        fresh = [trade for trade in self.spot.agg_trades("AAPL", limit=1000) if trade["T"] <= average["closeTime"]]
        prices = [float(trade["p"]) for trade in fresh]
        self.assertTrue(min(prices) <= float(average["price"]) <= max(prices))

        def of_one_day():
            day, trading = self.spot.ticker_24hr("AAPL"), self.spot.query("/api/v3/ticker/tradingDay", {"symbol": "AAPL"})
            return day["openTime"] == trading["openTime"] and (day, trading)

        # A new day may begin between the two.
        day, trading = until("both are of one day", of_one_day)
        self.assertEqual(trading["openPrice"], day["openPrice"])
        fine = Spot(api_key=self.key, base_url=self.market.url, time_unit="microsecond")
        kline = fine.klines("AAPL", "1m", limit=1)[0]
        self.assertEqual(kline[6], kline[0] + 60_000_000 - 1)

    def test_the_other_streams_say_what_trades_and_quotes_do(self):
        ear = Ear(self.streams)
        ear.client.trade("AAPL", id=1)
        ear.client.agg_trade("AAPL", id=2)
        ear.client.subscribe(["aaplusdt@bookTicker", "aapl@miniTicker", "aapl@ticker", "aapl@depth5@100ms"], id=3)
        of = lambda kind: [message for message in list(ear.heard) if message.get("e") == kind]
        books = lambda: [message for message in list(ear.heard) if "lastUpdateId" in message]
        quotes = lambda: [message for message in list(ear.heard) if "u" in message]
        until("all have events", lambda: len(of("aggTrade")) > 5 and of("24hrMiniTicker") and of("24hrTicker") and len(quotes()) > 2 and len(books()) > 2)
        ear.client.stop()
        trades = {trade["t"]: (trade["p"], trade["q"], trade["m"]) for trade in of("trade")}
        same = {trade["a"]: (trade["p"], trade["q"], trade["m"]) for trade in of("aggTrade") if trade["a"] in trades}
        self.assertGreater(len(same), 3)
        self.assertEqual(same, {id: trades[id] for id in same})
        self.assertEqual({quote["s"] for quote in quotes()}, {"AAPLUSDT"})
        best = {quote["u"]: ([[quote["b"], quote["B"]]], [[quote["a"], quote["A"]]]) for quote in quotes()}
        both = {book["lastUpdateId"]: (book["bids"], book["asks"]) for book in books() if book["lastUpdateId"] in best}
        self.assertGreater(len(both), 1)
        self.assertEqual(both, {id: best[id] for id in both})
        for day in of("24hrMiniTicker") + of("24hrTicker"):
            self.assertTrue(float(day["l"]) <= float(day["c"]) <= float(day["h"]) and float(day["q"]) > 0)
        day = of("24hrTicker")[-1]
        self.assertAlmostEqual(float(day["p"]), float(day["c"]) - float(day["x"]), places=2)

    def test_the_tickers_of_all_stocks_come_in_lists(self):
        ear = Ear(self.streams, is_combined=True)
        ear.client.subscribe(["!miniTicker@arr", "!ticker@arr", "aapl@miniTicker"], id=1)
        of = lambda name: [message["data"] for message in list(ear.heard) if message.get("stream") == name]
        until("lists come", lambda: len(of("!miniTicker@arr")) > 2 and len(of("!ticker@arr")) > 2 and of("aapl@miniTicker"))
        ear.client.unsubscribe(["!miniTicker@arr"], id=2)
        ear.client.stop()
        for name, kind in [("!miniTicker@arr", "24hrMiniTicker"), ("!ticker@arr", "24hrTicker")]:
            events = [event for events in of(name) for event in events]
            self.assertEqual({event["e"] for event in events}, {kind})
            self.assertLessEqual({event["s"] for event in events}, set(self.market.symbols()))
            self.assertGreater(len({event["s"] for event in events}), 5)
        # A list has a stock's figures as its own stream has them.
        alone = {(event["E"], event["c"], event["v"]) for event in of("aapl@miniTicker")}
        listed = {(event["E"], event["c"], event["v"]) for events in of("!miniTicker@arr") for event in events if event["s"] == "AAPL"}
        self.assertTrue(alone & listed)

    def test_klines_of_other_intervals_are_sums(self):
        minutes = self.market.bars("AAPL")
        for interval, length in [("3m", 180), ("4h", 7200)]:
            klines = rows(self.spot.klines("AAPL", interval, limit=1000, endTime=(minutes[-1][0] - 8000) * 1000))
            self.assertGreater(len(klines), 3)
            for start, opened, high, low, close, volume in klines[:-1]:
                parts = [bar for bar in minutes if start <= bar[0] < start + length]
                summed = (parts[0][1], max(bar[2] for bar in parts), min(bar[3] for bar in parts), parts[-1][4], sum(bar[5] for bar in parts))
                self.assertEqual((opened, high, low, close, volume), summed, interval)

    def test_live_trades_add_up_to_the_kline_and_it_to_the_stored_bar(self):
        ear = Ear(self.streams)
        for interval in ["1m", "5m"]:
            ear.client.kline("AAPL", interval, id=7)
        ear.client.trade("AAPL", id=8)
        closed = until("three minutes and one of five have closed", lambda: self.closed_enough(ear))
        for kline in closed:
            at, interval = kline["t"] // 1000, INTERVALS[kline["i"]]
            stored = until("it is rolled up", lambda: self.market.bars("AAPL", interval, f"AND time = {at}"))
            heard = (at, *(float(kline[name]) for name in "ohlc"), int(kline["v"]))
            self.assertEqual([heard], stored)
            self.assertEqual(kline["T"], kline["t"] + MINUTES[kline["i"]] * 60_000 - 1)
        running = [kline for kline in ear.events("kline", "1m") if not kline["x"]]
        self.assertTrue(running)
        # Of minutes that were heard from their first trade on.
        whole = [kline for kline in closed if kline["i"] == "1m"][1:]
        for kline in whole:
            trades = [trade for trade in ear.events("trade") if kline["t"] <= trade["T"] <= kline["T"]]
            prices = [float(trade["p"]) for trade in trades]
            rolled = (prices[0], max(prices), min(prices), prices[-1], sum(int(trade["q"]) for trade in trades))
            self.assertEqual(rolled, (*(float(kline[name]) for name in "ohlc"), int(kline["v"])))
        self.assertEqual([answer["result"] for answer in ear.answers()], [None] * 3)
        ear.client.list_subscribe(id=9)
        until("the list comes", lambda: ear.answers()[-1]["id"] == 9)
        self.assertEqual(ear.answers()[-1]["result"], ["aapl@kline_1m", "aapl@kline_5m", "aapl@trade"])
        for interval in ["1m", "5m"]:
            ear.client.kline("AAPL", interval, action="UNSUBSCRIBE")
        ear.client.trade("AAPL", id=10, action="UNSUBSCRIBE")
        until("the answer comes", lambda: ear.answers()[-1]["id"] == 10)
        heard = len(ear.heard)
        time.sleep(3)
        self.assertEqual(len(ear.heard), heard)
        ear.client.stop()
        self.assertEqual((ear.ends, ear.errors), (1, []))

    @staticmethod
    def closed_enough(ear):
        closed = [kline for interval in ["1m", "5m"] for kline in ear.events("kline", interval) if kline["x"]]
        counts = {interval: sum(kline["i"] == interval for kline in closed) for interval in ["1m", "5m"]}
        return closed if counts["1m"] >= 3 and counts["5m"] >= 1 else None

    def test_combined_streams_are_named_and_unknown_ones_are_silent(self):
        ear = Ear(self.streams, is_combined=True)
        ear.client.subscribe(["v@kline_1m", "jpm@kline_1m"], id=1)
        ear.client.kline("NOPE", "1m", id=2)
        ear.client.kline("AAPL", "10m", id=3)
        ear.client.subscribe([f"s{number}@trade" for number in range(1100)], id=4)
        until("both are heard", lambda: {"v@kline_1m", "jpm@kline_1m"} <= {message.get("stream") for message in ear.heard})
        answers = {answer["id"]: answer for answer in ear.answers()}
        # The vendor accepts a symbol or a stream that there is not, and sends nothing for it.
        self.assertEqual([answers[number]["result"] for number in [1, 2, 3]], [None, None, None])
        self.assertEqual(answers[4]["error"]["code"], 2)
        ear.client.stop()

    def test_a_stream_in_the_url_and_pings(self):
        ear = Ear(f"{self.streams}/stream?streams=aapl@kline_1m/v@kline_1h&x=")
        until("a kline is heard", lambda: any("stream" in message for message in ear.heard))
        until("the server pings", lambda: ear.pings >= 2)
        ear.client.stop()


@on_every_backend
class Restarts:
    def test_after_a_restart_of_the_server_a_client_goes_on(self):
        with Market(self.backend, days=1, speed=20) as market:
            streams = f"ws://{market.address}/binance/key/{market.key_id}.{market.key_secret}"
            first = Ear(streams)
            first.client.kline("AAPL", "1m")
            until("a kline is heard", lambda: first.events("kline"))
            market.restart()
            until("the end is heard", lambda: first.ends or first.errors)
            second = Ear(streams)
            second.client.kline("AAPL", "1m")
            until("klines close again", lambda: [kline for kline in second.events("kline", "1m") if kline["x"]])
            second.client.stop()


if __name__ == "__main__":
    unittest.main()
