"""The packages pytdx and mootdx, unchanged, before a market of A-shares: both take any host and port."""

import os
import tempfile
import unittest

# mootdx keeps a file of servers in the home directory.
os.environ["HOME"] = tempfile.mkdtemp(prefix="klined-mootdx-")

from mootdx.quotes import Quotes  # noqa: E402
from pytdx.hq import TdxHq_API  # noqa: E402

from market import Market, free_port, on_every_backend  # noqa: E402

CATEGORIES = {0: "5m", 1: "15m", 2: "30m", 3: "60m", 8: "1m", 9: "1d", 5: "1w", 6: "1M"}
# The first instant of the newest day, which the writer goes on with.
NEWEST_DAY = 1_772_582_400


def market_of(code):
    return 1 if code[0] == "6" else 2 if code[0] == "9" else 0


@on_every_backend
class Laws:
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        words = ["--universe", "ashare:60", "--from", "2026-02-24", "--to", "2026-03-04"]
        cls.market = Market(cls.backend, backfill=words, speed=1, serve=["--tdx-addr", f"127.0.0.1:{cls.port}"])
        cls.api = TdxHq_API(raise_exception=True)
        assert cls.api.connect("127.0.0.1", cls.port)
        cls.codes = cls.market.symbols()

    @classmethod
    def tearDownClass(cls):
        cls.api.disconnect()
        cls.market.close()

    def rows(self, code, interval):
        sql = f"SELECT time, open, high, low, close, volume, turnover FROM market_klines WHERE symbol = '{code}' AND interval = '{interval}' AND time < {NEWEST_DAY} ORDER BY time"
        return [tuple(map(float, row)) for row in self.market.rows(sql)]

    def test_the_list_of_stocks(self):
        listed = []
        for market in [0, 1, 2]:
            stocks = self.api.get_security_list(market, 0)
            self.assertEqual(self.api.get_security_count(market), len(stocks))
            self.assertTrue(all(market_of(stock["code"]) == market for stock in stocks))
            listed += stocks
        self.assertEqual(sorted(stock["code"] for stock in listed), self.codes)
        names = dict(self.market.rows("SELECT symbol, name FROM stock_metadata"))
        for stock in listed:
            self.assertEqual((stock["volunit"], stock["decimal_point"]), (100, 2))
            self.assertTrue(names[stock["code"]].startswith(stock["name"]), stock)

    def test_bars_of_every_category(self):
        for code in [self.codes[0], self.codes[30], self.codes[-1]]:
            for category, interval in CATEGORIES.items():
                stored = self.rows(code, interval)
                shown = self.api.get_security_bars(category, market_of(code), code, 0, 800)
                if interval in ["1w", "1M"]:
                    # The last one goes on with the newest day.
                    shown, stored = shown[:1], stored[:1]
                shown = [bar for bar in shown if bar["datetime"] < "2026-03-04"][-len(stored):]
                pairs = list(zip(shown, stored[-len(shown):]))
                self.assertTrue(pairs, interval)
                for bar, (_, opened, high, low, close, volume, turnover) in pairs:
                    self.assertEqual((bar["open"], bar["high"], bar["low"], bar["close"]), (opened, high, low, close), interval)
                    lots = volume / 100 if interval in ["1d", "1w", "1M"] else volume
                    # 24 bits of a number; the client cannot read numbers below 128 that begin with a zero bit.
                    if lots >= 128:
                        self.assertAlmostEqual(bar["vol"] / lots, 1, places=6)
                    if turnover >= 128:
                        self.assertAlmostEqual(bar["amount"] / turnover, 1, places=6)
        # The first minute ends at 09:31, and pages join.
        code = self.codes[0]
        day = self.api.get_security_bars(8, market_of(code), code, 0, 800)
        self.assertIn("2026-03-03 09:31", [bar["datetime"] for bar in day])
        week = self.api.get_security_bars(0, market_of(code), code, 0, 100)
        parts = self.api.get_security_bars(0, market_of(code), code, 60, 40) + self.api.get_security_bars(0, market_of(code), code, 0, 60)
        self.assertEqual([bar["datetime"] for bar in parts][:90], [bar["datetime"] for bar in week][:90])
        self.assertEqual(len(self.api.get_security_bars(11, market_of(code), code, 0, 10)), 1)
        self.assertEqual(len(self.api.get_security_bars(10, market_of(code), code, 0, 10)), 1)

    def test_minutes_and_trades_of_a_day(self):
        code = self.codes[10]
        stored = [row for row in self.rows(code, "1m") if row[0] >= 1_772_496_000]
        minutes = self.api.get_history_minute_time_data(market_of(code), code, 20260303)
        self.assertEqual(len(minutes), 240)
        self.assertEqual([minute["price"] for minute in minutes], [row[4] for row in stored])
        self.assertEqual([minute["vol"] for minute in minutes], [row[5] // 100 for row in stored])
        trades, start = [], 0
        while page := self.api.get_history_transaction_data(market_of(code), code, start, 700, 20260303):
            trades, start = page + trades, start + 700
        self.assertEqual((trades[0]["time"], trades[-1]["price"]), ("09:30", stored[-1][4]))
        self.assertEqual(max(trade["price"] for trade in trades), max(row[2] for row in stored))
        self.assertEqual({trade["buyorsell"] for trade in trades}, {0, 1})
        self.assertEqual([trade["time"] for trade in trades], sorted(trade["time"] for trade in trades))
        self.assertTrue(self.api.get_minute_time_data(market_of(code), code))
        self.assertTrue(self.api.get_transaction_data(market_of(code), code, 0, 20))
        self.assertEqual(self.api.get_history_minute_time_data(market_of(code), code, 20260301), [])

    def test_quotes_have_the_best_level_and_no_invented_ones(self):
        asked = [(market_of(code), code) for code in self.codes] + [(1, "699999")]
        quotes = self.api.get_security_quotes(asked)
        self.assertEqual([quote["code"] for quote in quotes], self.codes)
        for quote in quotes:
            self.assertTrue(quote["low"] <= quote["price"] <= quote["high"], quote)
            if quote["bid1"] and quote["ask1"]:
                self.assertLess(quote["bid1"], quote["ask1"])
            for level in range(2, 6):
                deeper = [quote[name.format(level)] for name in ["bid{}", "ask{}", "bid_vol{}", "ask_vol{}"]]
                self.assertEqual(deeper, [0, 0, 0, 0])
            self.assertRegex(quote["servertime"], r"^(9|1[0-5]):[0-5][0-9]:[0-5][0-9]")

    def test_what_there_is_not(self):
        self.assertEqual(self.api.get_xdxr_info(1, "600000"), [])
        self.assertEqual(self.api.get_security_bars(9, 1, "699999", 0, 10), [])
        self.assertEqual(self.api.get_security_bars(9, 0, [code for code in self.codes if code[0] == "6"][0], 0, 10), [])
        with self.assertRaises(Exception):
            self.api.get_finance_info(1, "600000")
        # The connection goes on.
        self.assertGreater(self.api.get_security_count(1), 0)

    def test_mootdx_reads_the_same(self):
        client = Quotes.factory(market="std", server=("127.0.0.1", self.port))
        code = [code for code in self.codes if code[0] == "6"][0]
        bars = client.bars(symbol=code, frequency=9, offset=100)
        stored = self.rows(code, "1d")
        self.assertEqual(list(bars.close)[: len(stored)], [row[4] for row in stored])
        self.assertEqual(list(client.quotes(symbol=[code]).code), [code])
        self.assertEqual(len(client.minutes(symbol=code, date="20260303")), 240)
        self.assertEqual(len(client.transactions(symbol=code, date="20260303", offset=50)), 50)
        self.assertEqual(client.stock_count(market=1), len([code for code in self.codes if code[0] == "6"]))
        client.close()


if __name__ == "__main__":
    unittest.main()
