"""alpaca-py, historical and stream, unchanged but for its URL. What it gives is compared with the database."""

import asyncio
import json
import logging
import threading
import unittest
from datetime import datetime, timedelta, timezone

from alpaca.common.exceptions import APIError
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.live import StockDataStream
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from market import Market, on_every_backend, until

BEGINNING = datetime(2000, 1, 1, tzinfo=timezone.utc)
INTERVALS = {
    "1m": TimeFrame.Minute,
    "5m": TimeFrame(5, TimeFrameUnit.Minute),
    "15m": TimeFrame(15, TimeFrameUnit.Minute),
    "30m": TimeFrame(30, TimeFrameUnit.Minute),
    "60m": TimeFrame.Hour,
    "120m": TimeFrame(2, TimeFrameUnit.Hour),
    "1d": TimeFrame.Day,
    "1w": TimeFrame.Week,
    "1M": TimeFrame.Month,
}


def instant(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)


def row(bar):
    return (int(bar.timestamp.timestamp()), bar.open, bar.high, bar.low, bar.close, int(bar.volume))


def rolled(trades):
    """What trades come to: open, high, low, close, volume."""
    prices = [trade.price for trade in trades]
    return (prices[0], max(prices), min(prices), prices[-1], int(sum(trade.size for trade in trades)))


class Stream:
    """alpaca-py's stream in a thread of its own, with everything that it heard."""

    def __init__(self, market, key=None, secret=None):
        url = f"ws://{market.address}/v2/iex"
        self.stream = StockDataStream(key or market.key_id, secret or market.key_secret, url_override=url)
        self.heard = {}

    def hear(self, channel, *symbols):
        heard = self.heard.setdefault(channel, [])

        async def handler(message):
            heard.append(message)

        getattr(self.stream, f"subscribe_{channel}")(handler, *symbols)
        return heard

    def __enter__(self):
        self.thread = threading.Thread(target=lambda: asyncio.run(self.stream._run_forever()), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stream.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()


@on_every_backend
class Alpaca:
    @classmethod
    def setUpClass(cls):
        cls.market = Market(cls.backend, days=16, speed=60)
        cls.client = cls.of(cls.market.key_id, cls.market.key_secret)

    @classmethod
    def tearDownClass(cls):
        cls.market.close()

    @classmethod
    def of(cls, key, secret):
        return StockHistoricalDataClient(key, secret, url_override=cls.market.url)

    def test_bars_of_every_timeframe_are_those_of_the_database(self):
        for interval, timeframe in INTERVALS.items():
            # The last one is still growing.
            stored = self.market.bars("AAPL", interval)[:-1]
            if not stored:
                continue
            request = StockBarsRequest(
                symbol_or_symbols="AAPL", timeframe=timeframe, start=BEGINNING, end=instant(stored[-1][0])
            )
            found = self.client.get_stock_bars(request).data.get("AAPL", [])
            self.assertEqual([row(bar) for bar in found], stored, interval)
            request.sort = "desc"
            backwards = self.client.get_stock_bars(request).data.get("AAPL", [])
            self.assertEqual([row(bar) for bar in reversed(backwards)], stored, interval)

    def test_a_data_frame_has_seven_columns_and_no_hole(self):
        for timeframe in (TimeFrame.Minute, TimeFrame.Day):
            request = StockBarsRequest(symbol_or_symbols=["AAPL", "MSFT"], timeframe=timeframe, start=BEGINNING, limit=500)
            frame = self.client.get_stock_bars(request).df
            self.assertEqual(
                list(frame.columns), ["open", "high", "low", "close", "volume", "trade_count", "vwap"], timeframe.value
            )
            self.assertGreater(len(frame), 10)
            self.assertFalse(frame.isna().any().any())
            self.assertTrue(((frame.low <= frame.vwap + 1e-4) & (frame.vwap <= frame.high + 1e-4)).all())
            self.assertTrue((frame.trade_count > 0).all())

    def test_pages_go_on_over_symbols_until_nothing_is_left(self):
        symbols = self.market.symbols()
        last = self.market.bars("AAPL")[-1][0]
        request = StockBarsRequest(
            symbol_or_symbols=symbols, timeframe=TimeFrame.Minute, start=BEGINNING, end=instant(last)
        )
        asked = []
        get = self.client._session.request
        self.client._session.request = lambda *words, **options: (asked.append(1), get(*words, **options))[1]
        try:
            found = self.client.get_stock_bars(request).data
        finally:
            self.client._session.request = get
        self.assertGreater(len(asked), 3)
        for symbol in symbols:
            # A minute without trade has no bar here.
            stored = self.market.bars(symbol, extra=f"AND time <= {last} AND volume > 0")
            self.assertEqual([row(bar) for bar in found[symbol]], stored)

    def test_trades_of_a_minute_add_up_to_its_bar_and_stand_inside_its_quotes(self):
        (start, *prices, volume) = self.market.bars("AAPL")[-100]
        span = {"symbol_or_symbols": "AAPL", "start": instant(start), "end": instant(start) + timedelta(seconds=59.999999)}
        trades = self.client.get_stock_trades(StockTradesRequest(**span)).data["AAPL"]
        self.assertEqual(rolled(trades), (*prices, volume))
        self.assertTrue(all(isinstance(trade.id, int) for trade in trades))
        quotes = self.client.get_stock_quotes(StockQuotesRequest(**span)).data["AAPL"]
        self.assertEqual(len(quotes), len(trades))
        self.assertTrue(all(0 < quote.bid_price < quote.ask_price for quote in quotes))
        # Three pages and more of what was there in one.
        few = self.client.get_stock_trades(StockTradesRequest(**span, limit=3)).data["AAPL"]
        self.assertEqual(few, trades[:3])
        newest = self.client.get_stock_trades(StockTradesRequest(**span, sort="desc")).data["AAPL"]
        self.assertEqual(newest, trades[::-1])

    def test_the_latest_is_the_present(self):
        newest = self.market.bars("AAPL")[-1][0]
        bar = self.client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="AAPL"))["AAPL"]
        self.assertGreaterEqual(row(bar)[0], newest)
        self.assertIn(row(bar), self.market.bars("AAPL", extra=f"AND time >= {newest}"))
        self.assertTrue(bar.low <= bar.vwap <= bar.high and bar.trade_count > 0)
        trade = self.client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols=["AAPL", "V"]))
        self.assertEqual(set(trade), {"AAPL", "V"})
        self.assertGreaterEqual(trade["AAPL"].timestamp, instant(newest))
        quote = self.client.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AAPL"))["AAPL"]
        self.assertLess(quote.bid_price, quote.ask_price)

        def snapshot_of_a_stored_day():
            newest = self.market.bars("AAPL")[-1][0]
            snapshot = self.client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="AAPL"))["AAPL"]
            return newest >= row(snapshot.daily_bar)[0] and (newest, snapshot)

        # While the first minute of a day is open, no minute of that day is stored.
        newest, snapshot = until("a minute of the day is stored", snapshot_of_a_stored_day)
        day = row(snapshot.daily_bar)[0]
        minutes = self.market.bars("AAPL", extra=f"AND time >= {day} AND time <= {day + 86_399}")
        self.assertEqual(snapshot.daily_bar.open, minutes[0][1])
        self.assertGreaterEqual(snapshot.daily_bar.high, max(minute[2] for minute in minutes if minute[0] <= newest))
        previous = row(snapshot.previous_daily_bar)
        until("the day before is rolled up", lambda: previous in self.market.bars("AAPL", "1d", f"AND time < {day}"))

    def test_what_is_not_there_is_told_as_the_vendor_tells_it(self):
        unknown = StockBarsRequest(symbol_or_symbols=["NOSUCH", "V"], timeframe=TimeFrame.Day, start=BEGINNING)
        self.assertEqual(set(self.client.get_stock_bars(unknown).data), {"V"})
        self.assertEqual(self.client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="NOSUCH")), {})
        with self.assertRaises(APIError) as refused:
            # The client itself refuses to write such a timeframe.
            self.client.get("/stocks/bars", {"symbols": "V", "timeframe": "2Day", "start": "2026-01-01"})
        self.assertEqual((refused.exception.status_code, refused.exception.code), (400, 40010000))
        self.assertTrue(refused.exception.message.startswith("invalid timeframe"))
        for key, secret in [(self.market.key_id, "wrong"), ("wrong", self.market.key_secret)]:
            with self.assertRaises(APIError) as refused:
                self.of(key, secret).get_stock_bars(unknown)
            self.assertEqual((refused.exception.status_code, refused.exception.message), (403, "forbidden."))

    def test_a_wrong_key_is_told_on_the_stream(self):
        with self.assertLogs("alpaca.data.live.websocket", logging.ERROR) as logged:
            stream = Stream(self.market, secret="wrong")
            stream.hear("bars", "AAPL")
            with stream:
                until("the refusal is logged", lambda: any("auth failed" in line for line in logged.output))

    def test_the_stream_adds_up_and_goes_on_after_a_restart(self):
        stream = Stream(self.market)
        trades, quotes = stream.hear("trades", "AAPL"), stream.hear("quotes", "AAPL")
        bars, days = stream.hear("bars", "*"), stream.hear("daily_bars", "AAPL")
        stream.hear("updated_bars", "AAPL")
        stream.hear("trading_statuses", "AAPL")

        def own(start=0):
            return [bar for bar in list(bars) if bar.symbol == "AAPL" and row(bar)[0] >= start]

        def check(heard):
            # The first minute was begun before anybody listened.
            for bar in heard[1:]:
                stored = self.market.bars("AAPL", extra=f"AND time = {row(bar)[0]}")
                self.assertEqual([row(bar)], stored)
                of_minute = [trade for trade in list(trades) if bar.timestamp <= trade.timestamp < bar.timestamp + timedelta(minutes=1)]
                self.assertEqual(rolled(of_minute), row(bar)[1:])
                self.assertEqual(len(of_minute), bar.trade_count)
                mean = sum(trade.price * trade.size for trade in of_minute) / bar.volume
                self.assertAlmostEqual(mean, bar.vwap, 3)

        with stream:
            until("four bars are heard", lambda: len(own()) >= 4)
            check(own())
            self.assertGreater(len(quotes), len(trades) // 2)
            self.assertEqual({bar.symbol for bar in bars}, set(self.market.symbols()))
            day = days[-1]
            last = own()[len(days) - 1] if len(days) <= len(own()) else own()[-1]
            opened = row(day)[0]
            minutes = self.market.bars("AAPL", extra=f"AND time >= {opened} AND time <= {opened + 86_399}")
            sums = [sum(minute[5] for minute in minutes[:count]) for count in range(1, len(minutes) + 1)]
            self.assertIn(int(day.volume), sums)
            self.assertEqual(day.open, minutes[0][1])
            self.assertIsNotNone(last)
            self.market.restart()
            seen = own()[-1].timestamp
            until("bars are heard again", lambda: len(own(seen.timestamp() + 1)) >= 4)
            check(own(seen.timestamp() + 1))

    def test_eight_thousand_symbols_are_one_subscription(self):
        stream = Stream(self.market)
        names = [f"SYM{number}" for number in range(8000 - 10)]
        bars = stream.hear("bars", *names, *self.market.symbols())
        with stream:
            until("every stock is heard", lambda: {bar.symbol for bar in list(bars)} == set(self.market.symbols()))


class AlpacaHalts(unittest.TestCase):
    def test_a_halt_and_its_end_are_trading_statuses(self):
        scenario = 'name = "stop"\n[[event]]\nsymbol = "AAPL"\nkind = "halt"\nfrom = "2026-03-03 09:45"\nuntil = "2026-03-03 09:50"\n'
        place = pathlib_file(scenario)
        words = ["--from", "2026-03-02", "--to", "2026-03-02"]
        with Market(speed=60, backfill=words, write=["--scenario", place]) as market:
            stream = Stream(market)
            statuses = stream.hear("trading_statuses", "AAPL")
            with stream:
                until("both are heard", lambda: len(statuses) >= 2)
            self.assertEqual([status.status_code for status in statuses[:2]], ["H", "T"])
            self.assertEqual([status.tape for status in statuses[:2]], ["C", "C"])
            self.assertTrue(statuses[0].reason_code)
            self.assertEqual(market.rows("SELECT COUNT(*) FROM market_klines WHERE symbol = 'AAPL' AND interval = '1m' AND time >= 1772502300 AND time < 1772502600"), [("0",)])


class AlpacaLimits(unittest.TestCase):
    def test_price_limits_are_told_as_bands_with_the_subscription_and_with_each_day(self):
        # alpaca-py has no handler for them: the same words in JSON.
        from websockets.sync.client import connect

        with Market(days=2, speed=600, write=["--universe", "ashare:20"]) as market:
            main = "board = 'main' AND NOT is_st" if market.database.startswith("postgres") else "board = 'main' AND is_st = 0"
            symbols = [symbol for (symbol,) in market.rows(f"SELECT symbol FROM stock_metadata WHERE {main} ORDER BY symbol")]
            with connect(f"ws://{market.address}/v2/iex") as stream:

                def say(**message):
                    stream.send(json.dumps(message))

                say(action="auth", key=market.key_id, secret=market.key_secret)
                say(action="subscribe", lulds=symbols)
                bands = []
                while len({band["t"][:10] for band in bands if band["i"] == "A"}) < 2:
                    bands += [message for message in json.loads(stream.recv(60)) if message["T"] == "l"]
            self.assertEqual({band["S"] for band in bands if band["i"] == "C"}, set(symbols))
            for band in bands:
                day = datetime.fromisoformat(band["t"]).astimezone(timezone(timedelta(hours=8))).date()
                midnight = int(datetime(day.year, day.month, day.day, tzinfo=timezone(timedelta(hours=8))).timestamp())
                close = market.bars(band["S"], extra=f"AND time < {midnight}")[-1][4]
                self.assertAlmostEqual(band["u"], close * 1.1, delta=0.00501)
                self.assertAlmostEqual(band["d"], close * 0.9, delta=0.00501)


def pathlib_file(text):
    """A scenario's file that outlives the call."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as file:
        file.write(text)
    return file.name


if __name__ == "__main__":
    unittest.main()
