"""Polygon's (Massive's) Python client before the foreign exchange market: REST and the stream agree, at any hour."""

import os
import subprocess
import tempfile
import unittest

from listener import Listener
from market import PATIENCE, PROGRAMS, free_port, until
from massive import RESTClient
from massive.exceptions import AuthError, BadResponse

KEY = "a-key-of-my-own"


class ForexLaws(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="klined-forex-")
        cls.address = f"127.0.0.1:{free_port()}"
        # Clients under test are no reason to be held back.
        words = ["--always-open", "--addr", cls.address, "--api-key", KEY, "--rate", "100000", "--no-log-files"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("FX_", "KLINED_API"))}
        cls.server = subprocess.Popen(
            [PROGRAMS / "fx-api", *words], cwd=cls.directory.name, env=environment, stdout=subprocess.DEVNULL
        )
        cls.rest = RESTClient(KEY, base=f"http://{cls.address}", retries=0)
        until("the server answers", lambda: cls.rest.get_last_forex_quote("EUR", "USD").last.bid)

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait(PATIENCE)
        cls.directory.cleanup()

    def bars(self, multiplier, timespan, first, last, **more):
        return list(self.rest.list_aggs("C:EURUSD", multiplier, timespan, first, last, **more))

    def test_minutes_make_the_day_on_one_page_and_on_many(self):
        """A Saturday: the market is open at any hour."""
        minutes = self.bars(1, "minute", "2025-07-12", "2025-07-12", limit=50000)
        self.assertEqual(len(minutes), 1440)
        self.assertEqual(self.bars(1, "minute", "2025-07-12", "2025-07-12", limit=100), minutes)
        (day,) = self.bars(1, "day", "2025-07-12", "2025-07-12")
        rolled = (
            minutes[0].open,
            max(bar.high for bar in minutes),
            min(bar.low for bar in minutes),
            minutes[-1].close,
            sum(bar.volume for bar in minutes),
        )
        self.assertEqual((day.open, day.high, day.low, day.close, day.volume), rolled)
        grouped = {bar.ticker: bar for bar in self.rest.get_grouped_daily_aggs("2025-07-12", locale="global", market_type="fx")}
        self.assertEqual(len(grouped), 30)
        self.assertEqual((grouped["C:EURUSD"].open, grouped["C:EURUSD"].volume), (day.open, day.volume))
        (previous,) = self.rest.get_previous_close_agg("C:EURUSD")
        self.assertEqual(previous.ticker, "C:EURUSD")

    def test_a_bar_has_as_much_volume_as_quotes(self):
        (bar,) = self.bars(1, "minute", 1752321600000, 1752321600000)
        span = {"timestamp_gte": 1752321600000000000, "timestamp_lt": 1752321660000000000}
        quotes = list(self.rest.list_quotes("C:EURUSD", order="asc", sort="timestamp", limit=50, **span))
        self.assertEqual(len(quotes), bar.volume)
        self.assertTrue(all(quote.bid_price < quote.ask_price for quote in quotes))
        times = [quote.participant_timestamp for quote in quotes]
        self.assertEqual(times, sorted(set(times)))

    def test_conversion_snapshots_and_reference(self):
        converted = self.rest.get_real_time_currency_conversion("AUD", "USD", amount=100, precision=2)
        self.assertAlmostEqual(converted.converted, converted.initial_amount * converted.last.bid, places=2)
        # The day has no bar before its first quote.
        snapshot = until("the day has a bar", lambda: (one := self.rest.get_snapshot_ticker("forex", "C:EURUSD")).day and one)
        self.assertEqual(snapshot.ticker, "C:EURUSD")
        self.assertTrue(snapshot.day.low <= snapshot.day.close <= snapshot.day.high)
        self.assertEqual(len(self.rest.get_snapshot_all("forex")), 30)
        self.assertLessEqual(len(self.rest.get_snapshot_direction("forex", "gainers")), 20)
        self.assertEqual(len(list(self.rest.list_tickers(market="fx", limit=7))), 30)
        self.assertEqual(self.rest.get_market_status().currencies.fx, "open")

    def test_the_stream_is_what_rest_says(self):
        listener = Listener(self.address, "forex", KEY, ["C.EUR/USD", "CAS.EUR/USD", "CA.EUR/USD", "CA.USD/JPY"])
        until("a minute ends", lambda: len(listener.of("CA")) >= 2)
        listener.close()
        for bar in listener.of("CA") + listener.of("CAS"):
            ticker = "C:" + bar.pair.replace("/", "")
            span = "minute" if bar.event_type == "CA" else "second"
            (rest,) = self.rest.list_aggs(ticker, 1, span, bar.start_timestamp, bar.start_timestamp)
            self.assertEqual(
                (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap),
                (rest.open, rest.high, rest.low, rest.close, rest.volume, rest.vwap),
            )
        quotes = listener.of("C")
        first, last = quotes[0].timestamp, quotes[-1].timestamp
        span = {"timestamp_gte": first * 10**6, "timestamp_lt": (last + 1) * 10**6}
        rest = self.rest.list_quotes("C:EURUSD", order="asc", sort="timestamp", limit=50000, **span)
        shown = [(quote.participant_timestamp // 10**6, quote.bid_price, quote.ask_price) for quote in rest]
        self.assertEqual([(quote.timestamp, quote.bid_price, quote.ask_price) for quote in quotes], shown)

    def test_a_wrong_key_and_a_wrong_parameter(self):
        with self.assertRaises(BadResponse):
            RESTClient("wrong", base=f"http://{self.address}").get_last_forex_quote("EUR", "USD")
        with self.assertRaises(BadResponse):
            self.bars(1, "fortnight", "2025-07-12", "2025-07-12")
        listener = Listener(self.address, "forex", "wrong", ["C.*"])
        until("the client gives up", lambda: isinstance(listener.error, AuthError))


if __name__ == "__main__":
    unittest.main()
