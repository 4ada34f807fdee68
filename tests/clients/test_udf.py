"""The requests of TradingView's UDF adapter, as its documentation writes them, and what it makes of the answers."""

import json
import unittest
import urllib.error
import urllib.parse
import urllib.request

from market import Market, on_every_backend

RESOLUTIONS = {"1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "60m", "120": "120m", "1D": "1d", "1W": "1w", "1M": "1M"}
FAR = 4_000_000_000
HALT = """name = "lunch"
[[event]]
symbol = "AAPL"
kind = "halt"
from = "2026-03-02 10:00"
until = "2026-03-02 10:30"
[[event]]
sector = "Finance"
kind = "move"
percent = -3.0
from = "2026-03-02 14:00"
until = "2026-03-02 14:10"
"""


@on_every_backend
class Laws:
    @classmethod
    def setUpClass(cls):
        import pathlib, tempfile

        place = pathlib.Path(tempfile.mkdtemp()) / "halt.toml"
        place.write_text(HALT)
        words = ["--from", "2026-03-02", "--to", "2026-03-04", "--scenario", str(place)]
        cls.market = Market(cls.backend, backfill=words, speed=1)
        # The address of the datafeed is all that a chart gets.
        cls.base = f"{cls.market.url}/udf/key/{cls.market.key_id}.{cls.market.key_secret}"

    @classmethod
    def tearDownClass(cls):
        cls.market.close()

    def ask(self, path, **parameters):
        with urllib.request.urlopen(f"{self.base}/{path}?{urllib.parse.urlencode(parameters)}") as answer:
            self.assertEqual(answer.status, 200)
            return json.loads(answer.read())

    def history(self, symbol, resolution, **parameters):
        return self.ask("history", symbol=symbol, resolution=resolution, **parameters)

    @staticmethod
    def rows(history):
        return list(zip(*(history[name] for name in "tohlcv")))

    def stored(self, symbol, resolution, extra=""):
        bars = self.market.bars(symbol, RESOLUTIONS[resolution], extra)
        # A day is named by its midnight in UTC; its first minute starts 90 minutes later.
        behind = 5400 if resolution[-1] in "DWM" else 0
        return [(time - behind, *rest) for time, *rest in bars]

    def test_the_configuration_and_symbols_are_what_a_chart_needs(self):
        config = self.ask("config")
        self.assertTrue(config["supports_search"] or config["supports_group_request"])
        self.assertLessEqual(set(RESOLUTIONS), set(config["supported_resolutions"]))
        for name in ["supports_marks", "supports_timescale_marks", "supports_time"]:
            self.assertIs(config[name], True)
        for name in ["AAPL", "KLINED:AAPL", "aapl"]:
            symbol = self.ask("symbols", symbol=name)
            self.assertNotIn("s", symbol)
            answer = [symbol[key] for key in ["name", "session", "timezone", "pricescale", "minmov", "has_intraday"]]
            self.assertEqual(answer, ["AAPL", "0930-1130,1300-1500", "Asia/Shanghai", 100, 1, True])
        self.assertEqual(self.ask("symbols", symbol="NOPE"), {"s": "error", "errmsg": "unknown_symbol"})
        found = self.ask("search", query="AM", type="stock", exchange="", limit=10)
        self.assertEqual([one["symbol"] for one in found], ["AMZN"])
        self.assertEqual(len(self.ask("search", query="", type="", exchange="", limit=3)), 3)
        self.assertEqual(self.ask("symbol_info", group="KLINED")["symbol"], self.market.symbols())
        self.assertGreater(self.ask("time"), 1_772_000_000)

    def test_history_is_the_stored_bars(self):
        for resolution in RESOLUTIONS:
            # The writer goes on meanwhile: what is compared ends before it began.
            stored = self.stored("AAPL", resolution, "AND time < 1772640000")
            history = self.history("AAPL", resolution, **{"from": 0, "to": 1772640000})
            self.assertEqual((history["s"], self.rows(history)), ("ok", stored), resolution)
        # Page after page backwards, as a chart that is scrolled.
        stored, to, found, pages = self.stored("V", "1", "AND time < 1772640000"), 1772640000, [], 0
        while (page := self.history("V", "1", **{"from": to - 6000, "to": to, "countback": 100}))["s"] == "ok":
            found = self.rows(page) + found
            to = page["t"][0]
            pages += 1
        self.assertEqual(page, {"s": "no_data"})
        self.assertGreater(pages, 3)
        self.assertEqual(found, stored)

    def test_countback_beats_from_and_an_empty_time_says_where_to_go_on(self):
        stored = self.stored("AAPL", "1", "AND time < 1772640000")
        at = stored[300][0]
        history = self.history("AAPL", "1", **{"from": at - 60, "to": at, "countback": 250})
        self.assertEqual(self.rows(history), stored[50:300])
        # In the halt there is nothing; before it there is.
        halt = 1_772_416_800
        gap = self.history("AAPL", "1", **{"from": halt, "to": halt + 1800})
        self.assertEqual(gap, {"s": "no_data", "nextTime": halt - 60})
        self.assertEqual(self.history("AAPL", "1", **{"from": 0, "to": 1000}), {"s": "no_data"})

    def test_errors_are_told_with_200(self):
        for words in [
            {"symbol": "NOPE", "resolution": "1", "from": 0, "to": 1},
            {"symbol": "AAPL", "resolution": "240S", "from": 0, "to": 1},
            {"symbol": "AAPL", "resolution": "1", "from": "x", "to": 1},
            {"symbol": "AAPL", "resolution": "1", "from": 0, "to": 1, "countback": 100000},
            {"resolution": "1", "from": 0, "to": 1},
        ]:
            answer = self.ask("history", **words)
            self.assertEqual(answer["s"], "error")
            self.assertTrue(answer["errmsg"])
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f"{self.market.url}/udf/key/wrong.key/config")
        self.assertEqual((raised.exception.code, json.loads(raised.exception.read())["s"]), (401, "error"))

    def test_marks_are_the_events_that_hit_a_symbol(self):
        span = {"from": 0, "to": FAR, "resolution": "1"}
        marks = self.ask("marks", symbol="AAPL", **span)
        self.assertEqual((marks["id"], marks["time"]), (["lunch/0"], [1_772_416_800]))
        self.assertTrue(all(len(column) == 1 for column in marks.values()))
        marks = self.ask("timescale_marks", symbol="V", **span)
        self.assertEqual([(mark["id"], mark["color"]) for mark in marks], [("lunch/1", "red")])
        self.assertEqual(self.ask("timescale_marks", symbol="MSFT", **span), [])

    def test_quotes_are_prices_of_now(self):
        quotes = self.ask("quotes", symbols="AAPL,NOPE,KLINED:V")
        self.assertEqual((quotes["s"], [quote["s"] for quote in quotes["d"]]), ("ok", ["ok", "error", "ok"]))
        value = quotes["d"][0]["v"]
        self.assertLessEqual(value["low_price"], value["lp"])
        self.assertLess(value["bid"], value["ask"])


if __name__ == "__main__":
    unittest.main()
