"""Polygon's (Massive's) Python client: what it hears is what the database holds."""

import time
import unittest

import numpy
import talib
from listener import Listener
from market import Market, on_every_backend, until
from massive import RESTClient
from massive.exceptions import AuthError, BadResponse

DAY = 86_400


def rows(bars):
    return [(bar.timestamp // 1000, bar.open, bar.high, bar.low, bar.close, int(bar.volume)) for bar in bars]


def rolled(start, trades):
    """The bar that trades make."""
    prices = [trade.price for trade in trades]
    return start, prices[0], max(prices), min(prices), prices[-1], sum(int(trade.size) for trade in trades)


@on_every_backend
class PolygonLaws:
    @classmethod
    def setUpClass(cls):
        cls.market = Market(cls.backend, days=3, speed=60)
        cls.key = f"{cls.market.key_id}.{cls.market.key_secret}"
        cls.rest = RESTClient(cls.key, base=cls.market.url)

    def listen(self, subscriptions, key=None):
        return Listener(self.market.address, "stocks", key or self.key, subscriptions)

    @classmethod
    def tearDownClass(cls):
        cls.market.close()

    def test_bars_are_those_of_the_database_on_as_many_pages_as_it_takes(self):
        stored = self.market.bars("AAPL")
        first, last = stored[0][0], stored[-1][0]
        for limit in [50_000, 150]:
            answer = list(self.rest.list_aggs("AAPL", 1, "minute", first * 1000, last * 1000, limit=limit))
            self.assertEqual(rows(answer), stored, limit)
        self.assertGreater(len(stored), 3 * 150)
        down = list(self.rest.list_aggs("AAPL", 1, "minute", first * 1000, last * 1000, sort="desc", limit=200))
        self.assertEqual(rows(down), stored[::-1])

    def test_windows_are_the_stored_intervals(self):
        whole = "1990-01-01", "2100-01-01"
        for multiplier, span, interval in [(5, "minute", "5m"), (60, "minute", "60m"), (2, "hour", "120m"), (1, "day", "1d"), (1, "week", "1w"), (1, "month", "1M")]:
            stored = self.market.bars("MSFT", interval)
            answer = rows(self.rest.list_aggs("MSFT", multiplier, span, *whole))
            # The newest roll-up may have grown meanwhile.
            self.assertEqual(answer[: len(stored) - 1], stored[:-1], interval)
            self.assertTrue(stored, interval)
        for multiplier, span in [(1441, "minute"), (25, "hour"), (11, "year"), (3601, "second")]:
            with self.assertRaises(BadResponse) as refused:
                self.rest.get_aggs("MSFT", multiplier, span, *whole)
            self.assertIn('"status":"ERROR"', str(refused.exception))

    def test_days_are_those_of_the_database(self):
        days = self.market.bars("V", "1d")
        date = time.strftime("%Y-%m-%d", time.gmtime(days[0][0] + 8 * 3600))
        answer = self.rest.get_daily_open_close_agg("V", date)
        self.assertEqual((answer.open, answer.high, answer.low, answer.close, int(answer.volume)), days[0][1:])
        grouped = {bar.ticker: bar for bar in self.rest.get_grouped_daily_aggs(date)}
        self.assertEqual(len(grouped), len(self.market.symbols()))
        self.assertEqual(rows([grouped["V"]]), [days[0]])

        def previous_is_stored():
            previous = self.rest.get_previous_close_agg("V")[0]
            return (previous.open, previous.close, int(previous.volume)) in [(d[1], d[4], d[5]) for d in self.market.bars("V", "1d")]

        # A day that has just ended may still grow by its last minutes.
        until("the day before is a stored one", previous_is_stored)

    def test_trades_roll_up_to_the_bars_on_as_many_pages_as_it_takes(self):
        stored = self.market.bars("JPM")[-40:-30]
        span = {"timestamp_gte": stored[0][0] * 10**9, "timestamp_lt": (stored[-1][0] + 60) * 10**9}
        trades = list(self.rest.list_trades("JPM", order="asc", limit=50_000, **span))
        minutes = {}
        for trade in trades:
            minutes.setdefault(trade.sip_timestamp // 10**9 // 60 * 60, []).append(trade)
        self.assertEqual([rolled(*minute) for minute in minutes.items()], stored)
        page = len(trades) // 5
        self.assertEqual(list(self.rest.list_trades("JPM", order="asc", limit=page, **span)), trades)
        self.assertEqual(list(self.rest.list_trades("JPM", limit=page, **span)), trades[::-1])
        quotes = list(self.rest.list_quotes("JPM", order="asc", limit=page, **span))
        self.assertTrue(all(quote.bid_price < quote.ask_price for quote in quotes))
        self.assertGreaterEqual(len(quotes), len(trades))

    def test_seconds_add_up_to_the_minutes(self):
        stored = self.market.bars("JPM")[-40:-30]
        answer = list(self.rest.list_aggs("JPM", 1, "second", stored[0][0] * 1000, stored[-1][0] * 1000 + 59_000, limit=200))
        minutes = {}
        for bar in answer:
            minutes.setdefault(bar.timestamp // 60_000 * 60, []).append(bar)
        summed = [
            (start, bars[0].open, max(bar.high for bar in bars), min(bar.low for bar in bars), bars[-1].close, sum(int(bar.volume) for bar in bars))
            for start, bars in minutes.items()
        ]
        self.assertEqual(summed, stored)

    def test_indicators_are_those_of_ta_lib(self):
        stored = [bar for bar in self.market.bars("AAPL") if bar[5]]
        span = {"timespan": "minute", "order": "asc", "limit": 5000, "timestamp_lte": stored[-1][0] * 1000}
        lows, closes = (numpy.array([bar[place] for bar in stored]) for place in (3, 4))

        def check(results, *wanted):
            wanted = [column for column in zip([bar[0] * 1000 for bar in stored], *wanted) if not numpy.isnan(column[-1])]
            self.assertGreater(len(wanted), 400)
            self.assertEqual([value.timestamp for value in results.values], [row[0] for row in wanted])
            for value, (_, first, *others) in zip(results.values, wanted):
                self.assertAlmostEqual(value.value, first, 7)
                if others:
                    self.assertAlmostEqual(value.signal, others[0], 7)
                    self.assertAlmostEqual(value.histogram, others[1], 7)

        check(self.rest.get_sma("AAPL", **span), talib.SMA(closes, 50))
        check(self.rest.get_sma("AAPL", window=7, series_type="low", **span), talib.SMA(lows, 7))
        check(self.rest.get_ema("AAPL", **span), talib.EMA(closes, 50))
        check(self.rest.get_ema("AAPL", window=9, series_type="low", **span), talib.EMA(lows, 9))
        check(self.rest.get_rsi("AAPL", **span), talib.RSI(closes, 14))
        check(self.rest.get_macd("AAPL", **span), *talib.MACD(closes, 12, 26, 9))
        check(self.rest.get_macd("AAPL", short_window=5, long_window=40, signal_window=7, **span), *talib.MACD(closes, 5, 40, 7))
        # Without an order the newest value comes first.
        last = self.rest.get_ema("AAPL", timespan="minute", timestamp_lte=stored[-1][0] * 1000, expand_underlying=True)
        self.assertEqual([value.timestamp for value in last.values], [bar[0] * 1000 for bar in stored[:-11:-1]])
        self.assertEqual(rows(last.underlying.aggregates[:10]), stored[:-11:-1])

    def test_the_last_of_everything_is_new(self):
        def last_two():
            newest = self.market.bars("AAPL")[-1][0]
            trade, quote = self.rest.get_last_trade("AAPL"), self.rest.get_last_quote("AAPL")
            return all(newest <= answer.sip_timestamp // 10**9 < newest + 2 * 3600 for answer in [trade, quote]) and (trade, quote)

        # While the first minute of a day is open, the newest bar is one of the day before.
        _, quote = until("both come soon after the newest bar", last_two)
        self.assertLess(quote.bid_price, quote.ask_price)
        one = self.rest.get_snapshot_ticker("stocks", "AAPL")
        self.assertEqual(one.ticker, "AAPL")
        self.assertIn((one.min.timestamp // 1000, one.min.open, one.min.high, one.min.low, one.min.close, int(one.min.volume)), self.market.bars("AAPL"))
        today = [bar for bar in self.market.bars("AAPL") if bar[0] // DAY == one.min.timestamp // 1000 // DAY and bar[0] <= one.min.timestamp // 1000]
        self.assertEqual(int(one.day.volume), sum(bar[5] for bar in today))
        self.assertEqual((one.day.open, one.day.high, one.day.close), (today[0][1], max(bar[2] for bar in today), today[-1][4]))
        everything = self.rest.get_snapshot_all("stocks")
        self.assertEqual(sorted(answer.ticker for answer in everything), self.market.symbols())
        some = list(self.rest.list_universal_snapshots(ticker_any_of=["AAPL", "NOPE"]))
        self.assertEqual([(answer.ticker, answer.error) for answer in some], [("AAPL", None), ("NOPE", "NOT_FOUND")])
        self.assertEqual(len(list(self.rest.list_universal_snapshots(type="stocks", limit=3))), len(self.market.symbols()))

    def test_there_is_a_reference(self):
        answer = [row.ticker for row in self.rest.list_tickers(limit=3)]
        self.assertEqual(answer, self.market.symbols())
        self.assertEqual([row.ticker for row in self.rest.list_tickers(order="desc", limit=4)], answer[::-1])
        self.assertEqual(self.rest.get_ticker_details("AAPL").ticker, "AAPL")
        self.assertIn(self.rest.get_market_status().market, ["open", "closed"])
        self.assertTrue(all(day.status == "closed" for day in self.rest.get_market_holidays()))
        self.assertEqual((list(self.rest.list_splits()), list(self.rest.list_dividends())), ([], []))
        self.assertEqual(self.rest.get_exchanges()[0].id, 1)
        self.assertEqual(list(self.rest.list_conditions()), [])

    def test_what_is_not_there_is_told_as_the_vendor_does(self):
        self.assertEqual(list(self.rest.list_aggs("NOPE", 1, "day", "2020-01-01", "2030-01-01")), [])
        self.assertEqual(list(self.rest.list_trades("NOPE")), [])
        for ask in [self.rest.get_last_trade, self.rest.get_ticker_details]:
            with self.assertRaises(BadResponse) as refused:
                ask("NOPE")
            self.assertIn('"NOT_FOUND"', str(refused.exception))
        with self.assertRaises(BadResponse) as refused:
            RESTClient("wrong", base=self.market.url).get_last_trade("AAPL")
        self.assertIn("Unknown API Key", str(refused.exception))

    def test_a_wrong_key_is_refused_by_the_stream(self):
        listener = self.listen(["T.AAPL"], key="wrong.key")
        listener.thread.join(30)
        self.assertIsInstance(listener.error, AuthError)

    def test_live_ticks_add_up_to_the_bar_that_follows(self):
        listener = self.listen(["T.AAPL", "T.*", "Q.AAPL", "A.AAPL", "AM.*"])
        minutes = until("five minutes have been sent", lambda: len(listener.of("AM", "AAPL")) >= 5 and listener.of("AM", "AAPL"))
        trades, seconds = listener.of("T", "AAPL"), listener.of("A", "AAPL")
        ids = [trade.id for trade in trades]
        self.assertEqual(len(ids), len(set(ids)))
        stored = {bar[0]: bar for bar in self.market.bars("AAPL")}
        # The first minute was begun before anybody listened.
        for minute in minutes[1:5]:
            start = minute.start_timestamp // 1000
            self.assertEqual((start, minute.open, minute.high, minute.low, minute.close, int(minute.volume)), stored[start])
            within = [trade for trade in trades if trade.timestamp // 60_000 * 60 == start]
            self.assertEqual(rolled(start, within), stored[start])
            turnover = sum(trade.price * trade.size for trade in within)
            self.assertAlmostEqual(minute.vwap, turnover / minute.volume, 3)
            of_minute = [second for second in seconds if second.start_timestamp // 60_000 * 60 == start]
            self.assertEqual(sum(int(second.volume) for second in of_minute), stored[start][5])
            self.assertEqual(len({second.start_timestamp for second in of_minute}), len(of_minute))
            day = [bar for at, bar in stored.items() if at // DAY == start // DAY and at <= start]
            self.assertEqual((int(minute.accumulated_volume), minute.official_open_price), (sum(bar[5] for bar in day), day[0][1]))
        self.assertEqual({m.symbol for m in listener.of("AM")}, set(self.market.symbols()))
        self.assertTrue(all(quote.bid_price < quote.ask_price for quote in listener.of("Q")))
        listener.close()

    def test_a_client_comes_back_after_a_restart(self):
        listener = self.listen(["AM.*"])
        until("a minute has been sent", lambda: listener.of("AM"))
        self.market.restart()
        before = len(listener.of("AM"))
        until("minutes are sent again", lambda: len(listener.of("AM")) > before)
        self.assertIsNone(listener.error)
        listener.close()

    def test_eight_thousand_tickers_may_be_named(self):
        names = [f"T.X{number}" for number in range(8000)] + ["AM.AAPL"]
        listener = self.listen(names)
        until("the known one has been sent", lambda: listener.of("AM", "AAPL"))
        listener.close()


if __name__ == "__main__":
    unittest.main()
